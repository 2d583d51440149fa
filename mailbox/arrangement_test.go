package mailbox_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// TestEmptyMailboxesAndSubscriptions come over as they are, however deep.
func TestEmptyMailboxesAndSubscriptions(t *testing.T) {
	t.Parallel()
	for name, hide := range map[string][]imap.Cap{"extended list": nil, "plain list": {imap.CapListExtended, imap.CapListStatus, imap.CapSpecialUse}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, imaplab.Options{Hide: hide}, imaplab.Options{})
			box, want := "INBOX", []string{"INBOX"}
			for _, level := range []string{"a", "b", "c", "d", "e"} {
				box += "." + level
				l.from.Create(box, "")
				want = append(want, strings.ReplaceAll(strings.TrimPrefix(box, "INBOX."), ".", "/"))
			}
			l.from.Create("INBOX.2019", "")
			want = append(want, "2019")
			l.from.Subscribe("INBOX.a.b")
			l.from.Subscribe("INBOX.a.b.c.d.e")
			l.from.Subscribe("INBOX.gone")
			res := l.copy()
			slices.Sort(want)
			if got := l.to.Mailboxes(); !slices.Equal(got, want) {
				t.Errorf("mailboxes = %q, want %q", got, want)
			}
			if got := strings.Join(l.to.Subscribed(), " "); got != "INBOX a/b a/b/c/d/e" {
				t.Errorf("subscribed = %s", got)
			}
			if told := codes(res); hide != nil && told != "MX052" || hide == nil && told != "" {
				t.Errorf("findings = %v", res.Accounts[0].Findings)
			}
			l.target.ResetCommands()
			if l.copy(); l.target.Count("CREATE")+l.target.Count("SUBSCRIBE") != 0 {
				t.Errorf("a further run sent %q", l.target.Commands())
			}
		})
	}
}

// TestNamesThatTheTargetTakesForOne puts their messages together and loses
// none, whether one of the names was there before or not.
func TestNamesThatTheTargetTakesForOne(t *testing.T) {
	t.Parallel()
	for _, there := range []string{"", "worK"} {
		t.Run("there "+there, func(t *testing.T) {
			t.Parallel()
			l := start(t, imaplab.Options{}, imaplab.Options{AnyCase: true})
			box := "WORK"
			if there != "" {
				l.to.Create(there, "")
				box = there
			}
			for i, name := range []string{"INBOX.Work", "INBOX.work", "INBOX.WORK"} {
				l.from.Create(name, "")
				deliver(t, l.from, name, letters(100*i, 100*i+30)...)
				deliver(t, l.from, name, letter(900))
			}
			res := l.copy()
			if got := l.to.Mailboxes(); len(got) != 2 {
				t.Errorf("mailboxes = %q, want one beside INBOX", got)
			}
			if n := len(l.to.Messages(box)); n != 93 || res.Tally() != (mailbox.Tally{Messages: 93, Copied: 93}) {
				t.Errorf("the target holds %d messages, tally %+v, want 93", n, res.Tally())
			}
			if !strings.Contains(codes(res), "MX056") {
				t.Errorf("findings = %v, want MX056", res.Accounts[0].Findings)
			}
			for _, state := range []string{"kept", "lost"} {
				if state == "lost" {
					l.forget()
				}
				if res := l.copy(); res.Sent != 0 {
					t.Errorf("state %s: a further run sent %d", state, res.Sent)
				}
				l.target.ResetCommands()
				if res := l.copy(); res.Tally().Messages != 93 || l.target.Count("CREATE")+l.target.Count("UID FETCH")+l.target.Count("SELECT") != 0 {
					t.Errorf("state %s: at rest, tally %+v, and the target was asked %q", state, res.Tally(), l.target.Commands())
				}
				if b, marks := l.verify(mailbox.VerifyOptions{Hash: 100}); !b.Balanced || b.Extra() != 0 {
					t.Errorf("state %s: Verify() = %+v, %.200v, want a balance", state, b.Tally(), marks)
				}
			}
		})
	}
}

// TestNamesThatTheTargetKeepsForItself are changed, and the messages not.
func TestNamesThatTheTargetKeepsForItself(t *testing.T) {
	t.Parallel()
	o := imaplab.Exchange()
	o.Faults.Command = func(c imaplab.Command) imaplab.Action {
		if c.Verb == "CREATE" && slices.Contains([]string{"Calendar", "Files", "Outbox"}, strings.Trim(c.Args, `"`)) {
			return imaplab.Refuse
		}
		return imaplab.Pass
	}
	l := start(t, imaplab.Options{}, o)
	l.options.Reserved = []string{"Calendar", "Files", "Outbox"}
	for i, name := range []string{"INBOX.calendar", "INBOX.Files", "INBOX.Outbox", "INBOX.Files.2019"} {
		l.from.Create(name, "")
		deliver(t, l.from, name, letters(10*i, 10*i+3)...)
	}
	l.copy()
	for source, target := range map[string]string{
		"INBOX.calendar": "calendar_migrated", "INBOX.Files": "Files_migrated", "INBOX.Outbox": "Outbox_migrated", "INBOX.Files.2019": "Files_migrated/2019",
	} {
		same(t, l.from, source, l.to, target)
	}
}

