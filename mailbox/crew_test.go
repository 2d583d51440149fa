package mailbox_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// logins counts the attempts to log in.
func logins(s *imaplab.Server) int { return s.Count("AUTHENTICATE") + s.Count("LOGIN") }

// crowd is a move over several connections.
func crowd(t *testing.T) *lab {
	t.Helper()
	l := start(t, imaplab.Options{Hide: []imap.Cap{imap.CapListStatus}}, imaplab.Options{})
	for n := range 8 {
		box := fmt.Sprintf("INBOX.Box%d", n)
		l.from.Create(box, "")
		deliver(t, l.from, box, letters(n*100, n*100+60)...)
	}
	return l
}

func (l *lab) sameBoxes(t *testing.T) {
	t.Helper()
	for n := range 8 {
		same(t, l.from, fmt.Sprintf("INBOX.Box%d", n), l.to, fmt.Sprintf("Box%d", n))
	}
}

func TestCeilingOfConnections(t *testing.T) {
	t.Parallel()
	l := crowd(t)
	l.target.SetFaults(imaplab.Faults{Most: 2})
	l.copy()
	l.sameBoxes(t)
	if n := logins(l.target); n > 4 {
		t.Errorf("%d logins at the target, want no more than one for each connection wanted", n)
	}
	if b, _ := l.verify(mailbox.VerifyOptions{}); !b.Balanced {
		t.Errorf("Verify() = %+v, want a balance over fewer connections too", b)
	}
}

// TestConnectionsByWhatTheyAreWorth copies a few hundred messages over one
// connection, and over all where each message waits for the target's leave.
func TestConnectionsByWhatTheyAreWorth(t *testing.T) {
	t.Parallel()
	for name, want := range map[imap.Cap]int{"": 1, imap.CapLiteralPlus: 4} {
		t.Run("without "+string(name), func(t *testing.T) {
			t.Parallel()
			l := start(t, imaplab.Options{}, imaplab.Options{Hide: []imap.Cap{name}})
			for n := range 8 {
				box := fmt.Sprintf("INBOX.Box%d", n)
				l.from.Create(box, "")
				deliver(t, l.from, box, letters(n*100, n*100+50)...)
			}
			l.copy()
			l.sameBoxes(t)
			if n := l.to.Logins(); n != want {
				t.Errorf("%d logins at the target, want %d", n, want)
			}
		})
	}
}

// TestCeilingLearnedOnTheWay lets in fewer connections after all were lost.
func TestCeilingLearnedOnTheWay(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"source", "target"} {
		t.Run(side, func(t *testing.T) {
			t.Parallel()
			l := crowd(t)
			l.options.Settle = 200 * time.Millisecond // the server needs a moment to see that a connection has gone
			server, verb := l.target, "APPEND"
			if side == "source" {
				server, verb = l.source, "UID FETCH"
			}
			var cut atomic.Bool
			server.SetFaults(imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
				if c.Verb == verb && c.N == 3 && cut.CompareAndSwap(false, true) {
					server.ResetCommands()
					server.SetFaults(imaplab.Faults{Most: 1})
					server.Disconnect()
				}
				return imaplab.Pass
			}})
			res := l.copy()
			l.sameBoxes(t)
			if t.Failed() {
				t.Logf("%+v", res)
			}
			if !cut.Load() {
				t.Error("no connection was cut")
			}
			if n := logins(server); n > 30 {
				t.Errorf("%d logins after the cut", n)
			}
		})
	}
}

// TestByeAfterEachLogin pauses the account of a server that hangs up on it, and
// copies the others.
func TestByeAfterEachLogin(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 5)...)
	bert := mailbox.Account{Name: "bert@example.org", Source: side(l.source, "bert", "b"), Target: side(l.target, "bert", "b")}
	deliver(t, l.source.Account("bert", "b"), "INBOX", letters(0, 5)...)
	to := l.target.Account("bert", "b")
	var waits atomic.Int32
	l.options.Events = func(e mailbox.Event) {
		if e.Type == mailbox.AccountWaiting && e.Account == bert.Name && e.Wait > 0 && strings.Contains(e.Text, "Temp error") {
			waits.Add(1)
		}
	}
	l.source.SetFaults(imaplab.Faults{Answer: func(c imaplab.Command) []string {
		if c.User == "bert" {
			return []string{"* BYE Temp error"}
		}
		return nil
	}})
	res, err := l.copier().Copy(t.Context(), []mailbox.Account{bert, l.account})
	if err != nil || imapconn.Class(res.Accounts[0].Err) != imapconn.ClassTemporary || res.Accounts[1].Err != nil {
		t.Errorf("Copy() = %v, errors %v and %v, want a temporary one and none", err, res.Accounts[0].Err, res.Accounts[1].Err)
	}
	if n := l.source.Lookup("bert").Logins(); n < 2 || n > 5 || waits.Load() == 0 {
		t.Errorf("%d logins, %d waits, want a few of both", n, waits.Load())
	}
	same(t, l.from, "INBOX", l.to, "INBOX")
	l.source.SetFaults(imaplab.Faults{})
	if res, err := l.copier().Copy(t.Context(), []mailbox.Account{bert}); err != nil || res.Err() != nil || len(to.Messages("INBOX")) != 5 {
		t.Errorf("later: Copy() = %v, %v, want all copied", err, res.Err())
	}
}
