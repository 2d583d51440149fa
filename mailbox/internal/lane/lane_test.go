package lane_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/mailbox/internal/lane"
)

func target(t *testing.T, o imaplab.Options) (*imapconn.Target, *imaplab.Account) {
	t.Helper()
	s, err := imaplab.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	a := s.Account("anna", "secret")
	c, err := imapconn.DialTarget(t.Context(), imapconn.Endpoint{Addr: s.Addr(), Insecure: true, Timeout: 10 * time.Second},
		imapconn.Login{User: "anna", Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, a
}

func items(texts ...string) []lane.Item {
	var all []lane.Item
	for i, s := range texts {
		all = append(all, lane.Item{
			Flags: []imap.Flag{imap.FlagSeen, "work"}, Date: time.Date(2020, 1, 1, 0, 0, i, 0, time.UTC),
			Size: int64(len(s)), Body: strings.NewReader(s),
		})
	}
	return all
}

func TestWriterPipelines(t *testing.T) {
	t.Parallel()
	habits := map[string][]imap.Cap{"multi": nil, "plus": {"MULTIAPPEND"}, "sync": {"MULTIAPPEND", "LITERAL+"}, "no uids": {"UIDPLUS"}}
	for name, hide := range habits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, a := target(t, imaplab.Options{Hide: hide})
			a.Create("Größe \"x\"", "")
			w := lane.NewWriter(c.Raw(), c.Caps(), "Gr&APYA3w-e \"x\"")
			for i := range 5 {
				if err := w.Append(t.Context(), items(fmt.Sprintf("Subject: %d\r\n\r\n", i))); err != nil {
					t.Fatal(err)
				}
			}
			if w.Pending() != 5 {
				t.Errorf("Pending() = %d, want 5", w.Pending())
			}
			for i := range 5 {
				got, err := w.Receive(t.Context())
				if err != nil || got.Err != nil {
					t.Fatalf("Receive() = %v, %v", got, err)
				}
				if name == "no uids" && got.UIDs != nil || name != "no uids" && (len(got.UIDs) != 1 || got.UIDs[0] != imap.UID(i+1)) {
					t.Errorf("Receive() = %v, want uid %d", got, i+1)
				}
			}
			for i, m := range a.Messages("Größe \"x\"") {
				if want := fmt.Sprintf("Subject: %d\r\n\r\n", i); string(m.Body) != want || fmt.Sprint(m.Flags) != `[\Seen work]` {
					t.Errorf("message %d is %q %v, want %q", i, m.Body, m.Flags, want)
				}
			}
		})
	}
}

func TestWriterOutlivesRefusals(t *testing.T) {
	t.Parallel()
	for name, hide := range map[string][]imap.Cap{"multi": nil, "multi sync": {"LITERAL+"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, a := target(t, imaplab.Options{Hide: hide, RefuseAppend: func(_ string, body []byte) error {
				if bytes.Contains(body, []byte("bad")) {
					return errors.New("no such thing here")
				}
				return nil
			}})
			w := lane.NewWriter(c.Raw(), c.Caps(), "INBOX")
			batches := [][]lane.Item{items("A: 1\r\n\r\n", "bad: 1\r\n\r\n", "A: 2\r\n\r\n"), items("A: 3\r\n\r\n", "A: 4\r\n\r\n")}
			for _, b := range batches {
				if err := w.Append(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
			first, err := w.Receive(t.Context())
			var refusal *imapconn.ResponseError
			if err != nil || !errors.As(first.Err, &refusal) {
				t.Errorf("Receive() = %v, %v, want a refusal", first, err)
			}
			second, err := w.Receive(t.Context())
			if err != nil || second.Err != nil || fmt.Sprint(second.UIDs) != "[1 2]" {
				t.Errorf("Receive() = %v, %v, want uids 1 and 2", second, err)
			}
			if n := len(a.Messages("INBOX")); n != 2 {
				t.Errorf("the mailbox holds %d messages, want 2", n)
			}
		})
	}
}

func TestWriterNotices(t *testing.T) {
	t.Parallel()
	c, _ := target(t, imaplab.Options{})
	w := lane.NewWriter(c.Raw(), c.Caps(), "INBOX")
	short := []lane.Item{{Size: 10, Body: strings.NewReader("short")}}
	if err := w.Append(t.Context(), short); !errors.Is(err, lane.ErrShort) {
		t.Errorf("Append() of a short message = %v, want ErrShort", err)
	}
	single, _ := target(t, imaplab.Options{Hide: []imap.Cap{"MULTIAPPEND"}})
	w = lane.NewWriter(single.Raw(), single.Caps(), "INBOX")
	if err := w.Append(t.Context(), items("A: 1\r\n\r\n", "A: 2\r\n\r\n")); err == nil || w.Multi() {
		t.Error("Append() of two messages where one is allowed = nil, want an error")
	}
}

// fetcher gives bodies as a server would, in pieces.
type fetcher map[imap.UID]string

func (f fetcher) Bodies(_ context.Context, uids []imap.UID, fn func(imap.UID, int64, io.Reader) error) error {
	for _, uid := range uids {
		if body, ok := f[uid]; ok {
			if err := fn(uid, int64(len(body)), io.LimitReader(strings.NewReader(body), int64(len(body)))); err != nil {
				return err
			}
		}
	}
	return nil
}

func TestReadBoundsWhatComes(t *testing.T) {
	t.Parallel()
	f := fetcher{1: "one", 3: strings.Repeat("x", 3<<20)}
	listed := func(imap.UID) int64 { return 3 }
	got, large, err := lane.Read(t.Context(), f, []imap.UID{1, 2}, listed)
	if err != nil || len(got) != 1 || string(got[1]) != "one" || len(large) != 0 {
		t.Errorf("Read() = %v, %v, %v, want uid 1 alone", got, large, err)
	}
	got, large, err = lane.Read(t.Context(), f, []imap.UID{3, 1}, listed)
	if err != nil || len(got) != 1 || fmt.Sprint(large) != "[3]" {
		t.Errorf("Read() with far more than was listed = %d bodies, %v, %v, want uid 3 as large", len(got), large, err)
	}
}
