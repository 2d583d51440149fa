package imapconn_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
)

func TestHeaderFields(t *testing.T) {
	t.Parallel()
	s := source(t, func(p *peer) {
		p.answer("EXAMINE", "* 7 EXISTS\r\n", "OK done")
		p.answer("UID SEARCH 5:7", "* SEARCH 30 10 20 40 50\r\n", "OK done") // more than asked for
		p.answer("UID FETCH 10,20,30 (UID BODY.PEEK[HEADER.FIELDS (X-A)])", strings.Join([]string{
			"* 5 FETCH (UID 10 FLAGS ())",
			"* 5 FETCH (UID 10 BODY[HEADER.FIELDS (X-A)] {10}\r\nX-A: a\r\n\r\n)",
			"* 5 FETCH (UID 10 BODY[HEADER.FIELDS (X-A)] {10}\r\nX-A: b\r\n\r\n)", // once is enough
			"* 6 FETCH (BODY[HEADER.FIELDS (\"X-A\")] \"X-A: c\" UID 20)",
			"* 7 FETCH (UID 30 BODY[HEADER.FIELDS (X-A)] NIL)",
			"* 8 FETCH (UID 31 BODY[HEADER.FIELDS (X-A)] \"X-A: d\")", // nobody asked
		}, "\r\n")+"\r\n", "OK done")
	})
	if _, err := s.Examine(t.Context(), "INBOX"); err != nil {
		t.Fatal(err)
	}
	uids, err := s.Newest(t.Context(), 3)
	if want := []imap.UID{10, 20, 30}; err != nil || !slices.Equal(uids, want) {
		t.Fatalf("Newest(3) = %v, %v; want %v", uids, err, want)
	}
	var got []string
	err = s.HeaderFields(t.Context(), uids, "X-A", func(uid imap.UID, fields []byte) error {
		got = append(got, fmt.Sprintf("%d %q", uid, fields))
		return nil
	})
	if want := []string{`10 "X-A: a\r\n\r\n"`, `20 "X-A: c"`}; err != nil || !slices.Equal(got, want) {
		t.Errorf("HeaderFields() = %q, %v; want %q", got, err, want)
	}
}

func TestNewestOfAnEmptyMailbox(t *testing.T) {
	t.Parallel()
	s := source(t, func(p *peer) { p.answer("EXAMINE", "* 0 EXISTS\r\n", "OK done") })
	if _, err := s.Examine(t.Context(), "INBOX"); err != nil {
		t.Fatal(err)
	}
	if uids, err := s.Newest(t.Context(), 50); err != nil || len(uids) != 0 {
		t.Errorf("Newest() = %v, %v; want nothing, and nobody asked", uids, err)
	}
}
