package imaplab_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imaplab"
)

func TestMultiAppend(t *testing.T) {
	t.Parallel()
	s := start(t, imaplab.Options{})
	acct := s.Account("anna", "secret")
	acct.Create("Entwürfe", "")
	c := loggedIn(t, s, "anna", "secret")
	c.send("b APPEND \"Entw&APw-rfe\" (\\Seen Kw) \" 3-Feb-2001 04:05:06 +0530\" {3+}\r\none () {3}\r\n")
	c.until("+ ")
	c.send("two \"13-Feb-2001 04:05:06 +0000\" {5+}\r\nthree\r\n")
	if got := c.line(); got != "b OK [APPENDUID 1700000002 1:3] done" {
		t.Errorf("APPEND = %q", got)
	}
	if got := texts(acct, "Entwürfe"); got != "one two three" {
		t.Errorf("stored = %q", got)
	}
	m := acct.Messages("Entwürfe")[0]
	if got := m.Date.Format("2006-01-02 15:04:05 -0700"); got != "2001-02-03 04:05:06 +0530" || !slices.Equal(m.Flags, []imap.Flag{`\Seen`, "Kw"}) {
		t.Errorf("first message = %s %v", got, m.Flags)
	}
	want := `APPEND "Entw&APw-rfe" (\Seen Kw) " 3-Feb-2001 04:05:06 +0530" {3+} () {3} "13-Feb-2001 04:05:06 +0000" {5+}`
	if got := s.Commands(); got[len(got)-1] != want {
		t.Errorf("last command = %q, want %q", got[len(got)-1], want)
	}
	if got := s.Count("APPEND"); got != 1 {
		t.Errorf("Count(APPEND) = %d, want 1", got)
	}
}

func TestRefusedAppends(t *testing.T) {
	t.Parallel()
	refuse := func(_ string, body []byte) error {
		switch string(body) {
		case "plain":
			return errors.New("not today")
		case "coded":
			return &imap.Error{Type: imap.StatusResponseTypeNo, Code: imap.ResponseCodeLimit, Text: "too much"}
		}
		return nil
	}
	hidden := []imap.Cap{imap.CapMultiAppend, imap.CapLiteralPlus}
	tests := []struct {
		name  string
		o     imaplab.Options
		send  string
		want  string
		cont  bool // a continuation request comes before the answer
		after string
	}{
		{name: "no mailbox, waiting", send: "x APPEND None {3}\r\n", want: "x NO [TRYCREATE]"},
		{name: "no mailbox, not waiting", send: "x APPEND None {3+}\r\none\r\n", want: "x NO [TRYCREATE]"},
		{name: "no mailbox, many", send: "x APPEND None {3+}\r\none {3+}\r\ntwo\r\n", want: "x NO [TRYCREATE]"},
		{name: "too large, waiting", o: imaplab.Options{AppendLimit: 2}, send: "x APPEND INBOX {3}\r\n", want: "x NO [TOOBIG]"},
		{name: "second too large", o: imaplab.Options{AppendLimit: 3}, send: "x APPEND INBOX {3+}\r\none {4+}\r\nfour\r\n", want: "x NO [TOOBIG]"},
		{name: "empty second", send: "x APPEND INBOX {3+}\r\none {0+}\r\n {3+}\r\ntwo\r\n", want: "x NO "},
		{name: "hook", o: imaplab.Options{RefuseAppend: refuse}, send: "x APPEND INBOX {3+}\r\none {5+}\r\nplain\r\n", want: "x NO not today"},
		{name: "hook with code", o: imaplab.Options{RefuseAppend: refuse}, send: "x APPEND INBOX {5}\r\n", cont: true, after: "coded\r\n", want: "x NO [LIMIT] too much"},
		{name: "bad flag", send: "x APPEND INBOX (\\Recent) {3+}\r\none\r\n", want: "x BAD "},
		{name: "bad date", send: "x APPEND INBOX \"yesterday\" {3+}\r\none\r\n", want: "x BAD "},
		{name: "no literal", send: "x APPEND INBOX (\\Seen)\r\n", want: "x BAD "},
		{name: "no mailbox at all", send: "x APPEND\r\n", want: "x BAD "},
		{name: "unfinished quote", send: "x APPEND \"INBOX {3+}\r\none\r\n", want: "x BAD "},
		{name: "bad name", send: "x APPEND &Jjo {3+}\r\none\r\n", want: "x BAD "},
		{name: "junk behind", send: "x APPEND INBOX {3+}\r\none junk\r\n", want: "x BAD "},
		{name: "many not spoken", o: imaplab.Options{Hide: hidden[:1]}, send: "x APPEND INBOX {3+}\r\none {3+}\r\ntwo\r\n", want: "x BAD "},
		{name: "plus not spoken", o: imaplab.Options{Hide: hidden}, send: "x APPEND INBOX {3+}\r\none\r\n", want: "x BAD "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, tt.o)
			acct := s.Account("anna", "secret")
			c := loggedIn(t, s, "anna", "secret")
			c.send("%s", tt.send)
			if tt.cont {
				if got := c.line(); !strings.HasPrefix(got, "+ ") {
					t.Fatalf("got %q, want a continuation request", got)
				}
				c.send("%s", tt.after)
			}
			if got := c.line(); !strings.HasPrefix(got, tt.want) {
				t.Errorf("answer = %q, want %q", got, tt.want)
			}
			if n := len(acct.Messages("INBOX")); n != 0 {
				t.Errorf("%d messages stored, want none", n)
			}
			c.send("y NOOP\r\n")
			if got := c.line(); !strings.HasPrefix(got, "y OK") {
				t.Errorf("next command = %q: the stream is out of step", got)
			}
		})
	}
}

