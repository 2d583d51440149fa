package mailbox_test

import (
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// personas are servers with their habits, and how many of the letters, twins
// and awkward messages of a mailbox they can hold.
var personas = map[string]struct {
	options func() imaplab.Options
	merges  bool // keeps one of several identical messages
	refuses int  // of the awkward messages, with all repairs
}{
	"Dovecot":  {imaplab.Dovecot, false, 0},
	"Courier":  {imaplab.Courier, false, 0},
	"Cyrus":    {imaplab.Cyrus, false, 0},
	"Exchange": {imaplab.Exchange, false, 0},
	"Gmail":    {imaplab.Gmail, true, 0},
	"Zoho":     {imaplab.Zoho, false, 0},
	"iCloud":   {imaplab.ICloud, false, 0},
	"Proton":   {imaplab.ProtonBridge, true, 12},
}

// home is where a persona keeps the mailboxes of a new user, and the mailbox
// of a name in it.
func home(o imaplab.Options, name string, a *imaplab.Account) map[imap.MailboxAttr]string {
	names := map[imap.MailboxAttr]string{imap.MailboxAttrSent: "Sent", imap.MailboxAttrTrash: "Trash"}
	switch name {
	case "Exchange":
		names = map[imap.MailboxAttr]string{imap.MailboxAttrSent: "Gesendete Elemente", imap.MailboxAttrTrash: "Gelöschte Elemente"}
	case "Gmail":
		names = map[imap.MailboxAttr]string{imap.MailboxAttrSent: "[Gmail]/Sent Mail", imap.MailboxAttrTrash: "[Gmail]/Bin", imap.MailboxAttrAll: "[Gmail]/All Mail"}
	case "iCloud":
		names = map[imap.MailboxAttr]string{imap.MailboxAttrSent: "Sent Messages", imap.MailboxAttrTrash: "Deleted Messages"}
	case "Proton":
		a.Create("Folders/Own", "")
		a.Create("Labels/Red", "")
	}
	for use, box := range names {
		names[use] = o.Prefix + box
		a.Create(names[use], use)
	}
	return names
}

// own is how a persona writes the name of a user's own mailbox.
func own(o imaplab.Options, name string, levels ...string) string {
	prefix, delim := o.Prefix, string(o.Delim)
	if o.Delim == 0 {
		delim = "/"
	}
	if name == "Proton" {
		prefix = "Folders/"
	}
	return prefix + strings.Join(levels, delim)
}

// TestPersonasAsTargets copies to each: everything that it can hold is there
// once, and neither a further run nor one without memory sends anything.
func TestPersonasAsTargets(t *testing.T) {
	t.Parallel()
	for name, tt := range personas {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := tt.options()
			l := start(t, imaplab.Options{}, o)
			places := home(o, name, l.to)
			l.from.Create("INBOX.Gesendet", "")
			l.from.Create("INBOX.Papierkorb", imap.MailboxAttrTrash)
			l.from.Create("INBOX.Projekte.Größe", "")
			l.from.Subscribe("INBOX.Projekte.Größe")
			deliver(t, l.from, "INBOX", append(awkward(), letters(0, 60, imap.FlagSeen, "$Forwarded", imap.FlagFlagged)...)...)
			deliver(t, l.from, "INBOX.Gesendet", letters(100, 104, imap.FlagAnswered)...)
			deliver(t, l.from, "INBOX.Papierkorb", letters(200, 202)...)
			deliver(t, l.from, "INBOX.Projekte.Größe", letters(300, 303)...)
			res := l.copy()
			if got, want := res.Tally(), (mailbox.Tally{Messages: 81, Copied: 81 - tt.refuses, Refused: tt.refuses}); got != want {
				t.Errorf("tally = %+v, want %+v; findings %v", got, want, res.Accounts[0].Findings)
			}
			for box, want := range map[string]int{
				places[imap.MailboxAttrSent]: 4, places[imap.MailboxAttrTrash]: 2, own(o, name, "Projekte", "Größe"): 3,
			} {
				if got := len(l.to.Messages(box)); got != want {
					t.Errorf("%s holds %d messages, want %d; there are %q", box, got, want, l.to.Mailboxes())
				}
			}
			inbox := len(l.to.Messages("INBOX"))
			if want := 72 - tt.refuses; inbox != want && !(tt.merges && inbox >= want-2) {
				t.Errorf("INBOX holds %d messages, want %d", inbox, want)
			}
			for _, state := range []string{"kept", "lost"} {
				if state == "lost" {
					l.forget()
				}
				l.target.ResetCommands()
				if res := l.copy(); appends(l.target) != 0 && !(state == "lost" && (tt.merges || tt.refuses > 0)) {
					t.Errorf("state %s: a further run sent %d, %d APPENDs", state, res.Sent, appends(l.target))
				}
				if n := len(l.to.Messages("INBOX")); n != inbox {
					t.Errorf("state %s: INBOX holds %d messages, want %d", state, n, inbox)
				}
				if b, marks := l.verify(mailbox.VerifyOptions{Hash: 100}); !b.Balanced || b.Extra() != 0 {
					t.Errorf("state %s: Verify() = %+v, %v, want a balance", state, b.Tally(), marks)
				}
			}
			for _, verb := range []string{"EXPUNGE", "UID EXPUNGE", "CLOSE", "ENABLE"} {
				if n := l.target.Count(verb); n != 0 {
					t.Errorf("%d %s were sent", n, verb)
				}
			}
		})
	}
}

// TestPersonasAsSources copies from each.
func TestPersonasAsSources(t *testing.T) {
	t.Parallel()
	for name, tt := range personas {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := tt.options()
			if o.Delim == 0 {
				o.Delim = '/'
			}
			l := start(t, o, imaplab.Options{})
			l.to.Create("Sent Items", imap.MailboxAttrSent)
			places := home(o, name, l.from)
			sent, deep := places[imap.MailboxAttrSent], own(o, name, "Projekte", "Größe")
			l.from.Create(deep, "")
			deliver(t, l.from, "INBOX", append(awkward(), letters(0, 60, imap.FlagSeen, imap.FlagFlagged)...)...)
			deliver(t, l.from, sent, letters(100, 104)...)
			deliver(t, l.from, deep, letters(300, 303)...)
			check := func(when string) {
				same(t, l.from, "INBOX", l.to, "INBOX")
				same(t, l.from, sent, l.to, "Sent Items")
				same(t, l.from, deep, l.to, "Projekte/Größe")
				if b, marks := l.verify(mailbox.VerifyOptions{Hash: 100}); !b.Balanced || b.Extra() != 0 {
					t.Errorf("%s: Verify() = %+v, %v, want a balance", when, b.Tally(), marks)
				}
			}
			l.copy()
			check("copied")
			l.target.ResetCommands()
			if res := l.copy(); appends(l.target) != 0 {
				t.Errorf("a further run sent %d", res.Sent)
			}
			deliver(t, l.from, "INBOX", letter(500))
			if res := l.copy(); res.Sent != 1 {
				t.Errorf("one more message: sent %d", res.Sent)
			}
			l.forget()
			if res := l.copy(); res.Sent != 0 {
				t.Errorf("without memory: sent %d", res.Sent)
			}
			check("at the end")
			for _, c := range l.source.Commands() {
				if strings.HasPrefix(c, "SELECT") || strings.HasPrefix(c, "ENABLE") {
					t.Errorf("the source saw %s", c)
				}
			}
		})
	}
}