// TestTwoMailboxesThatCannotBeOpened cost themselves and no storm of tries.
func TestTwoMailboxesThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{Hide: []imap.Cap{imap.CapListStatus}}, imaplab.Options{})
	for n := range 20 {
		l.from.Create(fmt.Sprintf("INBOX.Box%02d", n), "")
		deliver(t, l.from, fmt.Sprintf("INBOX.Box%02d", n), letters(10*n, 10*n+3)...)
	}
	deliver(t, l.from, "INBOX.Box03", letters(900, 938)...)
	for n := range 3 {
		child := fmt.Sprintf("INBOX.Box03.Child%d", n)
		l.from.Create(child, "")
		deliver(t, l.from, child, letter(1000+n))
	}
	broken := func(args string) bool {
		name := strings.Trim(args, `"`)
		return name == "INBOX.Box03" || name == "INBOX.Box07"
	}
	l.source.SetFaults(imaplab.Faults{Answer: func(c imaplab.Command) []string {
		if c.Verb == "EXAMINE" && broken(c.Args) || c.Verb == "STATUS" && strings.Contains(c.Args, "Box07") {
			return []string{"TAG NO SELECT error getting mails in folder"}
		}
		return nil
	}})
	res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.account})
	if got, want := res.Tally(), (mailbox.Tally{Messages: 98, Copied: 57, Doubt: 41}); err != nil || res.Err() == nil || got != want {
		t.Errorf("Copy() = %v, %v, tally %+v, want %+v", err, res.Err(), got, want)
	}
	for n := range 3 {
		same(t, l.from, fmt.Sprintf("INBOX.Box03.Child%d", n), l.to, fmt.Sprintf("Box03/Child%d", n))
	}
	tries := 0
	for _, c := range l.source.Commands() {
		if verb, args, _ := strings.Cut(c, " "); verb == "EXAMINE" && broken(args) {
			tries++
		}
	}
	if tries < 2 || tries > 4 || codes(res) != "MX053 MX053" {
		t.Errorf("%d tries, findings %v, want at most two of each and both named", tries, res.Accounts[0].Findings)
	}
	if b, _ := l.verify(mailbox.VerifyOptions{}); b.Balanced || b.Unread() != 2 {
		t.Errorf("Verify() = %+v, want two unread mailboxes", b.Tally())
	}
	l.source.SetFaults(imaplab.Faults{})
	if got := l.copy().Tally(); got.Copied != 101 {
		t.Errorf("repaired: tally = %+v, want 101 copied", got)
	}
}

// TestSecondMachine takes an account over, and gives it back, without the
// other's memory.
func TestSecondMachine(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{Hide: []imap.Cap{imap.CapMultiAppend}})
	deliver(t, l.from, "INBOX", append(awkward(), letters(0, 300)...)...)
	mine := l.state
	l.options.MaxBytes = 20_000
	first, err := l.copier().Copy(t.Context(), []mailbox.Account{l.account})
	if !errors.Is(err, mailbox.ErrLimit) || first.Sent == 0 || first.Sent == 312 {
		t.Fatalf("Copy() = %v, %d sent, want a part", err, first.Sent)
	}
	l.options.MaxBytes = 0
	l.forget()
	if res := l.copy(); res.Sent != 312-first.Sent || res.Tally().Present != first.Sent {
		t.Errorf("the second sent %d, tally %+v, want the other %d", res.Sent, res.Tally(), 312-first.Sent)
	}
	l.state = mine
	if res := l.copy(); res.Sent != 0 {
		t.Errorf("the first sent %d after it", res.Sent)
	}
	same(t, l.from, "INBOX", l.to, "INBOX")
}

// TestTwoMachinesAtOnce know nothing of each other before they meet. Whoever
// notices stops; what both have sent is told as extra, and nothing is lost.
func TestTwoMachinesAtOnce(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 200)...)
	copiers := []*mailbox.Copier{l.copier()}
	l.forget()
	copiers = append(copiers, l.copier())
	var both sync.WaitGroup
	for _, c := range copiers {
		both.Go(func() {
			res, err := c.Copy(t.Context(), []mailbox.Account{l.account})
			if failed := res.Err(); err != nil || failed != nil && !errors.Is(failed, mailbox.ErrRival) {
				t.Errorf("Copy() = %v, %v", err, failed)
			}
		})
	}
	both.Wait()
	l.copy()
	if res := l.copy(); res.Sent != 0 {
		t.Errorf("a further run sent %d", res.Sent)
	}
	b, _ := l.verify(mailbox.VerifyOptions{})
	if n := len(l.to.Messages("INBOX")); !b.Balanced || b.Extra() != n-200 {
		t.Errorf("Verify() = %+v, %d extra of %d at the target, want a balance with all that are too many", b.Tally(), b.Extra(), n)
	}
}
