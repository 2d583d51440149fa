package imaplab_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// only does the action to the nth command of the verb.
func only(verb string, n int, a imaplab.Action) imaplab.Faults {
	return imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if c.Verb == verb && c.N == n {
			return a
		}
		return imaplab.Pass
	}}
}

func TestActions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		faults imaplab.Faults
		send   string
		want   []string // lines that come
		open   bool     // the connection goes on
		stored int
	}{
		{name: "refused before the continuation", faults: only("APPEND", 1, imaplab.Refuse), send: "x APPEND INBOX {3}\r\n", want: []string{"x NO refused"}, open: true},
		{name: "refused after a literal that did not wait", faults: only("APPEND", 1, imaplab.Refuse), send: "x APPEND INBOX {3+}\r\none\r\n", want: []string{"x NO refused"}, open: true},
		{name: "second refused", faults: only("APPEND", 2, imaplab.Refuse), send: "x APPEND INBOX {3+}\r\none\r\ny APPEND INBOX {3+}\r\ntwo\r\n", want: []string{"x OK [APPENDUID 1700000001 1] done", "y NO refused"}, open: true, stored: 1},
		{name: "another command refused", faults: only("NOOP", 1, imaplab.Refuse), send: "x NOOP\r\n", want: []string{"x NO refused"}, open: true},
		{name: "bye", faults: only("NOOP", 1, imaplab.Bye), send: "x NOOP\r\n", want: []string{"* BYE closing"}},
		{name: "cut before", faults: only("APPEND", 1, imaplab.Cut), send: "x APPEND INBOX {3+}\r\none\r\n"},
		{name: "stored without an answer", faults: only("APPEND", 1, imaplab.Mute), send: "x APPEND INBOX {3+}\r\none\r\n", stored: 1},
		{name: "done without an answer", faults: only("CREATE", 1, imaplab.Mute), send: "x CREATE New\r\n"},
		{name: "cut in the literal", faults: imaplab.Faults{CutIn: int64(len("x APPEND INBOX {3+}\r\non"))}, send: "x APPEND INBOX {3+}\r\none\r\n"},
		{name: "cut behind the command", faults: imaplab.Faults{CutIn: int64(len("x APPEND INBOX {3+}\r\none\r\n"))}, send: "x APPEND INBOX {3+}\r\none\r\n", stored: 1},
		{name: "answer cut", faults: imaplab.Faults{CutOut: 4}, send: "x NOOP\r\n", want: []string{"x OK"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, imaplab.Options{})
			acct := s.Account("anna", "secret")
			c := loggedIn(t, s, "anna", "secret")
			s.SetFaults(tt.faults)
			c.send("%s", tt.send)
			for _, want := range tt.want {
				got, err := c.in.ReadString('\n')
				if strings.TrimRight(got, "\r\n") != want || err != nil && !strings.HasPrefix(tt.name, "answer cut") {
					t.Errorf("got %q, %v; want %q", got, err, want)
				}
			}
			if tt.open {
				c.send("z NOOP\r\n")
				c.until("z OK ")
			} else {
				c.closed()
			}
			again := loggedIn(t, s, "anna", "secret")
			again.send("z NOOP\r\n")
			again.until("z OK ")
			if got := len(acct.Messages("INBOX")); got != tt.stored {
				t.Errorf("%d messages stored, want %d", got, tt.stored)
			}
		})
	}
}

// TestCutAnywhere cuts at every octet of two commands: what is stored is
// always a whole message, and the first before the second.
func TestCutAnywhere(t *testing.T) {
	t.Parallel()
	const first, second = "x APPEND INBOX {3+}\r\none\r\n", "y APPEND INBOX {3+}\r\ntwo\r\n"
	s := start(t, imaplab.Options{})
	for n := 1; n < len(first+second); n++ {
		acct := s.Account("anna", "secret")
		c := loggedIn(t, s, "anna", "secret")
		end := []imaplab.End{imaplab.Close, imaplab.Reset}[n%2]
		s.SetFaults(imaplab.Faults{CutIn: int64(n), End: end})
		c.send(first + second)
		for {
			if _, err := c.in.ReadString('\n'); err != nil {
				break
			}
		}
		s.SetFaults(imaplab.Faults{})
		want := ""
		if n >= len(first) {
			want = "one"
		}
		if got := texts(acct, "INBOX"); got != want {
			t.Fatalf("cut behind octet %d: stored %q, want %q", n, got, want)
		}
	}
}

// TestDrainWaitsForWhatWasSent lets a client go away over commands without an
// answer, as a killed one does.
func TestDrainWaitsForWhatWasSent(t *testing.T) {
	t.Parallel()
	const many = 500
	s := start(t, imaplab.Options{})
	acct := s.Account("anna", "secret")
	c := loggedIn(t, s, "anna", "secret")
	c.send("%s", strings.Repeat("x APPEND INBOX {3+}\r\none\r\n", many))
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, c.Conn) }()
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := len(acct.Messages("INBOX")); got != many {
		t.Errorf("%d messages after Drain, want %d", got, many)
	}
	loggedIn(t, s, "anna", "secret")
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := errors.New("waited long enough")
	time.AfterFunc(10*time.Millisecond, func() { cancel(ended) })
	if err := s.Drain(ctx); !errors.Is(err, ended) {
		t.Errorf("Drain() with a client there = %v, want %v", err, ended)
	}
}

func TestDisconnect(t *testing.T) {
	t.Parallel()
	s := start(t, imaplab.Options{})
	s.Account("anna", "secret")
	c := loggedIn(t, s, "anna", "secret")
	s.Disconnect()
	c.closed()
	loggedIn(t, s, "anna", "secret")
}

// TestCloseLeavesNothing does not run in parallel: it looks at all goroutines.
func TestCloseLeavesNothing(t *testing.T) {
	s, err := imaplab.Start(imaplab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Account("anna", "secret")
	for range 5 {
		loggedIn(t, s, "anna", "secret")
	}
	idle := loggedIn(t, s, "anna", "secret")
	idle.send("b SELECT INBOX\r\nc IDLE\r\n")
	idle.until("+ ")
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Errorf("Close: %v", err)
	}
	idle.closed()
	if _, err := net.DialTimeout("tcp", s.Addr(), time.Second); err == nil {
		t.Error("the port is still open")
	}
	for deadline := time.Now().Add(5 * time.Second); ; runtime.Gosched() {
		var buf bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&buf, 1); err != nil {
			t.Fatal(err)
		}
		left := strings.Contains(buf.String(), "imaplab.(*") || strings.Contains(buf.String(), "imapserver.(")
		if !left {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("a goroutine of the server is left:\n%s", buf.String())
		}
	}
}
