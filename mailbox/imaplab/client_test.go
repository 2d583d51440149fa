package imaplab_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// odd bodies: what servers that parse and print again do not give back.
var odd = map[string][]byte{
	"plain":            []byte("Subject: a\r\n\r\nbody\r\n"),
	"bare LF":          []byte("Subject: a\n\nbody\nmore"),
	"no header":        []byte("garbage line\r\n\r\nbody\r\n"),
	"mbox line":        []byte("From anna Mon Jan  1 00:00:00 2001\r\nSubject: a\r\n\r\nb\r\n"),
	"8-bit header":     []byte("Subject: Gr\xfc\xdfe\r\n\r\n\xff\xfe"),
	"header only":      []byte("Subject: alone\r\n"),
	"looks like lines": []byte("X: a1 OK [CAPABILITY x]\r\n\r\na1 OK done {5}\r\n"),
	"capability first": []byte("CAPABILITY IMAP4rev2]\r\n\r\n"),
	"large":            bytes.Repeat([]byte("0123456789abcde\n"), 1<<16),
}

func TestBodiesAreKept(t *testing.T) {
	t.Parallel()
	s := start(t, imaplab.Options{})
	acct := s.Account("anna", "secret")
	c := client(t, s, "anna", "secret")
	for name, body := range odd {
		cmd := c.Append("INBOX", int64(len(body)), nil)
		if _, err := cmd.Write(body); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Close(); err != nil {
			t.Fatal(err)
		}
		data, err := cmd.Wait()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		stored := acct.Messages("INBOX")
		if last := stored[len(stored)-1]; !bytes.Equal(last.Body, body) || last.UID != data.UID {
			t.Errorf("%s: stored uid %d with %d octets, want uid %d with %d", name, last.UID, len(last.Body), data.UID, len(body))
		}
		if got := fetchBody(t, c, data.UID); !bytes.Equal(got, body) {
			t.Errorf("%s: FETCH BODY.PEEK[] = %d octets, want %d", name, len(got), len(body))
		}
	}
}

func fetchBody(t *testing.T, c *imapclient.Client, uid imap.UID) []byte {
	t.Helper()
	if _, err := c.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		t.Fatal(err)
	}
	section := &imap.FetchItemBodySection{Peek: true}
	msgs, err := c.Fetch(imap.UIDSetNum(uid), &imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{section}}).Collect()
	if err != nil || len(msgs) != 1 {
		t.Fatalf("fetch uid %d = %d messages, %v", uid, len(msgs), err)
	}
	return msgs[0].FindBodySection(section)
}

