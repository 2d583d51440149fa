package imaplab_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// expect sends a command and compares all that comes back.
func (c *rawClient) expect(command string, want ...string) {
	c.t.Helper()
	c.send("x %s\r\n", command)
	if got := c.until("x "); !slices.Equal(got, want) {
		c.t.Errorf("%s = %q, want %q", command, got, want)
	}
}

func TestModSequences(t *testing.T) {
	t.Parallel()
	s := start(t, imaplab.Options{})
	acct := s.Account("anna", "secret")
	acct.Create("Größe", "")
	c := loggedIn(t, s, "anna", "secret")
	c.expect("STATUS INBOX (HIGHESTMODSEQ)", "* STATUS INBOX (HIGHESTMODSEQ 1)", "x OK STATUS completed")
	for range 3 {
		deliverTo(t, acct, "INBOX", "A: b\r\n\r\n")
	}
	c.expect("STATUS INBOX (MESSAGES HIGHESTMODSEQ)", "* STATUS INBOX (HIGHESTMODSEQ 4 MESSAGES 3)", "x OK STATUS completed")
	c.send("a EXAMINE INBOX\r\n")
	if got := c.until("a OK"); !slices.Contains(got, "* OK [HIGHESTMODSEQ 4] highest") {
		t.Errorf("EXAMINE = %q", got)
	}
	c.expect("UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE 4)", "x OK done")
	if err := acct.SetFlags("INBOX", 2, imap.FlagSeen); err != nil {
		t.Fatal(err)
	}
	c.answered("* 2 FETCH", func() { c.send("b NOOP\r\n") }, "b OK")
	c.expect("UID FETCH 1:2 (FLAGS) (CHANGEDSINCE 4)", `* 2 FETCH (UID 2 FLAGS (\Seen) MODSEQ (5))`, "x OK done")
	c.expect("UID FETCH 3 MODSEQ", "* 3 FETCH (UID 3 MODSEQ (4))", "x OK done")
	if err := acct.Remove("INBOX", 1); err != nil {
		t.Fatal(err)
	}
	c.send("c LIST \"\" \"*\" RETURN (STATUS (UIDNEXT HIGHESTMODSEQ))\r\n")
	got := c.until("c OK")
	for _, want := range []string{"* STATUS INBOX (HIGHESTMODSEQ 6 UIDNEXT 4)", `* STATUS "Gr&APYA3w-e" (HIGHESTMODSEQ 1 UIDNEXT 1)`} {
		if !slices.Contains(got, want) {
			t.Errorf("LIST = %q, want %q in it", got, want)
		}
	}
}

// answered sends something, and requires a line in the answer to it.
func (c *rawClient) answered(line string, send func(), end string) {
	c.t.Helper()
	send()
	if got := c.until(end); !slices.ContainsFunc(got, func(l string) bool { return strings.HasPrefix(l, line) }) {
		c.t.Errorf("got %q, want %q in it", got, line)
	}
}

func TestModSequencesHidden(t *testing.T) {
	t.Parallel()
	s := start(t, imaplab.Options{Hide: []imap.Cap{imap.CapCondStore}})
	deliverTo(t, s.Account("anna", "secret"), "INBOX", "A: b\r\n\r\n")
	c := loggedIn(t, s, "anna", "secret")
	c.send("a EXAMINE INBOX\r\n")
	if got := strings.Join(c.until("a OK"), " "); strings.Contains(got, "HIGHESTMODSEQ") {
		t.Errorf("EXAMINE = %q", got)
	}
	c.expect("UID FETCH 1 FLAGS (CHANGEDSINCE 1)", "x BAD unknown modifier")
	c.expect("UID FETCH 1 (UID MODSEQ)", "x BAD unknown item MODSEQ")
	c.expect("UID FETCH 1 X-GM-LABELS", "x BAD unknown item X-GM-LABELS")
}

func deliverTo(t *testing.T, a *imaplab.Account, name, body string) imap.UID {
	t.Helper()
	uid, err := a.Deliver(name, imaplab.Message{Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	return uid
}

func TestGmailKeepsLabels(t *testing.T) {
	t.Parallel()
	s := start(t, imaplab.Options{Gmail: true})
	acct := s.Account("anna", "secret")
	acct.Create("[Gmail]/All Mail", imap.MailboxAttrAll)
	acct.Create("[Gmail]/Sent Mail", imap.MailboxAttrSent)
	acct.Create("Größe \"x\"", "")
	for _, name := range []string{"INBOX", "[Gmail]/Sent Mail", "Größe \"x\"", "INBOX"} {
		deliverTo(t, acct, name, "A: one\r\n\r\n")
	}
	deliverTo(t, acct, "INBOX", "A: two\r\n\r\n")
	if n, all := len(acct.Messages("INBOX")), len(acct.Messages("[Gmail]/All Mail")); n != 2 || all != 2 {
		t.Errorf("INBOX holds %d messages, All Mail %d, want 2 and 2", n, all)
	}
	if err := acct.Remove("INBOX", 3); err != nil {
		t.Fatal(err)
	}
	c := loggedIn(t, s, "anna", "secret")
	c.send("a EXAMINE \"[Gmail]/All Mail\"\r\n")
	c.until("a OK")
	c.expect("UID FETCH 1:* (UID X-GM-LABELS)",
		`* 1 FETCH (UID 1 X-GM-LABELS ("Gr&APYA3w-e \"x\"" "\\Inbox" "\\Sent"))`, "* 2 FETCH (UID 2 X-GM-LABELS ())", "x OK done")
}

func TestKeepAndAnyCase(t *testing.T) {
	t.Parallel()
	s := start(t, imaplab.Options{AnyCase: true, Keep: func(m imaplab.Message) imaplab.Message {
		m.Body = append([]byte("X-New: line\r\n"), m.Body...)
		return m
	}})
	acct := s.Account("anna", "secret")
	c := loggedIn(t, s, "anna", "secret")
	c.send("a CREATE Work\r\nb CREATE work\r\n")
	c.until("a OK")
	if got := c.line(); !strings.HasPrefix(got, "b NO [ALREADYEXISTS]") {
		t.Errorf("CREATE of the same name in other letters = %q", got)
	}
	c.send("c APPEND wORK {9+}\r\nA: b\r\n\r\nx\r\n")
	c.until("c OK")
	if got := string(acct.Messages("Work")[0].Body); got != "X-New: line\r\nA: b\r\n\r\nx" {
		t.Errorf("stored %q", got)
	}
}
