package mailbox_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// TestMailboxesCutDifferently copies mailboxes that hold the same UIDs and are
// asked for in batches of other sizes, all of them ahead of the answers. Each
// message stays in its mailbox.
func TestMailboxesCutDifferently(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	l.options.Connections = 1
	const mailboxes, messages = 4, 250
	for box := range mailboxes {
		name := fmt.Sprintf("INBOX.Box%d", box)
		l.from.Create(name, "")
		for n := range messages {
			m := letter(box*messages + n)
			if n < 40 { // the later the mailbox, the fewer in its first batch
				m.Body = append(m.Body, bytes.Repeat([]byte("a line of a long letter\r\n"), box*2000)...)
			}
			deliver(t, l.from, name, m)
		}
	}
	if res := l.copy(); res.Sent != mailboxes*messages {
		t.Errorf("Copy() sent %d messages, want %d", res.Sent, mailboxes*messages)
	}
	for box := range mailboxes {
		same(t, l.from, fmt.Sprintf("INBOX.Box%d", box), l.to, fmt.Sprintf("Box%d", box))
	}
}
