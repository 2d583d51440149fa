package imapconn_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

const full = `FLAGS (\Seen) INTERNALDATE "17-Jul-2020 02:44:25 -0730" RFC822.SIZE 44`

func TestFetch(t *testing.T) {
	t.Parallel()
	s := source(t, func(p *peer) {
		p.answer("EXAMINE", "* OK [UIDVALIDITY 9] x\r\n", "OK done")
		p.answer("UID FETCH 5:* (UID FLAGS INTERNALDATE RFC822.SIZE)", strings.Join([]string{
			"* 1 FETCH (UID 5 " + full + ")",
			"* 2 FETCH (FLAGS (a) UID 6)", // the first half of 6
			"* 9 EXISTS",
			"* 5 FETCH (FLAGS (\\Deleted))", // nobody's UID
			`* 2 FETCH (UID 6 INTERNALDATE NIL RFC822.SIZE 45)`,
			"* 1 FETCH (UID 5 FLAGS (b))", // news of 5
			"* 3 EXPUNGE",
			"* XFOO bar",
			"* 4 FETCH (UID 8 RFC822.SIZE 46)", // never complete
		}, "\r\n")+"\r\n", "OK done")
	})
	if _, err := s.Examine(t.Context(), "INBOX"); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := s.Fetch(t.Context(), wire.From(5), false, func(m wire.Message) error {
		got = append(got, fmt.Sprint(m.UIDValidity, m.UID, m.Flags, m.Size, m.InternalDate.IsZero()))
		return nil
	})
	want := []string{`9 5 [\Seen] 44 false`, "9 6 [a] 45 true", "9 8 [] 46 true"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("Fetch() = %q, %v; want %q", got, err, want)
	}
}

func TestFetchHeaders(t *testing.T) {
	t.Parallel()
	s := source(t, func(p *peer) {
		p.answer("UID FETCH 5 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID",
			"* 1 FETCH (UID 5 "+full+" BODY[HEADER.FIELDS (MESSAGE-ID DATE)] {22}\r\nMessage-ID: <a@b>\r\n\r\n\r\n)\r\n", "OK done")
	})
	var got []wire.Message
	err := s.Fetch(t.Context(), wire.SetOf(5), true, func(m wire.Message) error {
		got = append(got, m)
		return nil
	})
	if want := wire.Fingerprint([]byte("Message-ID: <a@b>\r\n")); err != nil || len(got) != 1 || got[0].Header != want || !got[0].Named {
		t.Errorf("Fetch() = %+v, %v", got, err)
	}
}

