package mailbox_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

func TestWrongPasswordStopsOneAccount(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 5)...)
	bert := l.target.Account("bert", "right")
	l.source.Account("bert", "b")
	wrong := mailbox.Account{Name: "bert@example.org", Source: side(l.source, "bert", "b"), Target: side(l.target, "bert", "wrong")}
	res, err := l.copier().Copy(t.Context(), []mailbox.Account{wrong, l.account})
	if err != nil {
		t.Fatal(err)
	}
	if got := imapconn.Class(res.Accounts[0].Err); got != imapconn.ClassLogin {
		t.Errorf("class of %v = %s, want login", res.Accounts[0].Err, got)
	}
	if strings.Contains(res.Accounts[0].Err.Error(), "wrong") {
		t.Errorf("the error shows the password: %v", res.Accounts[0].Err)
	}
	if bert.Logins() != 1 {
		t.Errorf("%d login attempts, want 1", bert.Logins())
	}
	same(t, l.from, "INBOX", l.to, "INBOX")
}

func TestMailboxThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	l.from.Create("INBOX.Broken", "")
	l.from.Create("INBOX.Broken.Child", "")
	deliver(t, l.from, "INBOX.Broken", letters(0, 41)...)
	deliver(t, l.from, "INBOX.Broken.Child", letters(50, 53)...)
	l.source.SetFaults(imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if c.Verb == "EXAMINE" && strings.Contains(c.Args, "Broken") && !strings.Contains(c.Args, "Child") {
			return imaplab.Refuse
		}
		return imaplab.Pass
	}})
	res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.account})
	if err != nil || res.Err() == nil {
		t.Errorf("Copy() = %v, %v, want an error of the mailbox", err, res.Err())
	}
	if got, want := res.Tally(), (mailbox.Tally{Messages: 44, Copied: 3, Doubt: 41}); got != want {
		t.Errorf("tally = %+v, want %+v", got, want)
	}
	if f := res.Accounts[0].Findings; len(f) != 1 || f[0].Code != "MX053" {
		t.Errorf("findings = %v, want MX053", f)
	}
	b, err := l.copier().Verify(t.Context(), []mailbox.Account{l.account}, mailbox.VerifyOptions{Copy: l.options})
	if err != nil || b.Balanced || b.Tally().Doubt != 41 || b.Unread() != 1 {
		t.Errorf("Verify() = %+v, %v, want 41 in doubt and one mailbox unread", b, err)
	}
	l.source.SetFaults(imaplab.Faults{})
	if got := l.copy().Tally(); got.Copied != 44 {
		t.Errorf("repaired: tally = %+v, want 44 copied", got)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	limit := map[string]func(*mailbox.Options){
		"bytes": func(o *mailbox.Options) { o.MaxBytes = 10_000 },
		"time": func(o *mailbox.Options) {
			var passed atomic.Int64 // until some messages are there, no time does
			o.MaxTime = time.Second
			began := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
			o.Now = func() time.Time { return began.Add(time.Duration(passed.Load())) }
			o.Events = func(e mailbox.Event) {
				if e.Type == mailbox.MailboxProgress {
					passed.Store(int64(time.Second))
				}
			}
		},
	}
	for name, set := range limit {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, imaplab.Options{}, imaplab.Options{})
			deliver(t, l.from, "INBOX", letters(0, 2500)...)
			set(&l.options)
			res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.account})
			if !errors.Is(err, mailbox.ErrLimit) {
				t.Errorf("Copy() = %v, want ErrLimit", err)
			}
			if got := res.Tally(); got.Copied == 0 || got.Missing == 0 || got.Copied+got.Missing != 2500 {
				t.Errorf("tally = %+v, want some copied and the rest missing", got)
			}
			l.options.MaxBytes, l.options.MaxTime = 0, 0
			l.copy()
			same(t, l.from, "INBOX", l.to, "INBOX")
		})
	}
}

func TestStopOnRequest(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 2500)...)
	stop := make(chan struct{})
	var once atomic.Bool
	l.options.Stop = stop
	l.options.Events = func(e mailbox.Event) {
		if e.Type == mailbox.MailboxProgress && once.CompareAndSwap(false, true) {
			close(stop)
		}
	}
	res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.account})
	if got := res.Tally(); !errors.Is(err, mailbox.ErrStopped) || got.Doubt != 0 || got.Copied == 0 || got.Missing == 0 {
		t.Errorf("Copy() = %v, tally %+v, want ErrStopped, some copied and nothing in doubt", err, got)
	}
	l.options.Stop, l.options.Events = nil, nil
	l.copy()
	same(t, l.from, "INBOX", l.to, "INBOX")
}

