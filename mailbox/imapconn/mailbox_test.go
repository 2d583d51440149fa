package imapconn_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
)

func describe(t *testing.T, s *imapconn.Source) string {
	t.Helper()
	list, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, m := range list {
		b.WriteString(m.Wire)
		if m.Subscribed {
			b.WriteString(" subscribed")
		}
		if slices.Contains(m.Attrs, imap.MailboxAttrNonExistent) {
			b.WriteString(" gone")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestListPlain(t *testing.T) {
	t.Parallel()
	s := source(t, func(p *peer) {
		p.answer(`LIST "" "*"`, "* LIST () \"/\" INBOX\r\n* LIST () \"/\" \"R&D\"\r\n* LIST () \"/\" INBOX\r\n* LIST () \"/\" \"Entw\xfcrfe\"\r\n", "OK done")
		p.answer(`LSUB "" "*"`, "* LSUB () \"/\" INBOX\r\n* LSUB () \"/\" Old\r\n* LSUB (\\Noselect) \"/\" \"R&D\"\r\n", "OK done")
	})
	if got, want := describe(t, s), "Entw\xfcrfe\nINBOX subscribed\nOld subscribed gone\nR&D\n"; got != want {
		t.Errorf("List() = %q, want %q", got, want)
	}
}

func TestListExtendedRefused(t *testing.T) {
	t.Parallel()
	e := serve(t, func(p *peer) {
		p.send("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hello\r\n")
		p.answer("AUTHENTICATE", "", "OK in")
		p.answer("CAPABILITY", "* CAPABILITY IMAP4rev1 LIST-EXTENDED SPECIAL-USE\r\n", "OK done")
		p.answer(`LIST "" "*" RETURN (SUBSCRIBED SPECIAL-USE)`, "", "BAD invalid")
		p.answer(`LIST "" "*"`, "* LIST (\\Sent) \"/\" Sent\r\n", "OK done")
		p.answer(`LSUB "" "*"`, "", "NO not here")
		p.silence()
	})
	s, err := imapconn.DialSource(t.Context(), e, anna)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if got := describe(t, s); got != "Sent\n" {
		t.Errorf("List() = %q, want Sent", got)
	}
}

func TestExamine(t *testing.T) {
	t.Parallel()
	s := source(t, func(p *peer) {
		p.answer(`EXAMINE "R&D"`, "* FLAGS (\\Seen work OIB-Seen-[Gmail]/All Mail)\r\n* 3 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 40] x\r\n", "OK [READ-ONLY] done")
		p.answer("UNSELECT", "", "OK done")
		p.answer(`EXAMINE "gone"`, "", "NO [NONEXISTENT] gone")
		tag, line := p.read()
		if line != `EXAMINE {4+}` {
			p.t.Errorf("command = %q, want a literal", line)
		}
		if raw, _ := p.r.ReadString('\n'); raw != "a\xfcbc\r\n" {
			p.t.Errorf("name = %q, want its wire octets", raw)
		}
		p.send(tag + " OK done\r\n")
	})
	sel, err := s.Examine(t.Context(), "R&D")
	if err != nil || sel.Exists != 3 || sel.UIDValidity != 7 || sel.UIDNext != 40 || !sel.ReadOnly {
		t.Errorf("Examine() = %+v, %v", sel, err)
	}
	if want := []imap.Flag{`\Seen`, "work", `\*`}; !slices.Equal(sel.PermanentFlags, want) {
		t.Errorf("PermanentFlags = %q, want %q", sel.PermanentFlags, want)
	}
	if err := s.Unselect(t.Context()); err != nil {
		t.Errorf("Unselect() = %v", err)
	}
	if _, err := s.Examine(t.Context(), "gone"); imapconn.Class(err) != imapconn.ClassMissing {
		t.Errorf("Examine(gone) = %v, want missing", err)
	}
	if _, err := s.Examine(t.Context(), "a\xfcbc"); err != nil {
		t.Errorf("Examine() behind a refusal = %v", err)
	}
}

func TestStatusIgnoresTheEchoedName(t *testing.T) {
	t.Parallel()
	s := source(t, func(p *peer) {
		p.answer(`STATUS "inbox" (MESSAGES UIDNEXT UIDVALIDITY)`, "* STATUS INBOX (MESSAGES 41)\r\n", "OK done")
	})
	st, err := s.Status(t.Context(), "inbox")
	if err != nil || st.Messages == nil || *st.Messages != 41 || st.UIDNext != nil {
		t.Errorf("Status() = %+v, %v", st, err)
	}
}
