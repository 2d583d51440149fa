package imaplab

import (
	"bytes"
	"hash/fnv"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// capGmail is what Gmail calls its extensions.
const capGmail imap.Cap = "X-GM-EXT-1"

// gmailLabels are the labels that stand for mailboxes of a special use.
var gmailLabels = map[imap.MailboxAttr]string{
	imap.MailboxAttrSent: `"\\Sent"`, imap.MailboxAttrDrafts: `"\\Draft"`, imap.MailboxAttrTrash: `"\\Trash"`,
	imap.MailboxAttrJunk: `"\\Spam"`, imap.MailboxAttrFlagged: `"\\Starred"`, imap.MailboxAttrImportant: `"\\Important"`,
}

// gmailID is X-GM-MSGID: one for a message, wherever it is shown.
func (m *stored) gmailID() uint64 {
	h := fnv.New64a()
	_, _ = h.Write(m.body) // never fails
	return h.Sum64() >> 1
}

// labels is X-GM-LABELS of a message: the other mailboxes that show it.
func (a *Account) labels(in *mailbox, m *stored) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var labels []string
	for _, name := range sortedKeys(a.boxes) {
		b := a.boxes[name]
		if b == in || b.use == imap.MailboxAttrAll || !b.holds(m.body) {
			continue
		}
		label, special := gmailLabels[b.use]
		switch {
		case special:
		case name == "INBOX":
			label = `"\\Inbox"`
		default:
			label = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(encodeUTF7(name)) + `"`
		}
		labels = append(labels, label)
	}
	return strings.Join(labels, " ")
}

// holds reports whether a mailbox has a message with these octets.
func (b *mailbox) holds(body []byte) bool {
	for _, m := range b.msgs {
		if bytes.Equal(m.body, body) {
			return true
		}
	}
	return false
}

// add stores a message. At Gmail a mailbox is a label: the message is in All
// Mail too, and a second one of the same octets gets a UID and is not kept.
// The caller holds mu.
func (a *Account) add(b *mailbox, m Message) imap.UID {
	if !a.gmail {
		return b.add(m)
	}
	if b.holds(m.Body) {
		b.next++
		return b.next - 1
	}
	uid := b.add(m)
	if b.use == imap.MailboxAttrTrash || b.use == imap.MailboxAttrJunk {
		return uid
	}
	for _, all := range a.boxes {
		if all.use == imap.MailboxAttrAll && !all.holds(m.Body) {
			all.add(m)
		}
	}
	return uid
}
