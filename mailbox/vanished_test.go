package mailbox_test

import (
	"testing"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// TestTargetMailboxMadeAnew deletes a mailbox at the target, or lets a backup
// bring it back under another UIDVALIDITY without one of its messages.
func TestTargetMailboxMadeAnew(t *testing.T) {
	t.Parallel()
	deleted := func(l *lab) error { return l.to.Delete("Work") }
	emptied := func(l *lab) error {
		defer l.to.Create("Work", "")
		return l.to.Delete("Work")
	}
	restored := func(l *lab) error {
		if err := l.to.Remove("Work", 5); err != nil {
			return err
		}
		return l.to.SetUIDValidity("Work", 99)
	}
	for name, tt := range map[string]struct {
		change    func(*lab) error
		additions bool
		vanished  int
	}{
		"deleted": {deleted, false, 32}, "emptied": {emptied, false, 32}, "restored": {restored, false, 1},
		"deleted after the switch": {deleted, true, 32}, "restored after the switch": {restored, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, imaplab.Options{}, imaplab.Options{})
			l.from.Create("INBOX.Work", "")
			deliver(t, l.from, "INBOX.Work", append(awkward(), letters(0, 20)...)...)
			l.copy()
			if err := tt.change(l); err != nil {
				t.Fatal(err)
			}
			deliver(t, l.from, "INBOX.Work", letter(50))
			l.options.Additions = tt.additions
			want := mailbox.Tally{Messages: 33, Copied: 1, Present: 32 - tt.vanished, Missing: tt.vanished}
			if tt.additions {
				want.Missing, want.Gone = 0, tt.vanished
			}
			for run := range 2 {
				res := l.copy()
				if got := res.Tally(); got != want || res.Sent != 1-run {
					t.Errorf("run %d: sent %d, tally %+v, want %d and %+v", run, res.Sent, got, 1-run, want)
				}
				if run == 0 && codes(res) != "MX058 MX167" {
					t.Errorf("findings = %v, want MX058 and MX167", res.Accounts[0].Findings)
				}
			}
			if b, _ := l.verify(mailbox.VerifyOptions{}); b.Tally() != want || b.Balanced != tt.additions || b.Extra() != 0 {
				t.Errorf("Verify() = %+v, want %+v", b.Tally(), want)
			}
			l.options.RecopyMissing = true
			if res := l.copy(); res.Sent != tt.vanished {
				t.Errorf("asked for, %d were sent, want %d", res.Sent, tt.vanished)
			}
			same(t, l.from, "INBOX.Work", l.to, "Work")
			l.options.RecopyMissing = false
			if res := l.copy(); res.Sent != 0 || codes(res) != "" {
				t.Errorf("a further run sent %d, findings %v", res.Sent, res.Accounts[0].Findings)
			}
			if b, _ := l.verify(mailbox.VerifyOptions{Hash: 100}); !b.Balanced {
				t.Errorf("Verify() = %+v, want a balance", b)
			}
		})
	}
}

// codes lists the findings of the only account.
func codes(res mailbox.Result) string {
	text := ""
	for _, f := range res.Accounts[0].Findings {
		if text != "" {
			text += " "
		}
		text += string(f.Code)
	}
	return text
}

// TestWhatTheUserMovesAtTheTargetStaysThere finds the message neither missing
// in the place where it was put nor new in the one to which it was moved.
func TestWhatTheUserMovesAtTheTargetStaysThere(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 5)...)
	l.copy()
	l.to.Create("Sorted", "")
	moved := l.to.Messages("INBOX")[2]
	if err := l.to.Remove("INBOX", moved.UID); err != nil {
		t.Fatal(err)
	}
	deliver(t, l.to, "Sorted", moved)
	for _, additions := range []bool{false, true} {
		l.options.Additions = additions
		deliver(t, l.from, "INBOX", letter(100))
		l.target.ResetCommands()
		if res := l.copy(); res.Sent != 1 {
			t.Errorf("after the switch %v: sent %d, want the new one", additions, res.Sent)
		}
		if n := len(l.to.Messages("Sorted")); n != 1 {
			t.Errorf("Sorted holds %d messages, want 1", n)
		}
	}
	b, _ := l.verify(mailbox.VerifyOptions{})
	if got := b.Tally(); got.Gone != 1 || !b.Balanced {
		t.Errorf("Verify() = %+v, want one gone", got)
	}
}
