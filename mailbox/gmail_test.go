package mailbox_test

import (
	"slices"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// gmailLab is a move away from a Gmail: one message with three labels, one in
// INBOX, one sent, two archived, one of them starred and one under a label
// that IMAP does not show, and one in Trash.
func gmailLab(t *testing.T, target imaplab.Options) *lab {
	t.Helper()
	source := imaplab.Gmail()
	source.Delim = '/'
	l := start(t, source, target)
	for name, use := range map[string]imap.MailboxAttr{
		"[Gmail]/All Mail": imap.MailboxAttrAll, "[Gmail]/Sent Mail": imap.MailboxAttrSent, "[Gmail]/Bin": imap.MailboxAttrTrash,
		"[Gmail]/Starred": imap.MailboxAttrFlagged, "[Gmail]/Important": imap.MailboxAttrImportant, "Work": "", "Größe & Co": "",
	} {
		l.from.Create(name, use)
	}
	for _, name := range []string{"INBOX", "Work", "Größe & Co"} {
		deliver(t, l.from, name, letter(1))
	}
	deliver(t, l.from, "INBOX", letter(2))
	deliver(t, l.from, "[Gmail]/Sent Mail", letter(3))
	deliver(t, l.from, "[Gmail]/All Mail", letter(4), letter(5, imap.FlagFlagged))
	deliver(t, l.from, "[Gmail]/Starred", letter(5, imap.FlagFlagged))
	deliver(t, l.from, "[Gmail]/Important", letter(2), letter(4))
	deliver(t, l.from, "[Gmail]/Bin", letter(6))
	return l
}

// holds requires that a mailbox of the target has exactly the letters.
func (l *lab) holds(t *testing.T, name string, letters ...imaplab.Message) {
	t.Helper()
	got, want := picture(l.to.Messages(name)), picture(letters)
	if len(got) != len(want) {
		t.Errorf("%s holds %d messages, want %d: %q", name, len(got), len(want), got)
		return
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("%s holds %q, want %q", name, got[i], want[i])
		}
	}
}

func TestArchivedMailOfAGmailIsNotLost(t *testing.T) {
	t.Parallel()
	l := gmailLab(t, imaplab.Options{})
	res := l.copy()
	l.holds(t, "INBOX", letter(1), letter(2))
	l.holds(t, "Work", letter(1))
	l.holds(t, "Größe & Co", letter(1))
	l.holds(t, "Sent Mail", letter(3))
	l.holds(t, "Archive", letter(4), letter(5, imap.FlagFlagged))
	// All Mail holds five; Starred and Important are left out as a whole.
	if got, want := res.Tally(), (mailbox.Tally{Messages: 14, Copied: 8, Skipped: 6}); got != want {
		t.Errorf("tally = %+v, want %+v", got, want)
	}
	for _, code := range []string{"MX166", "MX052"} {
		found := false
		for _, f := range res.Accounts[0].Findings {
			found = found || string(f.Code) == code
		}
		if !found {
			t.Errorf("findings = %v, want %s among them", res.Accounts[0].Findings, code)
		}
	}
	logins := mailbox.Logins(t.Context(), []mailbox.Account{l.account}, mailbox.LoginOptions{Inventory: true, Copy: l.options})
	if got := logins[0].Messages; got != 8 {
		t.Errorf("the inventory counts %d messages, want the 8 that are copied", got)
	}
	for _, state := range []string{"kept", "lost"} {
		if state == "lost" {
			l.forget()
		}
		if res := l.copy(); res.Sent != 0 || res.Tally().Settled() != 14 {
			t.Errorf("state %s: a second run sent %d, tally %+v", state, res.Sent, res.Tally())
		}
		if b, marks := l.verify(mailbox.VerifyOptions{Hash: 100}); !b.Balanced || b.Extra() != 0 || b.Tally().Skipped != 6 {
			t.Errorf("state %s: Verify() = %+v, %v, want a balance", state, b.Tally(), marks)
		}
	}
}

