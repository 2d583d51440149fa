package mailbox_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// TestEveryFlagIsCopied but \Recent, which belongs to the server.
func TestEveryFlagIsCopied(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	all := []imap.Flag{imap.FlagSeen, imap.FlagAnswered, imap.FlagFlagged, imap.FlagDraft, imap.FlagDeleted, "$Forwarded", "NonJunk"}
	for i := range all {
		deliver(t, l.from, "INBOX", letter(i, all[:i+1]...))
	}
	deliver(t, l.from, "INBOX", letter(100, append([]imap.Flag{`\Recent`}, all...)...))
	l.copy()
	same(t, l.from, "INBOX", l.to, "INBOX")
	if n := slices.IndexFunc(l.target.Commands(), func(c string) bool { return strings.Contains(c, `\Recent`) }); n >= 0 {
		t.Errorf("the target was sent %s", l.target.Commands()[n])
	}
}

// TestDatesKeepTheirZone over the hour that there is twice, and the one that
// there is not.
func TestDatesKeepTheirZone(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	for i, text := range []string{
		"2024-03-31T01:59:59+01:00", "2024-03-31T02:30:00+01:00", "2024-03-31T03:00:00+02:00", // it begins
		"2024-10-27T02:30:00+02:00", "2024-10-27T02:30:00+01:00", // it ends
		"2000-02-29T23:59:60Z", "1999-12-31T23:59:59-11:30", "2010-06-01T12:00:00+05:45", "2010-06-01T12:00:00+14:00",
	} {
		date, err := time.Parse(time.RFC3339, strings.Replace(text, ":60Z", ":59Z", 1))
		if err != nil {
			t.Fatal(err)
		}
		m := letter(i)
		m.Date = date
		deliver(t, l.from, "INBOX", m)
	}
	l.copy()
	same(t, l.from, "INBOX", l.to, "INBOX")
}

// TestTargetThatNormalisesLineEnds has nothing else to show than the source.
func TestTargetThatNormalisesLineEnds(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{Keep: func(m imaplab.Message) imaplab.Message {
		m.Body = bytes.ReplaceAll(bytes.ReplaceAll(m.Body, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
		return m
	}})
	deliver(t, l.from, "INBOX", awkward()...)
	deliver(t, l.from, "INBOX", imaplab.Message{Body: []byte("Subject: mixed\r\n\nline\r\nends\n")})
	if res := l.copy(); res.Accounts[0].Repaired != 0 || res.Tally().Copied != 13 {
		t.Errorf("tally %+v, %d repaired, want 13 copied as they are", res.Tally(), res.Accounts[0].Repaired)
	}
	if b, marks := l.verify(mailbox.VerifyOptions{Hash: 100}); !b.Balanced || len(marks) != 0 {
		t.Errorf("Verify() = %+v, %v, want a balance", b.Tally(), marks)
	}
	l.forget()
	if res := l.copy(); res.Sent != 0 {
		t.Errorf("without memory %d were sent", res.Sent)
	}
}

// TestMessagesOfHardlyAnyOctets are copied, or refused and kept.
func TestMessagesOfHardlyAnyOctets(t *testing.T) {
	t.Parallel()
	for name, habit := range habits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, imaplab.Options{}, habit)
			for _, body := range []string{"", "\r\n", "\n", "x", "Subject: only a header", "Subject: a header\r\n", "\r\n\r\ntext", "no colon\r\nin any line\r\n"} {
				deliver(t, l.from, "INBOX", imaplab.Message{Body: []byte(body)})
			}
			deliver(t, l.from, "INBOX", letter(1))
			got := l.copy().Tally()
			if got.Messages != 9 || got.Copied+got.Refused != 9 || got.Copied < 8 {
				t.Errorf("tally = %+v, want nine copied or refused", got)
			}
			if res := l.copy(); res.Sent != 0 {
				t.Errorf("a further run sent %d", res.Sent)
			}
			if b, marks := l.verify(mailbox.VerifyOptions{Hash: 100}); !b.Balanced {
				t.Errorf("Verify() = %+v, %v, want a balance", b.Tally(), marks)
			}
		})
	}
}