func TestCancelledRunTellsItsCause(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 300)...)
	l.options.Settle = time.Second // what the target has read it may store after the end of the connection
	cause := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	l.target.SetFaults(imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if c.Verb == "APPEND" {
			cancel(cause)
		}
		return imaplab.Pass
	}})
	if _, err := l.copier().Copy(ctx, []mailbox.Account{l.account}); !errors.Is(err, cause) {
		t.Errorf("Copy() = %v, want %v", err, cause)
	}
	l.copy()
	same(t, l.from, "INBOX", l.to, "INBOX")
}

func TestDoubleThatComesToLightIsTold(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 3)...)
	var cut atomic.Bool
	l.target.SetFaults(imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if c.Verb == "APPEND" && cut.CompareAndSwap(false, true) {
			return imaplab.Cut
		}
		return imaplab.Pass
	}})
	l.copy()
	deliver(t, l.to, "INBOX", letter(1)) // the server had kept it after all
	res := l.copy()
	if m := res.Accounts[0].Mailboxes[0]; m.Extra != 1 || len(res.Accounts[0].Findings) != 1 || res.Accounts[0].Findings[0].Code != "MX057" {
		t.Errorf("extra = %d, findings %v, want one double", m.Extra, res.Accounts[0].Findings)
	}
	if b, _ := l.verify(mailbox.VerifyOptions{}); !b.Balanced || b.Extra() != 1 {
		t.Errorf("Verify() = %+v, want a balance with one extra", b)
	}
	deliver(t, l.to, "INBOX", letter(2)) // whoever sends this now is not us
	if res := l.copy(); res.Accounts[0].Mailboxes[0].Extra != 0 {
		t.Error("a doubt is watched for ever")
	}
}

func TestServerThatKeepsOneOfSeveral(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letter(0), letter(0), letter(1))
	l.options.Events = func(e mailbox.Event) {
		if e.Type == mailbox.MailboxProgress {
			_ = l.to.Remove("INBOX", 2) // as Gmail does behind its OK
		}
	}
	if got := l.copy().Tally(); got.Copied != 3 {
		t.Errorf("tally = %+v, want three copied", got)
	}
	l.options.Events = nil
	if b, _ := l.verify(mailbox.VerifyOptions{}); b.Tally().Merged != 1 || b.Tally().Copied != 2 || !b.Balanced {
		t.Errorf("Verify() = %+v, want one merged", b.Tally())
	}
	if res := l.copy(); res.Sent != 0 {
		t.Errorf("%d messages were sent again", res.Sent)
	}
}

// TestUIDNextRunsBackwards gives UIDs out anew under the same UIDVALIDITY, as a
// large provider has done.
func TestUIDNextRunsBackwards(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"source", "target"} {
		t.Run(side, func(t *testing.T) {
			t.Parallel()
			l := start(t, imaplab.Options{}, imaplab.Options{})
			deliver(t, l.from, "INBOX", letters(0, 90)...)
			l.copy()
			if side == "source" {
				backwards(t, l.from, "INBOX", 63, letters(200, 202))
			} else {
				backwards(t, l.to, "INBOX", 63, append(letters(62, 90), letters(200, 202)...)[:20])
				deliver(t, l.from, "INBOX", letters(200, 202)...)
			}
			res := l.copy()
			if f := res.Accounts[0].Findings; len(f) != 1 || f[0].Code != "MX058" {
				t.Errorf("findings = %v, want MX058", f)
			}
			if side == "source" {
				if n := len(l.to.Messages("INBOX")); n != 92 || res.Sent != 2 {
					t.Errorf("sent %d, the target holds %d, want 2 and 92", res.Sent, n)
				}
			} else {
				same(t, l.from, "INBOX", l.to, "INBOX")
			}
			if res := l.copy(); res.Sent != 0 {
				t.Errorf("a further run sent %d", res.Sent)
			}
		})
	}
}

