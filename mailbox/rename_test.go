package mailbox_test

import (
	"strings"
	"testing"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// renameable is a move that was copied, with a mailbox to be renamed.
func renameable(t *testing.T) *lab {
	t.Helper()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	l.from.Create("INBOX.Old", "")
	l.from.Create("INBOX.Old.Below", "")
	l.from.Create("INBOX.Other", "")
	deliver(t, l.from, "INBOX.Old", append(awkward(), letters(0, 30)...)...)
	deliver(t, l.from, "INBOX.Old.Below", letters(40, 50)...)
	deliver(t, l.from, "INBOX.Other", letters(60, 70)...)
	l.copy()
	l.target.ResetCommands()
	return l
}

func TestRenamedMailboxIsNotCopiedAgain(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*lab) error{
		"renamed": func(*lab) error { return nil },
		"renumbered with it": func(l *lab) error {
			return l.from.SetUIDValidity("INBOX.New.Name", 77)
		},
		"user deleted copies": func(l *lab) error {
			for uid := range 5 {
				if err := l.to.Remove("Old", l.to.Messages("Old")[uid].UID); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := renameable(t)
			if err := l.from.Rename("INBOX.Old", "INBOX.New.Name"); err != nil {
				t.Fatal(err)
			}
			if err := change(l); err != nil {
				t.Fatal(err)
			}
			before := len(l.to.Messages("Old"))
			deliver(t, l.from, "INBOX.New.Name", letter(100))
			checkRenamed(t, l.copy(), 1, 2)
			if n := len(l.to.Messages("Old")); appends(l.target) != 1 || n != before+1 || strings.Contains(strings.Join(l.to.Mailboxes(), " "), "New") {
				t.Errorf("%d APPENDs, %d messages in Old, mailboxes %v, want only the new message there", appends(l.target), n, l.to.Mailboxes())
			}
			deliver(t, l.from, "INBOX.New.Name.Below", letter(101))
			checkRenamed(t, l.copy(), 1, 0)
			if b, marks := l.verify(mailbox.VerifyOptions{}); name != "user deleted copies" && (!b.Balanced || b.Extra() != 0) {
				t.Errorf("Verify() = %+v, %v, want a balance", b, marks)
			}
			// It may be renamed once more, and back.
			if err := l.from.Rename("INBOX.New.Name", "INBOX.Old"); err != nil {
				t.Fatal(err)
			}
			if b, marks := l.verify(mailbox.VerifyOptions{}); name == "renamed" && (!b.Balanced || b.Extra() != 0) {
				t.Errorf("Verify() of a rename that no copy has seen = %+v, %v, want a balance", b, marks)
			}
			l.target.ResetCommands()
			if res := l.copy(); res.Sent != 0 || appends(l.target) != 0 {
				t.Errorf("renamed back, %d messages were sent", res.Sent)
			}
		})
	}
}

// checkRenamed looks at what was sent, and how many renames were told.
func checkRenamed(t *testing.T, res mailbox.Result, sent, told int) {
	t.Helper()
	n := 0
	for _, f := range res.Accounts[0].Findings {
		if f.Code == "MX164" {
			n++
		}
	}
	if res.Sent != sent || n != told {
		t.Errorf("sent %d, findings %v, want %d sent and %d renames", res.Sent, res.Accounts[0].Findings, sent, told)
	}
}

func TestMailboxThatIsNoneRenamed(t *testing.T) {
	t.Parallel()
	l := renameable(t)
	// One goes, and another comes that has nothing to do with it.
	if err := l.from.Rename("INBOX.Other", "INBOX.Otherwise"); err != nil {
		t.Fatal(err)
	}
	for _, m := range l.from.Messages("INBOX.Otherwise") {
		if err := l.from.Remove("INBOX.Otherwise", m.UID); err != nil {
			t.Fatal(err)
		}
	}
	deliver(t, l.from, "INBOX.Otherwise", letters(200, 212)...)
	checkRenamed(t, l.copy(), 12, 0)
	same(t, l.from, "INBOX.Otherwise", l.to, "Otherwise")
}

func TestWayBackOfARenamedMailbox(t *testing.T) {
	t.Parallel()
	l := renameable(t)
	if err := l.from.Rename("INBOX.Old", "INBOX.New"); err != nil {
		t.Fatal(err)
	}
	l.copy()
	deliver(t, l.to, "Old", letter(300))
	back := mailbox.Account{Name: l.account.Name, Source: l.account.Target, Target: l.account.Source}
	l.options.Reverse, l.options.Additions = true, true
	before := len(l.from.Messages("INBOX.New"))
	res, err := l.copier().Copy(t.Context(), []mailbox.Account{back})
	if err != nil || res.Err() != nil || res.Sent != 1 || len(l.from.Messages("INBOX.New")) != before+1 {
		t.Errorf("Copy() = %v, %v, sent %d, New holds %d, want one more than %d", err, res.Err(), res.Sent, len(l.from.Messages("INBOX.New")), before)
	}
}

// TestOtherMailboxUnderTheSameUIDValidity is none that was renamed: a server
// that makes two in the same second may give both the same number.
func TestOtherMailboxUnderTheSameUIDValidity(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	l.from.Create("INBOX.Old", "")
	deliver(t, l.from, "INBOX.Old", letters(0, 20)...)
	l.copy()
	validity := l.from.UIDValidity("INBOX.Old")
	if err := l.from.Delete("INBOX.Old"); err != nil {
		t.Fatal(err)
	}
	l.from.Create("INBOX.New", "")
	others := letters(0, 20)
	others[7] = letter(50)
	deliver(t, l.from, "INBOX.New", others...)
	if err := l.from.SetUIDValidity("INBOX.New", validity); err != nil {
		t.Fatal(err)
	}
	checkRenamed(t, l.copy(), 20, 0)
	same(t, l.from, "INBOX.New", l.to, "New")
}
