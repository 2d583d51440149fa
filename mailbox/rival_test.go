package mailbox_test

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// meanwhile calls deliver before each command of a verb that the target does.
func (l *lab) meanwhile(verb string, deliver func()) {
	var one sync.Mutex
	l.target.SetFaults(imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if c.Verb == verb {
			one.Lock()
			defer one.Unlock()
			deliver()
		}
		return imaplab.Pass
	}})
}

// TestRivalIsNoticed has another machine send the same messages to the same
// mailbox, always some ahead.
func TestRivalIsNoticed(t *testing.T) {
	t.Parallel()
	for name, target := range map[string]imaplab.Options{
		"multiappend": {}, "single": {Hide: []imap.Cap{imap.CapMultiAppend}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, imaplab.Options{}, target)
			const all = 6000
			ms := letters(0, all)
			deliver(t, l.from, "INBOX", ms...)
			sent := 0
			l.meanwhile("APPEND", func() {
				for range min(60, all-sent) {
					deliver(t, l.to, "INBOX", ms[sent])
					sent++
				}
			})
			res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.account})
			rival, ok := errors.AsType[*mailbox.RivalError](res.Err())
			if err != nil || !ok || !errors.Is(res.Err(), mailbox.ErrRival) || rival.Mailbox != "INBOX" || rival.Account != l.account.Name || rival.Messages < 10 {
				t.Fatalf("Copy() = %v, %v, want a RivalError", err, res.Err())
			}
			if res.Sent > all/2 || res.Tally().Missing == 0 {
				t.Errorf("sent %d of %d, tally %+v, want it to stop early", res.Sent, all, res.Tally())
			}
			l.target.SetFaults(imaplab.Faults{})
			before := len(l.to.Messages("INBOX"))
			if res := l.copy(); res.Tally().Settled() != all {
				t.Errorf("when the other has ended, tally = %+v", res.Tally())
			}
			b, _ := l.verify(mailbox.VerifyOptions{})
			if n := len(l.to.Messages("INBOX")); !b.Balanced || b.Extra() != n-all || b.Extra() >= before {
				t.Errorf("Verify() = %+v, %d extra of %d", b.Tally(), b.Extra(), n)
			}
		})
	}
}

// TestRivalIsNoticedInSmallMailboxes, where nothing is left to be stopped but
// what comes after the first convoy: it is told.
func TestRivalIsNoticedInSmallMailboxes(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	for n := range 5 {
		l.from.Create(fmt.Sprintf("INBOX.Box%d", n), "")
		deliver(t, l.from, fmt.Sprintf("INBOX.Box%d", n), letters(10*n, 10*n+5)...)
	}
	var once atomic.Bool
	l.meanwhile("APPEND", func() {
		if once.CompareAndSwap(false, true) {
			for n := range 5 {
				deliver(t, l.to, fmt.Sprintf("Box%d", n), letters(10*n, 10*n+5)...)
			}
		}
	})
	res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.account})
	if err != nil || !errors.Is(res.Err(), mailbox.ErrRival) || res.Tally().Copied != 25 {
		t.Errorf("Copy() = %v, %v, tally %+v, want ErrRival", err, res.Err(), res.Tally())
	}
}

// TestDeliveriesAreNoRival neither where new mail comes to the target, nor
// where the same mail is delivered on both sides.
func TestDeliveriesAreNoRival(t *testing.T) {
	t.Parallel()
	n := 0
	for name, arrival := range map[string]func(ms []imaplab.Message) imaplab.Message{
		"new mail": func([]imaplab.Message) imaplab.Message { return letter(10_000 + n) },
		"the same mail by another way": func(ms []imaplab.Message) imaplab.Message {
			m := ms[n]
			m.Body = append([]byte("Received: from elsewhere by there\r\n"), m.Body...)
			return m
		},
		"the same mail a moment later": func(ms []imaplab.Message) imaplab.Message {
			m := ms[n]
			m.Date = m.Date.Add(2 * time.Second)
			return m
		},
		"another mail of the same header": func(ms []imaplab.Message) imaplab.Message {
			m := ms[n]
			m.Body = bytes.Replace(m.Body, []byte("This"), []byte("Here, this"), 1)
			return m
		},
	} {
		l := start(t, imaplab.Options{}, imaplab.Options{Hide: []imap.Cap{imap.CapMultiAppend}})
		ms := letters(0, 600)
		deliver(t, l.from, "INBOX", ms...)
		n = 0
		l.meanwhile("APPEND", func() {
			if n < 300 {
				deliver(t, l.to, "INBOX", arrival(ms))
				n++
			}
		})
		res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.account})
		if err != nil || res.Err() != nil || res.Tally().Copied != 600 {
			t.Errorf("%s: Copy() = %v, %v, tally %+v, want all copied", name, err, res.Err(), res.Tally())
		}
	}
}

// TestOurOwnLateMessagesAreNoRival stores what was sent over a connection that
// was lost when it has been given up and is sent again.
func TestOurOwnLateMessagesAreNoRival(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	ms := letters(0, 400)
	deliver(t, l.from, "INBOX", ms...)
	var n atomic.Int64
	l.target.SetFaults(imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if c.Verb == "APPEND" {
			switch n.Add(1) {
			case 1:
				return imaplab.Cut
			case 2:
				deliver(t, l.to, "INBOX", ms[:100]...)
			}
		}
		return imaplab.Pass
	}})
	res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.account})
	if err != nil || res.Err() != nil || res.Tally().Copied != 400 {
		t.Fatalf("Copy() = %v, %v, tally %+v, want all copied", err, res.Err(), res.Tally())
	}
	if got := res.Accounts[0].Mailboxes[0].Extra; got != 100 || len(l.to.Messages("INBOX")) != 500 {
		t.Errorf("%d doubles are told of %d messages, want 100 of 500", got, len(l.to.Messages("INBOX")))
	}
}
