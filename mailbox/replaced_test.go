package mailbox_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// with gives a message another text under the same header.
func with(m imaplab.Message, text string) imaplab.Message {
	head, _, _ := bytes.Cut(m.Body, []byte("\r\n\r\n"))
	m.Body = fmt.Appendf(nil, "%s\r\n\r\n%s", head, text)
	return m
}

// TestReplacedMessageWithoutTheState is one whose header, date and size are
// those of another that was copied before the state was lost.
func TestReplacedMessageWithoutTheState(t *testing.T) {
	t.Parallel()
	nameless := imaplab.Message{Body: []byte("Subject: report\r\n\r\n81 percent\r\n"), Date: letter(0).Date}
	for name, m := range map[string]imaplab.Message{"named": letter(1), "nameless": nameless} {
		for _, text := range []string{"12 octets.\r\n", "12 letters\r\n", "of another length\r\n"} {
			t.Run(name+" "+text, func(t *testing.T) {
				t.Parallel()
				l := start(t, imaplab.Options{}, imaplab.Options{})
				deliver(t, l.from, "INBOX", letter(0))
				uids := deliver(t, l.from, "INBOX", with(m, "12 octets.\r\n"))
				l.copy()
				if err := l.from.Remove("INBOX", uids[0]); err != nil {
					t.Fatal(err)
				}
				deliver(t, l.from, "INBOX", with(m, text))
				l.forget()
				want := 1
				if text == "12 octets.\r\n" {
					want = 0
				}
				res := l.copy()
				if got := res.Tally(); res.Sent != want || got.Present != 2-want || got.Copied != want {
					t.Errorf("sent %d with tally %+v, want %d", res.Sent, got, want)
				}
				b, _ := l.verify(mailbox.VerifyOptions{Hash: 100})
				if !b.Balanced || b.Extra() != want {
					t.Errorf("Verify() = %+v, want a balance with %d extra", b, want)
				}
			})
		}
	}
}

// TestVerifySeesReplacedMessages as far as size or date tell of them; what has
// all in common needs its content to be compared.
func TestVerifySeesReplacedMessages(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", with(letter(0), "12 octets.\r\n"), with(letter(1), "12 octets.\r\n"), letter(2))
	deliver(t, l.to, "INBOX", with(letter(0), "of another length\r\n"), with(letter(1), "12 letters\r\n"), letter(2))
	for hash, want := range map[int]string{0: "missing 1, differs 0, extra 1", 100: "missing 1, differs 1, extra 1"} {
		b, _ := l.verify(mailbox.VerifyOptions{Hash: hash})
		differs := b.Accounts[0].Mailboxes[0].Differs
		if got := fmt.Sprintf("missing %d, differs %d, extra %d", b.Tally().Missing, differs, b.Extra()); got != want || b.Balanced {
			t.Errorf("Verify() with %d %% of the content: %s, want %s", hash, got, want)
		}
	}
}

// TestNothingFollowsAnotherText moves no copy to the place of a message that
// only resembles it.
func TestNothingFollowsAnotherText(t *testing.T) {
	t.Parallel()
	for text, moved := range map[string]int{"This is letter 3.\r\n": 1, "This is letter 4.\r\n": 0} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			l, uids := followLab(t, imaplab.Options{})
			remove(t, l, uids[3])
			deliver(t, l.from, "INBOX.Archive", with(letter(3), text))
			res := l.copy()
			if res.Accounts[0].Moved != moved || res.Sent != 1-moved {
				t.Errorf("sent %d, moved %d, want %d moved", res.Sent, res.Accounts[0].Moved, moved)
			}
			same(t, l.from, "INBOX.Archive", l.to, "Archive")
			if n := len(l.to.Messages("Trash")); n != 2 {
				t.Errorf("Trash holds %d messages, want 2", n)
			}
		})
	}
}

// TestTextsWrittenAnewWithoutTheState are not sent again, if only there are
// enough of them to see that the target alters what it takes.
func TestTextsWrittenAnewWithoutTheState(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]imaplab.Options{
		"seen": {}, "known by its name": {Greeting: "The Microsoft Exchange IMAP4 service is ready."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, imaplab.Options{}, o)
			n := 20
			if o.Greeting != "" {
				n = 2
			}
			deliver(t, l.from, "INBOX", letters(0, n)...)
			for _, m := range letters(0, n) {
				deliver(t, l.to, "INBOX", with(m, "in another encoding\r\n"))
			}
			if res := l.copy(); res.Sent != 0 || res.Tally().Present != n {
				t.Errorf("sent %d with tally %+v, want %d present", res.Sent, res.Tally(), n)
			}
			if b, _ := l.verify(mailbox.VerifyOptions{}); !b.Balanced || b.Extra() != 0 {
				t.Errorf("Verify() = %+v, want a balance", b)
			}
		})
	}
}
