package mailbox_test

import (
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// followLab is a copy of 60 messages in INBOX and 2 in each of three others.
func followLab(t *testing.T, target imaplab.Options) (*lab, []imap.UID) {
	t.Helper()
	l := start(t, imaplab.Options{}, target)
	l.from.Create("INBOX.Archive", "")
	l.from.Create("INBOX.Trash", imap.MailboxAttrTrash)
	uids := deliver(t, l.from, "INBOX", letters(0, 60)...)
	deliver(t, l.from, "INBOX.Archive", letters(100, 102)...)
	deliver(t, l.from, "INBOX.Trash", letters(200, 202)...)
	if res := l.copy(); res.Sent != 64 {
		t.Fatalf("sent %d messages, want 64", res.Sent)
	}
	return l, uids
}

// remove takes messages out of the source's INBOX.
func remove(t *testing.T, l *lab, uids ...imap.UID) {
	t.Helper()
	for _, uid := range uids {
		if err := l.from.Remove("INBOX", uid); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCopiesFollowWhatIsMoved(t *testing.T) {
	t.Parallel()
	for name, hide := range map[string][]imap.Cap{"named": nil, "not named": {imap.CapUIDPlus}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, uids := followLab(t, imaplab.Options{Hide: hide})
			remove(t, l, uids[3], uids[4])
			deliver(t, l.from, "INBOX.Archive", letter(3)) // moved there
			before := appends(l.target)
			res := l.copy()
			if res.Sent != 0 || res.Accounts[0].Moved != 2 || appends(l.target) != before {
				t.Errorf("sent %d, moved %d, want 0 and 2", res.Sent, res.Accounts[0].Moved)
			}
			same(t, l.from, "INBOX", l.to, "INBOX")
			same(t, l.from, "INBOX.Archive", l.to, "Archive")
			if n := len(l.to.Messages("Trash")); n != 3 {
				t.Errorf("Trash holds %d messages, want 3: the deleted one is there too", n)
			}
			if res := l.copy(); res.Sent != 0 || res.Accounts[0].Moved != 0 {
				t.Errorf("the run after it sent %d and moved %d", res.Sent, res.Accounts[0].Moved)
			}
			if n := l.target.Count("EXPUNGE") + l.target.Count("UID EXPUNGE"); n != 0 {
				t.Errorf("%d EXPUNGEs were sent", n)
			}
		})
	}
}

func TestCopiesThatDoNotFollow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		hide   []imap.Cap
		change func(l *lab, uids []imap.UID)
		gone   int
	}{
		{"kept by rule", nil, func(l *lab, _ []imap.UID) { l.options.Gone = mailbox.GoneKeep }, 1},
		{"after the switch", nil, func(l *lab, _ []imap.UID) { l.options.Additions = true }, 1},
		{"without MOVE", []imap.Cap{imap.CapMove}, func(*lab, []imap.UID) {}, 1},
		{"touched", nil, func(l *lab, _ []imap.UID) {
			for _, m := range l.to.Messages("INBOX")[:1] {
				if err := l.to.SetFlags("INBOX", m.UID, imap.FlagFlagged); err != nil {
					l.t.Fatal(err)
				}
			}
		}, 1},
		{"too many", nil, func(*lab, []imap.UID) {}, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l, uids := followLab(t, imaplab.Options{Hide: tt.hide})
			tt.change(l, uids)
			remove(t, l, uids[:tt.gone]...)
			res := l.copy()
			if n := len(l.to.Messages("INBOX")); n != 60 || res.Accounts[0].Moved != 0 || l.target.Count("UID MOVE") != 0 {
				t.Errorf("INBOX holds %d messages, %d moved, want 60 and none", n, res.Accounts[0].Moved)
			}
			if b, _ := l.verify(mailbox.VerifyOptions{}); b.Extra() != tt.gone || !b.Balanced {
				t.Errorf("Verify() = %+v, want %d extra", b, tt.gone)
			}
			found := false
			for _, f := range res.Accounts[0].Findings {
				found = found || f.Code == "MX160"
			}
			if want := tt.name == "too many"; found != want {
				t.Errorf("findings %v, MX160 wanted: %v", res.Accounts[0].Findings, want)
			}
		})
	}
}

// TestCopiesFollowLater where a run could not let them, since something was
// still on its way to their mailbox.
func TestCopiesFollowLater(t *testing.T) {
	t.Parallel()
	l, uids := followLab(t, imaplab.Options{})
	deliver(t, l.from, "INBOX", letter(300))
	l.killAt(l.target, lastAppend(t, l), imaplab.Mute)
	remove(t, l, uids[3])
	if res := l.copy(); res.Sent != 0 || res.Accounts[0].Moved != 0 {
		t.Errorf("the run after the kill sent %d and moved %d, want none", res.Sent, res.Accounts[0].Moved)
	}
	if res := l.copy(); res.Accounts[0].Moved != 1 {
		t.Errorf("the run after that moved %d, want 1", res.Accounts[0].Moved)
	}
	same(t, l.from, "INBOX", l.to, "INBOX")
	if n := len(l.to.Messages("Trash")); n != 3 {
		t.Errorf("Trash holds %d messages, want 3", n)
	}
	if res := l.copy(); res.Sent != 0 || res.Accounts[0].Moved != 0 {
		t.Errorf("a further run sent %d and moved %d, want none", res.Sent, res.Accounts[0].Moved)
	}
}

// lastAppend tells which command of the next run at the target will be its
// APPEND, from a run over a copy of the account.
func lastAppend(t *testing.T, l *lab) int {
	t.Helper()
	twin := start(t, imaplab.Options{}, imaplab.Options{})
	twin.from.Create("INBOX.Archive", "")
	twin.from.Create("INBOX.Trash", imap.MailboxAttrTrash)
	deliver(t, twin.from, "INBOX", letters(0, 60)...)
	twin.copy()
	deliver(t, twin.from, "INBOX", letter(300))
	twin.target.ResetCommands()
	twin.copy()
	for i, c := range twin.target.Commands() {
		if len(c) > 6 && c[:6] == "APPEND" {
			return i + 1
		}
	}
	t.Fatalf("no APPEND among %v", twin.target.Commands())
	return 0
}
