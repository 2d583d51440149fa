package mailbox_test

import (
	"net"
	"testing"
	"time"
)

// farAway gives an address at which a server is as far away as around the
// world: whatever goes there or comes from there takes half a round trip. Only
// time is taken, never octets.
func farAway(t testing.TB, server string, trip time.Duration) string {
	t.Helper()
	if trip == 0 {
		return server
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			go carry(near, server, trip)
		}
	}()
	return l.Addr().String()
}

// carry connects through the line; the handshake takes a round trip as well.
func carry(near net.Conn, server string, trip time.Duration) {
	time.Sleep(trip)
	far, err := net.Dial("tcp", server)
	if err != nil {
		_ = near.Close()
		return
	}
	go delay(near, far, trip/2)
	delay(far, near, trip/2)
}

// delay carries octets one way until it ends, and closes both ends then.
func delay(to, from net.Conn, by time.Duration) {
	type packet struct {
		due    time.Time
		octets []byte
	}
	packets := make(chan packet, 4096)
	go func() {
		defer close(packets)
		for {
			octets := make([]byte, 64<<10)
			n, err := from.Read(octets)
			if n > 0 {
				packets <- packet{time.Now().Add(by), octets[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range packets {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.octets); err != nil {
			break
		}
	}
	_ = to.Close()
	_ = from.Close()
	for range packets { // the reader ends
	}
}
