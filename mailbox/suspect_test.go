package mailbox_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// A fragile connection breaks when certain octets pass.
type fragile struct {
	net.Conn
	poison []byte
	seen   []byte
	out    bool // what is written counts, not what is read

	bye  string        // what the server says then; empty: nothing
	left *atomic.Int32 // how often; nil: always
	mu   sync.Mutex
	said bool
}

func (f *fragile) poisoned(p []byte) bool {
	f.seen = append(f.seen, p...)
	f.seen = f.seen[max(0, len(f.seen)-len(p)-len(f.poison)):]
	return bytes.Contains(f.seen, f.poison)
}

func (f *fragile) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.said {
		return len(p), nil // into the void
	}
	if f.out && f.poisoned(p) && (f.left == nil || f.left.Add(-1) >= 0) {
		if f.said = f.bye != ""; f.said {
			_ = f.Conn.(*net.TCPConn).CloseRead() // who reads hears the bye
			return len(p), nil
		}
		_ = f.Close()
		return 0, net.ErrClosed
	}
	return f.Conn.Write(p)
}

func (f *fragile) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.said {
		bye := f.bye
		f.bye = ""
		return copy(p, bye), io.EOF
	}
	if !f.out && f.poisoned(p[:n]) {
		_ = f.Close()
		return 0, net.ErrClosed
	}
	return n, err
}

func TestMessageThatEndsConnectionsIsIsolated(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]struct {
		out  bool
		hide []imap.Cap
	}{
		"sent":                     {out: true},
		"sent without MULTIAPPEND": {out: true, hide: []imap.Cap{imap.CapMultiAppend}},
		"fetched":                  {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, imaplab.Options{}, imaplab.Options{Hide: at.hide})
			bad := letter(30)
			bad.Body = append(bad.Body, "poison for servers\r\n"...)
			deliver(t, l.from, "INBOX", letters(0, 30)...)
			deliver(t, l.from, "INBOX", bad)
			deliver(t, l.from, "INBOX", letters(31, 60)...)
			dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
				c, err := new(net.Dialer).DialContext(ctx, network, addr)
				return &fragile{Conn: c, poison: []byte("poison for"), out: at.out}, err
			}
			if at.out {
				l.account.Target.Endpoint.Dial = dial
			} else {
				l.account.Source.Endpoint.Dial = dial
			}
			res := l.copy()
			tally := res.Tally()
			if tally.Copied != 59 || at.out && tally.Refused != 1 || !at.out && tally.Doubt != 1 {
				t.Errorf("tally = %+v, want 59 copied and one told", tally)
			}
			if n := len(l.to.Messages("INBOX")); n != 59 {
				t.Errorf("the target holds %d messages, want 59", n)
			}
			named := false
			for _, f := range res.Accounts[0].Findings {
				named = named || f.Code == "MX161" && strings.Contains(f.Text, "UID 31")
			}
			if !named {
				t.Errorf("findings = %+v, want MX161 for UID 31", res.Accounts[0].Findings)
			}
		})
	}
}

// TestGoodbyeForAnotherReason blames no message, however often it was on its
// way; without such a reason the same is held against it.
func TestGoodbyeForAnotherReason(t *testing.T) {
	t.Parallel()
	const always = 1000
	for name, tt := range map[string]struct {
		bye   string
		times int32
		want  mailbox.Tally
		ends  bool
	}{
		"expired twice":  {"Session invalidated - AccessTokenExpired", 2, mailbox.Tally{Messages: 60, Copied: 60}, true},
		"expired always": {"Session invalidated - AccessTokenExpired", always, mailbox.Tally{Messages: 60, Copied: 0, Missing: 60}, false},
		"no reason":      {"Internal error", always, mailbox.Tally{Messages: 60, Copied: 59, Refused: 1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, imaplab.Options{}, imaplab.Options{})
			bad := letter(30)
			bad.Body = append(bad.Body, "poison for servers\r\n"...)
			deliver(t, l.from, "INBOX", letters(0, 30)...)
			deliver(t, l.from, "INBOX", bad)
			deliver(t, l.from, "INBOX", letters(31, 60)...)
			left := new(atomic.Int32)
			left.Store(tt.times)
			l.account.Target.Endpoint.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				c, err := new(net.Dialer).DialContext(ctx, network, addr)
				return &fragile{Conn: c, poison: []byte("poison for"), out: true, bye: "* BYE " + tt.bye + "\r\n", left: left}, err
			}
			res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.account})
			if got := res.Tally(); err != nil || got.Refused != tt.want.Refused || got.Copied != tt.want.Copied || (res.Err() == nil) != tt.ends {
				t.Errorf("Copy() = %v, %v, tally %+v, want %+v", err, res.Err(), got, tt.want)
			}
			if left.Load() >= tt.times {
				t.Error("the server has never said goodbye")
			}
		})
	}
}

func TestLimitOnOneMessageIsARefusal(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{RefuseAppend: func(_ string, body []byte) error {
		if bytes.Contains(body, []byte("letter 7.")) {
			return errors.New("[LIMIT] not this one")
		}
		return nil
	}})
	deliver(t, l.from, "INBOX", letters(0, 20)...)
	res := l.copy()
	if tally := res.Tally(); tally.Copied != 19 || tally.Refused != 1 {
		t.Errorf("tally = %+v, want 19 copied and 1 refused", tally)
	}
	if f := res.Accounts[0].Findings; len(f) != 2 || f[1].Code != "MX161" || !strings.Contains(f[1].Text, "not this one") {
		t.Errorf("findings = %+v, want MX054 and MX161 with the answer", f)
	}
}
