package mailbox_test

import (
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// back is the account with its sides swapped, as undo copies it.
func (l *lab) back() mailbox.Account {
	a := l.account
	a.Source, a.Target = a.Target, a.Source
	return a
}

func TestWayBackBringsOnlyWhatIsNew(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	l.from.Create("INBOX.Sent", imap.MailboxAttrSent)
	l.to.Create("Sent Items", imap.MailboxAttrSent)
	deliver(t, l.from, "INBOX", letters(0, 10)...)
	deliver(t, l.from, "INBOX.Sent", awkward()...)
	l.copy()
	deliver(t, l.to, "INBOX", letters(50, 53)...)
	deliver(t, l.to, "Sent Items", letter(60))

	l.options.Additions, l.options.Reverse = true, true
	res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.back()})
	if err != nil || res.Err() != nil {
		t.Fatalf("Copy() = %v, %v", err, res.Err())
	}
	if res.Sent != 4 {
		t.Errorf("the way back sent %d messages, want 4", res.Sent)
	}
	same(t, l.to, "INBOX", l.from, "INBOX")
	same(t, l.to, "Sent Items", l.from, "INBOX.Sent")

	l.options.Reverse = false
	if res := l.copy(); res.Sent != 0 {
		t.Errorf("the way forth sent %d messages again", res.Sent)
	}
	same(t, l.to, "INBOX", l.from, "INBOX")
}

func TestMailboxesPouredTogether(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"kept", "lost"} {
		l := start(t, imaplab.Options{}, imaplab.Options{})
		l.from.Create("INBOX.Old", "")
		l.options.Mailboxes = map[string]string{"Old": "INBOX"}
		deliver(t, l.from, "INBOX", append(awkward(), letters(0, 10)...)...)
		deliver(t, l.from, "INBOX.Old", append(awkward(), letters(5, 15)...)...)
		l.copy()
		want := 2*len(awkward()) + 20
		if n := len(l.to.Messages("INBOX")); n != want {
			t.Errorf("the target holds %d messages, want %d", n, want)
		}
		if state == "lost" {
			l.forget()
		}
		if res := l.copy(); res.Sent != 0 {
			t.Errorf("state %s: a second run sent %d messages", state, res.Sent)
		}
		if b, marks := l.verify(mailbox.VerifyOptions{}); !b.Balanced || len(marks) != 0 || b.Tally().Messages != want {
			t.Errorf("state %s: balance %+v, marks %v", state, b, marks)
		}
	}
}

func TestAccountPouredIntoAnother(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	l.account.Into = "Info"
	l.from.Create("INBOX.Sent", imap.MailboxAttrSent)
	deliver(t, l.from, "INBOX", letters(0, 3)...)
	deliver(t, l.from, "INBOX.Sent", letters(3, 5)...)
	l.copy()
	same(t, l.from, "INBOX", l.to, "Info/INBOX")
	same(t, l.from, "INBOX.Sent", l.to, "Info/Sent")
	if n := len(l.to.Messages("INBOX")); n != 0 {
		t.Errorf("%d messages went into the other account's INBOX", n)
	}
}

func TestLogins(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	fill(t, l)
	l.source.Account("bert", "b")
	l.target.Account("bert", "b")
	l.source.Account("carl", "c")
	l.target.Account("carl", "c")
	l.target.SetFaults(imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if c.User == "carl" && c.Verb == "STATUS" {
			return imaplab.Refuse
		}
		return imaplab.Pass
	}})
	nowhere := side(l.source, "dora", "d")
	nowhere.Endpoint.Addr = "127.0.0.1:1"
	accounts := []mailbox.Account{
		l.account,
		{Name: "bert", Source: side(l.source, "bert", "wrong"), Target: side(l.target, "bert", "b")},
		{Name: "carl", Source: side(l.source, "carl", "c"), Target: side(l.target, "carl", "c")},
		{Name: "dora", Source: nowhere, Target: side(l.target, "bert", "b")},
	}
	want := []struct {
		source, target mailbox.State
		code           string
	}{
		{mailbox.OK, mailbox.OK, ""},
		{mailbox.BadLogin, mailbox.OK, "MX110"},
		{mailbox.OK, mailbox.Unusable, "MX112"},
		{mailbox.Unreachable, mailbox.OK, "MX111"},
	}
	got := mailbox.Logins(t.Context(), accounts, mailbox.LoginOptions{Inventory: true, Copy: l.options})
	for i, r := range got {
		code := ""
		if len(r.Findings) > 0 {
			code = string(r.Findings[0].Code)
		}
		if r.Account != accounts[i].Name || r.Source != want[i].source || r.Target != want[i].target || code != want[i].code {
			t.Errorf("Logins() of %s = %s, %s, %s (%v, %v), want %v", r.Account, r.Source, r.Target, code, r.SourceErr, r.TargetErr, want[i])
		}
	}
	var size int64
	for name := range paths {
		for _, m := range l.from.Messages(name) {
			size += int64(len(m.Body))
		}
	}
	if r := got[0]; r.Mailboxes != 6 || r.Messages != 275 || r.Bytes != size || len(r.Pairs) != 6 {
		t.Errorf("inventory = %d mailboxes, %d messages, %d octets, %d pairs, want 6, 275, %d, 6", r.Mailboxes, r.Messages, r.Bytes, len(r.Pairs), size)
	}
	if r := mailbox.Logins(t.Context(), accounts[3:], mailbox.LoginOptions{TargetOnly: true}); r[0].Source != mailbox.NotMeasured || r[0].Target != mailbox.OK {
		t.Errorf("Logins() of the target alone = %+v", r[0])
	}
}

func TestWayBackUndoesEveryRule(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	l.options.Mailboxes = map[string]string{"Old": "Archive/Old"}
	l.options.Names = map[imap.MailboxAttr]string{imap.MailboxAttrSent: "Sent Mail"}
	for _, name := range []string{"INBOX.Old", "INBOX.Gesendet", "INBOX.Jim / John"} {
		l.from.Create(name, "")
		deliver(t, l.from, name, letters(0, 3)...)
	}
	l.copy()
	for i, name := range []string{"Archive/Old", "Sent Mail", "Jim _ John"} {
		deliver(t, l.to, name, letter(100+i))
	}
	l.to.Create("Fresh", "")
	deliver(t, l.to, "Fresh", letter(200))
	l.options.Additions, l.options.Reverse = true, true
	res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.back()})
	if err != nil || res.Err() != nil || res.Sent != 4 {
		t.Fatalf("Copy() = %v, %v, %d sent, want 4", err, res.Err(), res.Sent)
	}
	same(t, l.to, "Archive/Old", l.from, "INBOX.Old")
	same(t, l.to, "Sent Mail", l.from, "INBOX.Gesendet")
	same(t, l.to, "Jim _ John", l.from, "INBOX.Jim / John")
	same(t, l.to, "Fresh", l.from, "INBOX.Fresh")
}

func TestWayBackOfAnAccountPouredIntoAnother(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	l.account.Into = "Info"
	deliver(t, l.from, "INBOX", letters(0, 3)...)
	l.copy()
	deliver(t, l.to, "INBOX", letter(50)) // the other account's own
	deliver(t, l.to, "Info/INBOX", letter(60))
	l.options.Additions, l.options.Reverse = true, true
	res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.back()})
	if err != nil || res.Err() != nil || res.Sent != 1 {
		t.Fatalf("Copy() = %v, %v, %d sent, want 1", err, res.Err(), res.Sent)
	}
	same(t, l.to, "Info/INBOX", l.from, "INBOX")
}