// TestLabelsThatChangeAtAGmail lets our copies follow: archiving is no
// deletion.
func TestLabelsThatChangeAtAGmail(t *testing.T) {
	t.Parallel()
	l := gmailLab(t, imaplab.Options{})
	l.copy()
	take := func(name string, n int) {
		for _, m := range l.from.Messages(name) {
			if string(m.Body) == string(letter(n).Body) {
				if err := l.from.Remove(name, m.UID); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	take("INBOX", 2) // archived
	if res := l.copy(); res.Sent != 0 || res.Accounts[0].Moved != 1 {
		t.Errorf("archived: sent %d, moved %d, want 0 and 1", res.Sent, res.Accounts[0].Moved)
	}
	l.holds(t, "INBOX", letter(1))
	l.holds(t, "Archive", letter(2), letter(4), letter(5, imap.FlagFlagged))
	deliver(t, l.from, "Work", letter(4)) // gets a label
	if res := l.copy(); res.Sent != 1 {
		t.Errorf("labelled: sent %d, want 1", res.Sent)
	}
	l.holds(t, "Work", letter(1), letter(4))
	take("INBOX", 1) // keeps its other labels
	take("[Gmail]/Sent Mail", 3)
	take("[Gmail]/All Mail", 3)
	deliver(t, l.from, "[Gmail]/Bin", letter(3)) // deleted
	l.copy()
	l.holds(t, "Work", letter(1), letter(4))
	l.holds(t, "Sent Mail")
	if b, marks := l.verify(mailbox.VerifyOptions{Hash: 100}); !b.Balanced {
		t.Errorf("Verify() = %+v, %v, want a balance", b.Tally(), marks)
	}
	for _, n := range []int{1, 2, 3, 4, 5, 6} {
		found := false
		for _, name := range l.to.Mailboxes() {
			for _, m := range l.to.Messages(name) {
				found = found || string(m.Body) == string(letter(n).Body)
			}
		}
		if !found {
			t.Errorf("letter %d is nowhere at the target", n)
		}
	}
}

// TestGmailToGmail keeps archived mail archived: it goes to All Mail.
func TestGmailToGmail(t *testing.T) {
	t.Parallel()
	l := gmailLab(t, imaplab.Gmail())
	l.to.Create("[Gmail]/All Mail", imap.MailboxAttrAll)
	l.to.Create("[Gmail]/Trash", imap.MailboxAttrTrash)
	l.to.Create("[Gmail]/Sent Mail", imap.MailboxAttrSent)
	l.copy()
	l.holds(t, "[Gmail]/All Mail", letter(1), letter(2), letter(3), letter(4), letter(5, imap.FlagFlagged))
	l.holds(t, "INBOX", letter(1), letter(2))
	l.holds(t, "Work", letter(1))
	l.holds(t, "[Gmail]/Trash", letter(6))
	if res := l.copy(); res.Sent != 0 {
		t.Errorf("a second run sent %d", res.Sent)
	}
	l.forget()
	if res := l.copy(); res.Sent != 0 {
		t.Errorf("a run without memory sent %d", res.Sent)
	}
	if b, marks := l.verify(mailbox.VerifyOptions{Hash: 100}); !b.Balanced {
		t.Errorf("Verify() = %+v, %v, want a balance", b.Tally(), marks)
	}
}

// TestWayBackToAGmail leads archived mail back to where it was.
func TestWayBackToAGmail(t *testing.T) {
	t.Parallel()
	l := gmailLab(t, imaplab.Options{})
	l.copy()
	deliver(t, l.to, "Archive", letter(20))
	deliver(t, l.to, "INBOX", letter(21))
	l.options.Additions, l.options.Reverse = true, true
	res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.back()})
	if err != nil || res.Err() != nil || res.Sent != 2 {
		t.Fatalf("Copy() = %v, %v, %d sent, want 2", err, res.Err(), res.Sent)
	}
	if n := len(l.from.Messages("[Gmail]/All Mail")); n != 7 {
		t.Errorf("All Mail holds %d messages, want 7", n)
	}
}

// TestWayBackFromAGmailBringsWhatWasArchived has the owner archive mail there:
// what has come since lies only in All Mail, and what was copied there before
// the switch must not come back beside its original.
func TestWayBackFromAGmailBringsWhatWasArchived(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Gmail())
	l.from.Create("INBOX.Work", "")
	l.to.Create("[Gmail]/All Mail", imap.MailboxAttrAll)
	l.to.Create("[Gmail]/Trash", imap.MailboxAttrTrash)
	nameless := awkward()[4:6] // equal headers without a Message-ID
	deliver(t, l.from, "INBOX", letters(0, 4)...)
	deliver(t, l.from, "INBOX.Work", append(letters(4, 6), nameless...)...)
	l.copy()
	archive := func(name string, body []byte) {
		t.Helper()
		for _, m := range l.to.Messages(name) {
			if string(m.Body) == string(body) {
				if err := l.to.Remove(name, m.UID); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	deliver(t, l.to, "INBOX", letters(20, 23)...)
	for _, n := range []int{1, 20, 21} {
		archive("INBOX", letter(n).Body)
	}
	archive("Work", letter(5).Body)
	archive("Work", nameless[0].Body)
	likeFive := letter(5) // the same header, and not the same message
	likeFive.Body = append(likeFive.Body, "P.S. This is another one.\r\n"...)
	deliver(t, l.to, "[Gmail]/All Mail", likeFive)

	l.options.Additions, l.options.Reverse = true, true
	before := len(l.from.Messages("INBOX.Work"))
	for n, sent := range []int{4, 0} {
		l.target.ResetCommands()
		res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.back()})
		if err != nil || res.Err() != nil || res.Sent != sent || res.Tally().Missing+res.Tally().Doubt != 0 {
			t.Fatalf("run %d: Copy() = %v, %v, %d sent, tally %+v, want %d", n, err, res.Err(), res.Sent, res.Tally(), sent)
		}
	}
	want := picture([]imaplab.Message{letter(20), letter(21), likeFive})
	if got := picture(l.from.Messages("INBOX.Archive")); !slices.Equal(got, want) {
		t.Errorf("the old archive holds %q, want %q", got, want)
	}
	want = picture(append(letters(0, 4), letter(22)))
	if got := picture(l.from.Messages("INBOX")); !slices.Equal(got, want) || len(l.from.Messages("INBOX.Work")) != before {
		t.Errorf("the old INBOX holds %q, want %q; Work %d, want %d", got, want, len(l.from.Messages("INBOX.Work")), before)
	}
}
