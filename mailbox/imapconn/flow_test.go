package imapconn_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// commands reads some commands before any is answered.
func (p *peer) commands(want ...string) (tags []string) {
	for _, w := range want {
		tag, line := p.read()
		if line != w {
			p.t.Errorf("server got %q, want %q", line, w)
		}
		tags = append(tags, tag)
	}
	return tags
}

func TestSurveyInOneRoundTrip(t *testing.T) {
	t.Parallel()
	e := serve(t, func(p *peer) {
		p.send("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hello\r\n")
		p.answer("AUTHENTICATE", "", "OK [CAPABILITY IMAP4rev1 NAMESPACE LIST-EXTENDED LIST-STATUS CONDSTORE] in")
		tags := p.commands("NAMESPACE", `LIST "" "*" RETURN (SUBSCRIBED STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))`)
		p.send("* LIST () \"/\" INBOX\r\n* STATUS inbox (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 7 HIGHESTMODSEQ 5)\r\n" +
			"* LIST (\\Subscribed) \"/\" \"a \\\"b\\\" (c)\"\r\n* STATUS \"a \\\"b\\\" (c)\" (MESSAGES 1)\r\n" +
			"* LIST () \"/\" {3}\r\nx y\r\n* STATUS {3}\r\nx y (UIDNEXT 4)\r\n* STATUS nowhere (UIDNEXT 4)\r\n" +
			"* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n" + tags[0] + " OK done\r\n" + tags[1] + " OK done\r\n")
		p.silence()
	})
	s, err := imapconn.DialSource(t.Context(), e, anna)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	l, err := s.Survey(t.Context())
	if err != nil || len(l.Mailboxes) != 3 || len(l.Namespaces.Personal) != 1 || len(l.Status) != 3 {
		t.Fatalf("Survey() = %+v, %v", l, err)
	}
	if st := l.Status["INBOX"]; st.Messages == nil || *st.Messages != 3 || *st.UIDNext != 9 || *st.UIDValidity != 7 || *st.HighestModSeq != 5 {
		t.Errorf("status of INBOX = %+v", st)
	}
	if st := l.Status[`a "b" (c)`]; st.Messages == nil || *st.Messages != 1 {
		t.Errorf("status of a quoted name = %+v", st)
	}
	if st := l.Status["x y"]; st.UIDNext == nil || *st.UIDNext != 4 {
		t.Errorf("status of a literal name = %+v", st)
	}
}

func TestSurveyFallsBack(t *testing.T) {
	t.Parallel()
	e := serve(t, func(p *peer) {
		p.send("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hello\r\n")
		p.answer("AUTHENTICATE", "", "OK [CAPABILITY IMAP4rev1 LIST-EXTENDED] in")
		p.answer("LIST", "", "BAD what is RETURN")
		tags := p.commands(`LIST "" "*"`, `LSUB "" "*"`)
		p.send("* LIST () \"/\" INBOX\r\n" + tags[0] + " OK done\r\n* LSUB () \"/\" INBOX\r\n* LSUB () \"/\" old\r\n" + tags[1] + " OK done\r\n")
		p.silence()
	})
	s, err := imapconn.DialSource(t.Context(), e, anna)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	l, err := s.Survey(t.Context())
	if err != nil || len(l.Mailboxes) != 2 || !l.Mailboxes[0].Subscribed || l.Status != nil {
		t.Errorf("Survey() = %+v, %v", l, err)
	}
}

