package mailbox_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// A fragile connection breaks when certain octets pass.
type fragile struct {
	net.Conn
	poison []byte
	seen   []byte
	out    bool // what is written counts, not what is read
}

func (f *fragile) poisoned(p []byte) bool {
	f.seen = append(f.seen, p...)
	f.seen = f.seen[max(0, len(f.seen)-len(p)-len(f.poison)):]
	return bytes.Contains(f.seen, f.poison)
}

func (f *fragile) Write(p []byte) (int, error) {
	if f.out && f.poisoned(p) {
		_ = f.Close()
		return 0, net.ErrClosed
	}
	return f.Conn.Write(p)
}

func (f *fragile) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
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