func TestFetchSplitsLongSets(t *testing.T) {
	t.Parallel()
	var uids []imap.UID
	for uid := imap.UID(1); uid < 20_000; uid += 2 {
		uids = append(uids, uid)
	}
	s := source(t, func(p *peer) {
		for last := ""; last != "19999"; {
			tag, line := p.read()
			if len(line) > 8000 {
				t.Errorf("command of %d octets", len(line))
			}
			set := strings.Fields(line)[2]
			last = set[strings.LastIndexByte(set, ',')+1:]
			p.send(tag + " OK done\r\n")
		}
	})
	if err := s.Fetch(t.Context(), wire.SetOf(uids...), false, func(wire.Message) error { return nil }); err != nil {
		t.Errorf("Fetch() = %v", err)
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	s := source(t, func(p *peer) {
		p.answer("UID FETCH 5:9 (UID BODY.PEEK[])", strings.Join([]string{
			"* 5 FETCH (UID 5 FLAGS (\\Seen))", // uses up nothing
			"* 5 FETCH (UID 5 BODY[] {4}\r\nfive)",
			"* 6 FETCH (BODY[] {3}\r\nsix UID 6)",
			"* 7 FETCH (UID 7 BODY[] NIL)",
			"* 5 FETCH (UID 5 BODY[] {4}\r\nfive)", // once is enough
			"* 8 FETCH (UID 80 BODY[] {1}\r\nx)",   // nobody asked
			"* 9 FETCH (UID 9 BODY[] {4}\r\nnine)",
		}, "\r\n")+"\r\n", "OK done")
	})
	var got []string
	err := s.Bodies(t.Context(), []imap.UID{9, 5, 6, 7, 8}, func(uid imap.UID, size int64, body io.Reader) error {
		if uid == 9 {
			got = append(got, "9 unread")
			return nil
		}
		b, err := io.ReadAll(body)
		got = append(got, fmt.Sprint(uid, size)+" "+string(b))
		return err
	})
	if want := []string{"5 4 five", "6 3 six", "9 unread"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("Bodies() = %q, %v; want %q", got, err, want)
	}
}

func TestBodiesLargeBeforeItsUID(t *testing.T) {
	t.Parallel()
	const size = 9 << 20
	body := strings.Repeat("x", size)
	s := source(t, func(p *peer) {
		large := fmt.Sprintf("* 5 FETCH (BODY[] {%d}\r\n%s UID 5)\r\n", size, body)
		p.answer("UID FETCH 5:6 ", large, "OK done")
		p.answer("UID FETCH 5 ", large, "OK done")
		p.answer("UID FETCH 5 ", "* 5 FETCH (BODY[] {1}\r\nx UID 6)\r\n", "OK done")
	})
	var octets int64
	count := func(_ imap.UID, _ int64, body io.Reader) (err error) {
		octets, err = io.Copy(io.Discard, body)
		return err
	}
	if err := s.Bodies(t.Context(), []imap.UID{5, 6}, count); err != nil || octets != 0 {
		t.Errorf("Bodies(5, 6) gave %d octets, %v; want it left out", octets, err)
	}
	if err := s.Bodies(t.Context(), []imap.UID{5}, count); err != nil || octets != size {
		t.Errorf("Bodies(5) gave %d octets, %v; want %d", octets, err, size)
	}
	if err := s.Bodies(t.Context(), []imap.UID{5}, count); !errors.Is(err, imapconn.ErrProtocol) {
		t.Errorf("Bodies(5) answered with another UID = %v, want ErrProtocol", err)
	}
}

func TestBodiesCut(t *testing.T) {
	t.Parallel()
	e := serve(t, func(p *peer) {
		p.welcome()
		p.read()
		p.send("* 5 FETCH (UID 5 BODY[] {100000}\r\nabc")
	})
	s, err := imapconn.DialSource(t.Context(), e, anna)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	var inner error
	err = s.Bodies(t.Context(), []imap.UID{5}, func(_ imap.UID, _ int64, body io.Reader) error {
		_, inner = io.ReadAll(body)
		return inner
	})
	if inner == nil || imapconn.Class(err) != imapconn.ClassTemporary {
		t.Errorf("Bodies() = %v, the body's reader %v; want errors", err, inner)
	}
}

func TestErrorOfTheCallerIsKept(t *testing.T) {
	t.Parallel()
	own := fmt.Errorf("disk full: %w", io.EOF)
	s := source(t, func(p *peer) {
		p.answer("UID FETCH", "* 5 FETCH (UID 5 BODY[] {1}\r\nx)\r\n", "OK done")
	})
	err := s.Bodies(t.Context(), []imap.UID{5}, func(imap.UID, int64, io.Reader) error { return own })
	if !errors.Is(err, own) {
		t.Errorf("Bodies() = %v, want the caller's own error", err)
	}
	if _, err := s.Status(t.Context(), "INBOX"); !errors.Is(err, imapconn.ErrClosed) {
		t.Errorf("Status() behind it = %v, want ErrClosed", err)
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	s := source(t, func(p *peer) {
		p.answer("UID SEARCH UID 5:9", "* SEARCH 9 5\r\n* SEARCH 5 77\r\n", "OK done")
		p.answer("UID SEARCH UID 5:9", "* SEARCH\r\n", "OK done")
		p.answer("UID SEARCH UID 5:9", "", "NO [INUSE] locked")
		p.answer("UID SEARCH UID 5:9", "* ESEARCH (TAG \"A6\") UID ALL 6:7\r\n", "OK done")
	})
	set := wire.Set{{First: 5, Last: 9}}
	for _, want := range []string{"[5 9]", "[]", "locked", "[6 7]"} {
		uids, err := s.Search(t.Context(), set)
		if want == "locked" {
			if imapconn.Class(err) != imapconn.ClassTemporary {
				t.Errorf("Search() = %v, want temporary", err)
			}
			continue
		}
		if got := fmt.Sprint(uids); err != nil || got != want {
			t.Errorf("Search() = %s, %v; want %s", got, err, want)
		}
	}
}
