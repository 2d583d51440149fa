package mailbox_test

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
)

// A tap is a line to a server that counts what passes, in both directions, and
// tells when so many octets have.
type tap struct {
	server   string // the server's address
	nameless bool   // UIDs in answers to APPEND are made unreadable
	listener net.Listener
	passing  sync.WaitGroup

	mu     sync.Mutex
	passed int64
	at     int64  // hit is called behind this octet; 0: never
	loses  bool   // and nothing passes from then on
	hit    func() // called once
}

// newTap opens a line to a server.
func newTap(t testing.TB, server string, nameless bool) *tap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{server: server, nameless: nameless, listener: l}
	var accepting sync.WaitGroup
	accepting.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close()
		accepting.Wait()
		p.passing.Wait()
	})
	return p
}

func (p *tap) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.passing.Go(func() { p.join(client, server) })
	}
}

// join passes octets on until the server has ended too: by then it has done
// what had come.
func (p *tap) join(client, server net.Conn) {
	var both sync.WaitGroup
	both.Go(func() {
		p.pass(server, client, nil)
		_ = server.(*net.TCPConn).CloseWrite()
	})
	both.Go(func() {
		var hide []byte
		if p.nameless {
			hide = []byte("[APPENDUID ")
		}
		p.pass(client, server, hide)
		_ = client.Close()
		_, _ = io.Copy(io.Discard, server)
	})
	both.Wait()
	_ = client.Close()
	_ = server.Close()
}

// pass copies octets and makes a word among them unreadable.
func (p *tap) pass(to io.Writer, from io.Reader, hide []byte) {
	buf := make([]byte, 4096)
	held := 0 // octets in buf that may begin the word
	for {
		n, err := from.Read(buf[held:])
		n += held
		for i := 0; len(hide) > 0; {
			at := bytes.Index(buf[i:n], hide)
			if at < 0 {
				break
			}
			buf[i+at+1] = 'X'
			i += at + len(hide)
		}
		if held = 0; err == nil {
			held = begun(buf[:n], hide)
		}
		if _, werr := to.Write(p.count(buf[:n-held])); werr != nil || err != nil {
			return
		}
		copy(buf, buf[n-held:n])
	}
}

// begun tells how many octets at the end begin the word.
func begun(p, word []byte) int {
	for n := min(len(p), len(word)-1); n > 0; n-- {
		if bytes.HasSuffix(p, word[:n]) {
			return n
		}
	}
	return 0
}

// count counts octets that are about to pass, and returns those that may.
func (p *tap) count(octets []byte) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at > 0 && p.passed >= p.at && p.loses {
		return nil
	}
	before := p.passed
	p.passed += int64(len(octets))
	if p.at > 0 && before < p.at && p.passed >= p.at {
		p.hit()
		if p.loses {
			return octets[:p.at-before]
		}
	}
	return octets
}

// begin counts anew, up to the octet at which hit is called.
func (p *tap) begin(at int64, loses bool, hit func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.passed, p.at, p.loses, p.hit = 0, at, loses, hit
}

// octets tells how many have passed since begin.
func (p *tap) octets() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.passed
}