func TestMetadataIsKept(t *testing.T) {
	t.Parallel()
	s := start(t, imaplab.Options{})
	s.Account("anna", "secret")
	c := client(t, s, "anna", "secret")
	date := time.Date(1981, 2, 3, 4, 5, 6, 0, time.FixedZone("", -(8*3600+30*60)))
	flags := []imap.Flag{imap.FlagSeen, "NonJunk", imap.FlagForwarded, imap.FlagDeleted}
	body := []byte("Message-ID: <1@example.org>\r\nSubject: one\r\n two\r\n\r\nbody\r\n")
	cmd := c.Append("INBOX", int64(len(body)), &imap.AppendOptions{Flags: flags, Time: date})
	if _, err := cmd.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	sel, err := c.Select("INBOX", nil).Wait()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(sel.PermanentFlags, imap.FlagWildcard) || !slices.Contains(sel.PermanentFlags, "NonJunk") {
		t.Errorf("PERMANENTFLAGS = %v, want NonJunk and \\*", sel.PermanentFlags)
	}
	fields := &imap.FetchItemBodySection{Specifier: imap.PartSpecifierHeader, HeaderFields: []string{"SUBJECT"}, Peek: true}
	msgs, err := c.Fetch(imap.SeqSetNum(1), &imap.FetchOptions{
		Flags: true, InternalDate: true, RFC822Size: true, UID: true, Envelope: true,
		BodyStructure: &imap.FetchItemBodyStructure{Extended: true}, BodySection: []*imap.FetchItemBodySection{fields},
	}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	m := msgs[0]
	if got := m.InternalDate.Format(time.RFC3339); got != "1981-02-03T04:05:06-08:30" {
		t.Errorf("INTERNALDATE = %s", got)
	}
	if !slices.Equal(m.Flags, flags) {
		t.Errorf("FLAGS = %v, want %v", m.Flags, flags)
	}
	if m.RFC822Size != int64(len(body)) || m.Envelope.MessageID != "1@example.org" {
		t.Errorf("size, message id = %d, %q", m.RFC822Size, m.Envelope.MessageID)
	}
	if got := string(m.FindBodySection(fields)); got != "Subject: one\r\n two\r\n\r\n" {
		t.Errorf("HEADER.FIELDS = %q", got)
	}
}

func TestMailboxes(t *testing.T) {
	t.Parallel()
	s := start(t, imaplab.Options{Delim: '.', Prefix: "INBOX."})
	acct := s.Account("anna", "secret")
	acct.Create("INBOX.Entwürfe", imap.MailboxAttrDrafts)
	acct.Create("INBOX.Kunden.Müller & Söhne", "")
	acct.Subscribe("INBOX.Entwürfe")
	c := client(t, s, "anna", "secret")
	ns, err := c.Namespace().Wait()
	if err != nil || len(ns.Personal) != 1 || ns.Personal[0].Prefix != "INBOX." || ns.Personal[0].Delim != '.' {
		t.Errorf("NAMESPACE = %+v, %v", ns, err)
	}
	list, err := c.List("", "*", &imap.ListOptions{
		ReturnSubscribed: true, ReturnSpecialUse: true, ReturnStatus: &imap.StatusOptions{NumMessages: true, UIDValidity: true},
	}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range list {
		got = append(got, fmt.Sprintf("%s %v %c %t", l.Mailbox, l.Attrs, l.Delim, l.Status != nil))
	}
	want := []string{
		`INBOX [\HasChildren \Subscribed] . true`,
		`INBOX.Entwürfe [\HasNoChildren \Subscribed \Drafts] . true`,
		`INBOX.Kunden [\Noselect \HasChildren] . false`,
		`INBOX.Kunden.Müller & Söhne [\HasNoChildren] . true`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("LIST = %q, want %q", got, want)
	}
	if err := c.Create("Outside", nil).Wait(); err == nil {
		t.Error("CREATE outside the prefix was accepted")
	}
	if err := c.Create("INBOX.Sent", &imap.CreateOptions{SpecialUse: []imap.MailboxAttr{imap.MailboxAttrSent}}).Wait(); err != nil {
		t.Error(err)
	}
	if use := acct.Use("INBOX.Sent"); use != imap.MailboxAttrSent {
		t.Errorf("use of INBOX.Sent = %q", use)
	}
	if err := c.Rename("INBOX.Kunden", "INBOX.Alt", nil).Wait(); err != nil {
		t.Error(err)
	}
	if err := c.Delete("INBOX.Entwürfe").Wait(); err != nil {
		t.Error(err)
	}
	if got, want := acct.Mailboxes(), []string{"INBOX", "INBOX.Alt.Müller & Söhne", "INBOX.Sent"}; !slices.Equal(got, want) {
		t.Errorf("mailboxes = %q, want %q", got, want)
	}
}

func TestExamineChangesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, imaplab.Options{})
	acct := s.Account("anna", "secret")
	deliver(t, acct, "INBOX", "Subject: a\r\n\r\n")
	acct.Create("Other", "")
	c := loggedIn(t, s, "anna", "secret")
	c.send("b EXAMINE INBOX\r\nc UID FETCH 1 BODY[]\r\nd UID STORE 1 +FLAGS (\\Seen)\r\ne UID MOVE 1 Other\r\nf EXPUNGE\r\ng CLOSE\r\n")
	for _, want := range []string{"b OK [READ-ONLY]", "c OK ", "d NO ", "e NO ", "f OK ", "g OK "} {
		lines := c.until(want[:2])
		if got := lines[len(lines)-1]; !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if m := acct.Messages("INBOX"); len(m) != 1 || len(m[0].Flags) != 0 {
		t.Errorf("after EXAMINE INBOX holds %+v", m)
	}
	c.send("b SELECT INBOX\r\nc UID FETCH 1 BODY[]\r\n")
	c.until("c OK ")
	if m := acct.Messages("INBOX"); !slices.Equal(m[0].Flags, []imap.Flag{imap.FlagSeen}) {
		t.Errorf("after SELECT and BODY[] the flags are %v", m[0].Flags)
	}
}

func deliver(t *testing.T, a *imaplab.Account, mailbox string, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		if _, err := a.Deliver(mailbox, imaplab.Message{Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStoreCopyMoveExpunge(t *testing.T) {
	t.Parallel()
	s := start(t, imaplab.Options{})
	acct := s.Account("anna", "secret")
	acct.Create("Trash", imap.MailboxAttrTrash)
	deliver(t, acct, "INBOX", "a", "b", "c", "d")
	c := client(t, s, "anna", "secret")
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	if err := c.Store(imap.UIDSetNum(1), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{"Kw", imap.FlagDeleted}}, nil).Close(); err != nil {
		t.Fatal(err)
	}
	copied, err := c.Copy(imap.UIDSetNum(2), "Trash").Wait()
	if err != nil || copied.DestUIDs.String() != "1" {
		t.Errorf("COPY = %+v, %v", copied, err)
	}
	moved, err := c.Move(imap.UIDSetNum(3), "Trash").Wait()
	if err != nil || moved.DestUIDs.String() != "2" {
		t.Errorf("MOVE = %+v, %v", moved, err)
	}
	if err := c.Expunge().Close(); err != nil {
		t.Fatal(err)
	}
	if got := texts(acct, "INBOX"); got != "b d" {
		t.Errorf("INBOX = %q", got)
	}
	if got := texts(acct, "Trash"); got != "b c" {
		t.Errorf("Trash = %q", got)
	}
	found, err := c.UIDSearch(&imap.SearchCriteria{UID: []imap.UIDSet{{{Start: 2, Stop: 0}}}, NotFlag: []imap.Flag{imap.FlagSeen}}, nil).Wait()
	if err != nil || !slices.Equal(found.AllUIDs(), []imap.UID{2, 4}) {
		t.Errorf("UID SEARCH = %v, %v", found.AllUIDs(), err)
	}
}

func texts(a *imaplab.Account, mailbox string) string {
	var out []string
	for _, m := range a.Messages(mailbox) {
		out = append(out, string(m.Body))
	}
	return strings.Join(out, " ")
}

func TestOthersChangesAreTold(t *testing.T) {
	t.Parallel()
	s := start(t, imaplab.Options{})
	acct := s.Account("anna", "secret")
	deliver(t, acct, "INBOX", "a", "b", "c")
	c := loggedIn(t, s, "anna", "secret")
	c.send("b SELECT INBOX\r\n")
	c.until("b OK ")
	if err := acct.Remove("INBOX", 2); err != nil {
		t.Fatal(err)
	}
	if err := acct.SetFlags("INBOX", 3, imap.FlagSeen); err != nil {
		t.Fatal(err)
	}
	deliver(t, acct, "INBOX", "d")
	c.send("c UID FETCH 1:* (UID)\r\n")
	want := []string{
		`* 3 FETCH (UID 3 FLAGS (\Seen))`, "* 4 EXISTS",
		"* 1 FETCH (UID 1)", "* 3 FETCH (UID 3)", "* 4 FETCH (UID 4)",
		"* 2 EXPUNGE", "c OK UID FETCH completed",
	}
	if got := c.until("c OK "); !slices.Equal(got, want) {
		t.Errorf("UID FETCH = %q, want %q", got, want)
	}
}

func TestIdle(t *testing.T) {
	t.Parallel()
	s := start(t, imaplab.Options{})
	acct := s.Account("anna", "secret")
	c := loggedIn(t, s, "anna", "secret")
	c.send("b SELECT INBOX\r\n")
	c.until("b OK ")
	c.send("c IDLE\r\n")
	c.until("+ ")
	deliver(t, acct, "INBOX", "a")
	c.until("* 1 EXISTS")
	c.send("DONE\r\n")
	c.until("c OK ")
}

func TestUIDValidityAndUIDNext(t *testing.T) {
	t.Parallel()
	s := start(t, imaplab.Options{})
	acct := s.Account("anna", "secret")
	if err := acct.SetUIDValidity("INBOX", 7); err != nil {
		t.Fatal(err)
	}
	if err := acct.SetUIDNext("INBOX", 4711); err != nil {
		t.Fatal(err)
	}
	deliver(t, acct, "INBOX", "a")
	c := client(t, s, "anna", "secret")
	st, err := c.Status("INBOX", &imap.StatusOptions{UIDNext: true, UIDValidity: true, NumMessages: true}).Wait()
	if err != nil || st.UIDNext != 4712 || st.UIDValidity != 7 || *st.NumMessages != 1 {
		t.Errorf("STATUS = %+v, %v", st, err)
	}
}

func TestManyMessages(t *testing.T) {
	t.Parallel()
	s := start(t, imaplab.Options{})
	acct := s.Account("anna", "secret")
	const n = 2000
	body := strings.Repeat("0123456789abcde\n", 128)
	c := loggedIn(t, s, "anna", "secret")
	go func() { // the server answers while it is written to
		for i := range n / 20 {
			_, _ = io.WriteString(c, fmt.Sprintf("x%d APPEND INBOX", i)+strings.Repeat(fmt.Sprintf(" {%d+}\r\n%s", len(body), body), 20)+"\r\n")
		}
	}()
	c.until(fmt.Sprintf("x%d OK", n/20-1))
	if got := len(acct.Messages("INBOX")); got != n {
		t.Fatalf("%d messages stored, want %d", got, n)
	}
	c.send("f EXAMINE INBOX\r\ng UID FETCH 1:* (UID BODY.PEEK[])\r\n")
	got := c.until("g OK ")
	if want := n * (1 + 128); len(got) < want {
		t.Errorf("%d lines fetched, want at least %d", len(got), want)
	}
}