// TestKeywordsThatAreNoAtoms cost neither the mailbox nor the message, as
// MailKit's users had it.
func TestKeywordsThatAreNoAtoms(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(1, 5)...)
	l.source.SetFaults(imaplab.Faults{Answer: func(c imaplab.Command) []string {
		if c.Verb != "UID FETCH" || strings.Contains(c.Args, "BODY") {
			return nil
		}
		lines := []string{
			`* FLAGS (\Answered \Seen $Phishing OIB-Seen-[Gmail]/All Mail OIB-Seen-[Gmail]/Trash)`,
			`* OK [PERMANENTFLAGS (\Answered \Seen OIB-Seen-[Gmail]/All Mail [css3-page] \*)] Flags permitted.`,
		}
		for i, flags := range []string{`\Seen OIB-Seen-[Gmail]/All Mail`, "$Phishing", "foo(bar) [css3-page]", ""} {
			m := l.from.Messages("INBOX")[i]
			lines = append(lines, fmt.Sprintf(`* %d FETCH (UID %d FLAGS (%s)  INTERNALDATE "%s" RFC822.SIZE %d)`,
				i+1, m.UID, flags, m.Date.Format("02-Jan-2006 15:04:05 -0700"), len(m.Body)))
		}
		return append(lines, "TAG OK done")
	}})
	res := l.copy()
	want := []string{`\Seen`, "$Phishing", "", ""}
	for i, m := range l.to.Messages("INBOX") {
		if got := flagWords(m.Flags); got != want[i] || !bytes.Equal(m.Body, letter(i+1).Body) {
			t.Errorf("message %d has %s, want %s", i+1, got, want[i])
		}
	}
	if n := res.Accounts[0].Mailboxes[0].Keywords["(names that are no keywords)"]; n != 2 || res.Tally().Copied != 4 {
		t.Errorf("tally %+v, keywords %v, want four copied, two without a keyword", res.Tally(), res.Accounts[0].Mailboxes[0].Keywords)
	}
}

// TestManyMessagesWithoutID are copied once each.
func TestManyMessagesWithoutID(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	for n := range 50 {
		deliver(t, l.from, "INBOX", imaplab.Message{Body: fmt.Appendf(nil, "From: a@b\r\nSubject: draft %d\r\n\r\nunsent\r\n", n%10), Flags: []imap.Flag{imap.FlagDraft}})
	}
	for _, state := range []string{"first", "kept", "lost"} {
		if state == "lost" {
			l.forget()
		}
		if res := l.copy(); (res.Sent == 50) != (state == "first") || (res.Sent == 0) == (state == "first") {
			t.Errorf("%s: sent %d", state, res.Sent)
		}
	}
	same(t, l.from, "INBOX", l.to, "INBOX")
}

// TestTargetThatRewritesMessageIDs is an Exchange that keeps the old one in a
// field of its own.
func TestTargetThatRewritesMessageIDs(t *testing.T) {
	t.Parallel()
	o, n := imaplab.Exchange(), 0
	o.Keep = func(m imaplab.Message) imaplab.Message {
		n++ // under the account's mutex
		m.Body = bytes.Replace(m.Body, []byte("Message-ID: "), fmt.Appendf(nil, "Message-ID: <new%d@exchange>\r\nX-MS-Exchange-Parent-Message-Id: ", n), 1)
		return m
	}
	l := start(t, imaplab.Options{}, o)
	deliver(t, l.from, "INBOX", letters(0, 30)...)
	l.copy()
	for _, state := range []string{"kept", "lost"} {
		if state == "lost" {
			l.forget()
		}
		if res := l.copy(); res.Sent != 0 {
			t.Errorf("state %s: %d were sent again", state, res.Sent)
		}
		if b, marks := l.verify(mailbox.VerifyOptions{}); !b.Balanced || b.Extra() != 0 {
			t.Errorf("state %s: Verify() = %+v, %v, want a balance", state, b.Tally(), marks)
		}
	}
}

// TestFlagsAtAnExchange stores \Flagged a second time, for its other clients,
// and leaves $MDNSent out, which it would show as a category.
func TestFlagsAtAnExchange(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Exchange())
	deliver(t, l.from, "INBOX", letter(1, imap.FlagFlagged, "$MDNSent", "work"), letter(2, imap.FlagSeen), letter(3, imap.FlagFlagged))
	l.target.SetFaults(imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if c.Verb == "UID STORE" && c.N == 1 {
			return imaplab.Cut
		}
		return imaplab.Pass
	}})
	res := l.copy()
	var stored []string
	for _, c := range l.target.Commands() {
		if strings.HasPrefix(c, "UID STORE") {
			stored = append(stored, c)
		}
	}
	want := `UID STORE 1,3 +FLAGS.SILENT (\Flagged)`
	if fmt.Sprint(stored) != fmt.Sprint([]string{want, want}) {
		t.Errorf("stored %q, want %q, and again after a lost connection", stored, want)
	}
	if got := fmt.Sprint(res.Accounts[0].Mailboxes[0].Keywords); got != "map[$MDNSent:1 work:1]" {
		t.Errorf("dropped keywords = %s", got)
	}
	for i, flags := range []string{`\Flagged`, `\Seen`, `\Flagged`} {
		if got := flagWords(l.to.Messages("INBOX")[i].Flags); got != flags {
			t.Errorf("message %d has %s, want %s", i+1, got, flags)
		}
	}
	l.target.ResetCommands()
	if l.copy(); l.target.Count("UID STORE") != 0 {
		t.Error("a further run stored flags")
	}
}