func TestVisitsDoNotWait(t *testing.T) {
	t.Parallel()
	s := source(t, func(p *peer) {
		list := "UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)"
		tags := p.commands(`EXAMINE "A"`, list, `EXAMINE "B"`, list, `EXAMINE "C"`)
		p.send("* 1 EXISTS\r\n* OK [UIDVALIDITY 4] x\r\n" + tags[0] + " OK done\r\n" +
			"* 1 FETCH (UID 5 FLAGS () INTERNALDATE \" 1-Jan-2026 10:00:00 +0000\" RFC822.SIZE 3)\r\n" + tags[1] + " OK done\r\n" +
			tags[2] + " NO locked\r\n* 1 FETCH (UID 9 FLAGS () INTERNALDATE \" 1-Jan-2026 10:00:00 +0000\" RFC822.SIZE 3)\r\n" +
			tags[3] + " BAD nothing is open\r\n* OK [UIDVALIDITY 6] x\r\n" + tags[4] + " OK done\r\n")
	})
	var got []string
	visit := func(name string, set wire.Set) *imapconn.Visit {
		return &imapconn.Visit{Name: name, Set: set, Each: func(m wire.Message) error {
			got = append(got, fmt.Sprint(name, m.UID, m.UIDValidity))
			return nil
		}}
	}
	a, b, c := visit("A", wire.From(1)), visit("B", wire.From(1)), visit("C", nil)
	if err := s.Visit(t.Context(), a, b, c); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, []string{"A5 4"}) || a.Err != nil || b.Err == nil || c.Err != nil || c.Selected.UIDValidity != 6 {
		t.Errorf("Visit() gave %q, errors %v, %v, %v", got, a.Err, b.Err, c.Err)
	}
	if name, _ := s.Selected(); name != "C" {
		t.Errorf("Selected() = %q, want the last one", name)
	}
}

// Dovecot works at several FETCHes at a time, and answers them all at the end.
func TestRequestsAnsweredTogether(t *testing.T) {
	t.Parallel()
	s := source(t, func(p *peer) {
		tags := p.commands(`EXAMINE "A"`, "UID FETCH 1:2 (UID BODY.PEEK[])", "UID FETCH 3 (UID BODY.PEEK[])", `EXAMINE "B"`)
		p.send("* OK [UIDVALIDITY 4] x\r\n" + tags[0] + " OK done\r\n")
		p.send("* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n* 3 FETCH (UID 3 BODY[] {1}\r\nc)\r\n* 2 FETCH (BODY[] {1}\r\nb UID 2)\r\n")
		p.send(tags[1] + " OK done\r\n" + tags[2] + " OK done\r\n")
		p.send("* OK [UIDVALIDITY 5] x\r\n" + tags[3] + " OK done\r\n")
		p.answer("UID FETCH 1 (UID BODY.PEEK[])", "* 1 FETCH (UID 1 BODY[] {1}\r\nx)\r\n", "OK done")
	})
	var got []string
	request := func(name string, validity uint32, uids ...imap.UID) *imapconn.Request {
		return &imapconn.Request{Mailbox: name, Validity: validity, UIDs: uids,
			Body: func(uid imap.UID, _ int64, body io.Reader) error {
				octets, err := io.ReadAll(body)
				got = append(got, fmt.Sprint(name, uid, string(octets), len(uids)))
				return err
			},
			Done: func(err error) error {
				got = append(got, fmt.Sprint(name, " done ", err))
				return nil
			},
		}
	}
	todo := []*imapconn.Request{request("A", 4, 1, 2), request("A", 4, 3), request("B", 6, 1)}
	err := s.Requests(t.Context(), func(bool) (*imapconn.Request, error) {
		if len(todo) == 0 {
			return nil, nil
		}
		r := todo[0]
		todo = todo[1:]
		return r, nil
	})
	want := []string{"A1a2", "A3c1", "A2b2", "A done <nil>", "A done <nil>"}
	if err != nil || len(got) != 6 || !slices.Equal(got[:5], want) || !strings.Contains(got[5], "UIDVALIDITY of B is now 5") {
		t.Errorf("Requests() = %v, gave %q", err, got)
	}
}