// backwards takes the messages from a UID on away, and gives their UIDs to
// others.
func backwards(t *testing.T, a *imaplab.Account, name string, from imap.UID, others []imaplab.Message) {
	t.Helper()
	for _, m := range a.Messages(name) {
		if m.UID >= from {
			if err := a.Remove(name, m.UID); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := a.SetUIDNext(name, from); err != nil {
		t.Fatal(err)
	}
	deliver(t, a, name, others...)
}

func TestServerThatAllowsFewConnections(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{Hide: []imap.Cap{imap.CapListStatus}}, imaplab.Options{})
	for _, name := range []string{"A", "B", "C", "D", "E"} {
		l.from.Create("INBOX."+name, "")
		deliver(t, l.from, "INBOX."+name, letters(0, 10)...)
	}
	l.target.SetFaults(imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if (c.Verb == "LOGIN" || c.Verb == "AUTHENTICATE") && c.N > 1 {
			return imaplab.Bye
		}
		return imaplab.Pass
	}})
	if got := l.copy().Tally(); got.Copied != 50 {
		t.Errorf("tally = %+v, want 50 copied", got)
	}
	if n := l.target.Count("AUTHENTICATE") + l.target.Count("LOGIN"); n < 2 {
		t.Errorf("%d connections were tried, want some that are refused", n)
	}
}

func TestNothingIsSentThatCannotBeNoted(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 10)...)
	l.copy()
	deliver(t, l.from, "INBOX", letters(10, 20)...)
	db, err := openDB(l.state)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "CREATE TRIGGER full BEFORE INSERT ON copy_intent BEGIN SELECT RAISE(FAIL, 'disk full'); END"); err != nil {
		t.Fatal(err)
	}
	l.target.ResetCommands()
	res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.account})
	if err != nil || res.Err() == nil || appends(l.target) != 0 {
		t.Errorf("Copy() = %v, %v and %d APPENDs, want an error and none", err, res.Err(), appends(l.target))
	}
	if _, err := db.ExecContext(t.Context(), "DROP TRIGGER full"); err != nil {
		t.Fatal(err)
	}
	_ = db.Close()
	l.copy()
	same(t, l.from, "INBOX", l.to, "INBOX")
}

func TestRunThatCannotNoteWhatItSent(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", awkward()...)
	l.copy() // makes the tables
	deliver(t, l.from, "INBOX", append(awkward(), letters(10, 20)...)...)
	db, err := openDB(l.state)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "CREATE TRIGGER full BEFORE DELETE ON copy_intent BEGIN SELECT RAISE(FAIL, 'disk full'); END"); err != nil {
		t.Fatal(err)
	}
	if res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.account}); err != nil || res.Err() == nil {
		t.Errorf("Copy() = %v, %v, want an error", err, res.Err())
	}
	if _, err := db.ExecContext(t.Context(), "DROP TRIGGER full"); err != nil {
		t.Fatal(err)
	}
	_ = db.Close()
	l.copy()
	same(t, l.from, "INBOX", l.to, "INBOX")
}

// TestAppendThatIsStoredLate lets the server store a batch only after the
// first look at it: the second one has to find it.
func TestAppendThatIsStoredLate(t *testing.T) {
	t.Parallel()
	for name, habit := range habits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, imaplab.Options{}, habit)
			deliver(t, l.from, "INBOX", awkward()...)
			l.options.Connections = 1
			var mu sync.Mutex
			cut, looks := false, 0
			l.target.SetFaults(imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
				mu.Lock()
				defer mu.Unlock()
				switch {
				case c.Verb == "APPEND" && !cut:
					cut = true
					return imaplab.Cut
				case c.Verb == "SELECT" && cut:
					if looks++; looks == 2 {
						for _, m := range awkward() {
							_, _ = l.to.Deliver("INBOX", m)
						}
					}
				}
				return imaplab.Pass
			}})
			res := l.copy()
			same(t, l.from, "INBOX", l.to, "INBOX")
			if got := res.Tally(); got.Copied != len(awkward()) || looks < 2 {
				t.Errorf("tally = %+v after %d looks, want all copied", got, looks)
			}
		})
	}
}

func TestServerThatWantsTheParentFirst(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deep := "INBOX.Projects.2019.May"
	l.from.Create(deep, "")
	deliver(t, l.from, deep, letters(0, 3)...)
	var made atomic.Int32
	l.target.SetFaults(imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if c.Verb != "CREATE" {
			return imaplab.Pass
		}
		if strings.Count(c.Args, "/") > int(made.Load()) {
			return imaplab.Refuse
		}
		made.Add(1)
		return imaplab.Pass
	}})
	if res := l.copy(); res.Sent != 3 {
		t.Errorf("sent %d messages, want 3; findings %v", res.Sent, res.Accounts[0].Findings)
	}
	same(t, l.from, deep, l.to, "Projects/2019/May")
}
