package migrate_test

import (
	"io"
	"net"
	"sync"
	"testing"
)

// A ferry carries connections to a server and counts the octets that go
// there. It can hold them back in the middle, which is the moment to kill a
// client: what it had sent by then arrives after its death, as on a long way.
type ferry struct {
	addr, to string

	mu      sync.Mutex
	moved   *sync.Cond
	crossed int64
	budget  int64 // hold when crossed gets there; negative: never
	held    chan struct{}
}

// ferryTo starts a ferry, which works until the test ends.
func ferryTo(t *testing.T, to string) *ferry {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &ferry{addr: l.Addr().String(), to: to, budget: -1}
	f.moved = sync.NewCond(&f.mu)
	var work sync.WaitGroup
	work.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() { f.carry(nc) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		f.release()
		work.Wait()
	})
	return f
}

func (f *ferry) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", f.to)
	if err != nil {
		return
	}
	defer server.Close()
	back := make(chan struct{})
	go func() {
		defer close(back)
		_, _ = io.Copy(client, server) // the client sees the end, whatever it was
		client.Close()
	}()
	buf := make([]byte, 16<<10)
	for {
		n, err := client.Read(buf)
		f.pass(int64(n))
		if _, werr := server.Write(buf[:n]); err != nil || werr != nil {
			break
		}
	}
	server.Close()
	<-back
}

// pass counts n octets and waits while the ferry holds.
func (f *ferry) pass(n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.crossed += n
	if f.budget >= 0 && f.crossed >= f.budget && f.held != nil {
		close(f.held)
		f.held = nil
	}
	for f.budget >= 0 && f.crossed >= f.budget {
		f.moved.Wait()
	}
}

// holdAfter lets n more octets cross and then holds everything. The channel
// is closed at that moment.
func (f *ferry) holdAfter(n int64) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.budget = f.crossed + n
	f.held = make(chan struct{})
	return f.held
}

func (f *ferry) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.budget, f.held = -1, nil
	f.moved.Broadcast()
}

// count returns the octets that have crossed so far.
func (f *ferry) count() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.crossed
}

func TestFerryHoldsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f := ferryTo(t, l.Addr().String())
	held := f.holdAfter(10)
	client, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if _, err := client.Write(make([]byte, 25)); err != nil {
		t.Fatal(err)
	}
	<-held
	client.Close() // as a killed process does
	if n := f.count(); n != 25 {
		t.Errorf("the ferry has counted %d octets, want 25", n)
	}
	f.release()
	if got, err := io.ReadAll(server); err != nil || len(got) != 25 {
		t.Errorf("after the release %d octets arrived (%v), want 25", len(got), err)
	}
}