// TestRequestsOfSeveralMailboxes asks for mailboxes with the same UIDs, cut
// differently, one after the other without waiting. Each message goes to the
// request for its own mailbox; of one with another UIDVALIDITY nothing is taken.
func TestRequestsOfSeveralMailboxes(t *testing.T) {
	t.Parallel()
	s := source(t, func(p *peer) {
		const fetch = "UID FETCH %s (UID BODY.PEEK[])"
		commands := []string{
			`EXAMINE "A"`, fmt.Sprintf(fetch, "1:3"), fmt.Sprintf(fetch, "4"), `EXAMINE "B"`, fmt.Sprintf(fetch, "1:2"),
			fmt.Sprintf(fetch, "3:4"), `EXAMINE "C"`, fmt.Sprintf(fetch, "1"), fmt.Sprintf(fetch, "2:4"),
		}
		tags := p.commands(commands...)
		name, next := "", 1
		for i, command := range commands {
			if opened, ok := strings.CutPrefix(command, `EXAMINE "`); ok {
				name, next = strings.TrimSuffix(opened, `"`), 1
				p.send("* OK [UIDVALIDITY 4] x\r\n")
			}
			for end := map[string]int{"1": 1, "1:2": 2, "1:3": 3, "4": 4, "3:4": 4, "2:4": 4}[strings.Fields(command + " x x")[2]]; next <= end; next++ {
				p.send(fmt.Sprintf("* %[1]d FETCH (UID %[1]d BODY[] {2}\r\n%[2]s%[1]d)\r\n", next, name))
			}
			p.send(tags[i] + " OK done\r\n")
		}
	})
	var got []string
	request := func(name string, validity uint32, uids ...imap.UID) *imapconn.Request {
		return &imapconn.Request{Mailbox: name, Validity: validity, UIDs: uids,
			Body: func(_ imap.UID, _ int64, body io.Reader) error {
				octets, err := io.ReadAll(body)
				got = append(got, name+"="+string(octets))
				return err
			},
			Done: func(err error) error {
				if err != nil {
					got = append(got, name+" refused")
				}
				return nil
			},
		}
	}
	todo := []*imapconn.Request{
		request("A", 4, 1, 2, 3), request("A", 4, 4), request("B", 4, 1, 2), request("B", 4, 3, 4), request("C", 5, 1), request("C", 5, 2, 3, 4),
	}
	err := s.Requests(t.Context(), func(bool) (*imapconn.Request, error) {
		if len(todo) == 0 {
			return nil, nil
		}
		r := todo[0]
		todo = todo[1:]
		return r, nil
	})
	want := strings.Fields("A=A1 A=A2 A=A3 A=A4 B=B1 B=B2 B=B3 B=B4")
	if want = append(want, "C refused", "C refused"); err != nil || !slices.Equal(got, want) {
		t.Errorf("Requests() = %v, gave %q, want %q", err, got, want)
	}
}

// TestRequestsGoOnBeforeTheAnswer speaks to a server that answers nothing
// before all is asked for: what has come in whole makes room for more.
func TestRequestsGoOnBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	const messages = 30
	s := source(t, func(p *peer) {
		p.answer(`EXAMINE "A"`, "* OK [UIDVALIDITY 4] x\r\n", "OK done")
		var tags []string
		for uid := 1; uid <= messages; uid++ {
			tags = append(tags, p.commands(fmt.Sprintf("UID FETCH %d (UID BODY.PEEK[])", uid))...)
			p.send(fmt.Sprintf("* %d FETCH (UID %d BODY[] {1}\r\nx)\r\n", uid, uid))
		}
		for _, tag := range tags {
			p.send(tag + " OK done\r\n")
		}
	})
	came, done, asked := 0, 0, imap.UID(0)
	err := s.Requests(t.Context(), func(bool) (*imapconn.Request, error) {
		if asked++; asked > messages {
			return nil, nil
		}
		return &imapconn.Request{Mailbox: "A", Validity: 4, UIDs: []imap.UID{asked},
			Body: func(imap.UID, int64, io.Reader) error { came++; return nil },
			Done: func(err error) error { done++; return err },
		}, nil
	})
	if err != nil || came != messages || done != messages {
		t.Errorf("Requests() = %v, gave %d messages and %d answers, want %d of both", err, came, done, messages)
	}
}
