package mailbox_test

import (
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imaplab"
)

func TestCopyKeepsEverything(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	l.from.Create("INBOX.Sent", imap.MailboxAttrSent)
	l.from.Create("INBOX.Projekte.Größe.2019", "")
	l.from.Create("INBOX.Empty", "")
	l.from.Subscribe("INBOX.Projekte.Größe.2019")
	l.to.Create("Sent Items", imap.MailboxAttrSent)
	deliver(t, l.from, "INBOX", letters(0, 250, imap.FlagSeen, "$Forwarded")...)
	deliver(t, l.from, "INBOX.Sent", letters(300, 310)...)
	deliver(t, l.from, "INBOX.Projekte.Größe.2019", letters(400, 403, imap.FlagFlagged, imap.FlagDeleted)...)

	res := l.copy()
	same(t, l.from, "INBOX", l.to, "INBOX")
	same(t, l.from, "INBOX.Sent", l.to, "Sent Items")
	same(t, l.from, "INBOX.Projekte.Größe.2019", l.to, "Projekte/Größe/2019")
	if got := res.Tally(); got.Messages != 263 || got.Copied != 263 {
		t.Errorf("tally = %+v, want 263 copied", got)
	}
	t.Log(l.to.Mailboxes(), l.to.Subscribed(), appends(l.target))
}