func TestHabits(t *testing.T) {
	t.Parallel()
	s := start(t, imaplab.Options{
		Hide:  []imap.Cap{imap.CapLiteralPlus, imap.CapUIDPlus, imap.CapMultiAppend, imap.CapSpecialUse, imap.CapListExtended, imap.CapMove, imap.CapNamespace},
		Extra: []imap.Cap{imap.CapLiteralMinus}, NoKeywords: true, AppendLimit: 5000,
	})
	acct := s.Account("anna", "secret")
	acct.Create("Sent", imap.MailboxAttrSent)
	c := loggedIn(t, s, "anna", "secret")
	c.send("b CAPABILITY\r\n")
	if got, want := c.line(), "* CAPABILITY IMAP4rev1 SASL-IR ENABLE IDLE UNSELECT CHILDREN ESEARCH STATUS=SIZE LIST-STATUS CREATE-SPECIAL-USE CONDSTORE COMPRESS=DEFLATE APPENDLIMIT=5000 LITERAL-"; got != want {
		t.Errorf("CAPABILITY = %q, want %q", got, want)
	}
	c.until("b OK ")
	for _, send := range []string{"LIST (SPECIAL-USE) \"\" *", "LIST \"\" * RETURN (SPECIAL-USE)", "NAMESPACE", "UID MOVE 1 Sent"} {
		c.send("x %s\r\n", send)
		if got := c.line(); !strings.HasPrefix(got, "x BAD") {
			t.Errorf("%s = %q, want BAD", send, got)
		}
	}
	c.send("c APPEND INBOX (\\Flagged Kw) {3+}\r\none\r\n")
	if got := c.line(); got != "c OK done" {
		t.Errorf("APPEND = %q", got)
	}
	if m := acct.Messages("INBOX"); !slices.Equal(m[0].Flags, []imap.Flag{imap.FlagFlagged}) {
		t.Errorf("flags = %v, want only \\Flagged", m[0].Flags)
	}
	c.send("d APPEND INBOX {4097+}\r\n%s\r\n", strings.Repeat("x", 4097))
	if got := c.line(); !strings.HasPrefix(got, "d BAD") {
		t.Errorf("APPEND of 4097 octets with LITERAL- = %q", got)
	}
	c.send("e ENABLE UTF8=ACCEPT\r\n")
	if got := c.until("e OK"); got[0] != "* ENABLED" {
		t.Errorf("ENABLE = %q, want nothing enabled", got)
	}
}

func TestLiteralsInOtherCommands(t *testing.T) {
	t.Parallel()
	s := start(t, imaplab.Options{})
	s.Account("anna", "se\"cret")
	c := raw(t, s)
	c.send("a LOGIN {4}\r\n")
	c.until("+ ")
	c.send("anna {7+}\r\nse\"cret\r\n")
	c.until("a OK ")
	c.send("b STATUS {5+}\r\nINBOX (MESSAGES)\r\n")
	c.until("* STATUS INBOX (MESSAGES 0)")
	c.until("b OK ")
	c.send("c CREATE {9999+}\r\n%s\r\nd CREATE {9999}\r\n", strings.Repeat("x", 9999))
	c.until("c BAD ")
	c.until("d BAD ")
}

func FuzzAppend(f *testing.F) {
	f.Add([]byte("INBOX (\\Seen) \" 3-Feb-2001 04:05:06 +0530\" {3+}\r\none {3+}\r\ntwo"))
	f.Add([]byte("\"a\\\"b\" {0+}\r\n"))
	f.Add([]byte("{5+}\r\nINBOX {1+}\r\nx"))
	f.Add([]byte("&AOQ- ~{1+}\r\nx"))
	s, err := imaplab.Start(imaplab.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	s.Account("anna", "secret")
	f.Fuzz(func(t *testing.T, args []byte) {
		c := loggedIn(t, s, "anna", "secret")
		c.send("x APPEND %s\r\n", args)
		if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := c.in.ReadString('\n'); err != nil {
				break
			}
		}
		again := loggedIn(t, s, "anna", "secret") // the server is still there
		again.send("y LOGOUT\r\n")
		again.until("y OK ")
	})
}
