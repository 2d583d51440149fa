package lane_test

import (
	"bytes"
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
	_, c, a := server(t, o)
	return c, a
}

func server(t *testing.T, o imaplab.Options) (*imaplab.Server, *imapconn.Target, *imaplab.Account) {
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
	return s, c, a
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
			w := lane.NewWriter(c.Raw(), c.Caps())
			for i := range 5 {
				if err := w.Append(t.Context(), "Gr&APYA3w-e \"x\"", items(fmt.Sprintf("Subject: %d\r\n\r\n", i))); err != nil {
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
			w := lane.NewWriter(c.Raw(), c.Caps())
			batches := [][]lane.Item{items("A: 1\r\n\r\n", "bad: 1\r\n\r\n", "A: 2\r\n\r\n"), items("A: 3\r\n\r\n", "A: 4\r\n\r\n")}
			for _, b := range batches {
				if err := w.Append(t.Context(), "INBOX", b); err != nil {
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
	w := lane.NewWriter(c.Raw(), c.Caps())
	short := []lane.Item{{Size: 10, Body: strings.NewReader("short")}}
	if err := w.Append(t.Context(), "INBOX", short); !errors.Is(err, lane.ErrShort) {
		t.Errorf("Append() of a short message = %v, want ErrShort", err)
	}
	single, _ := target(t, imaplab.Options{Hide: []imap.Cap{"MULTIAPPEND"}})
	w = lane.NewWriter(single.Raw(), single.Caps())
	if err := w.Append(t.Context(), "INBOX", items("A: 1\r\n\r\n", "A: 2\r\n\r\n")); err == nil || w.Multi() {
		t.Error("Append() of two messages where one is allowed = nil, want an error")
	}
}

func TestBatchBoundsWhatComes(t *testing.T) {
	t.Parallel()
	b := lane.NewBatch(3)
	if err := b.Take(1, 3, strings.NewReader("one")); err != nil || string(b.Bodies[1]) != "one" {
		t.Errorf("Take() = %v, bodies %v", err, b.Bodies)
	}
	if err := b.Take(3, 3<<20, strings.NewReader("")); err != nil || fmt.Sprint(b.Large) != "[3]" {
		t.Errorf("Take() of far more than was listed = %v, large %v, want uid 3", err, b.Large)
	}
	if err := b.Take(4, 3, strings.NewReader("x")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Take() of a message cut short = %v", err)
	}
}

// TestWriterReady sends while an answer is awaited, and receives it after.
func TestWriterReady(t *testing.T) {
	t.Parallel()
	for name, hide := range map[string][]imap.Cap{"multi": nil, "sync": {"MULTIAPPEND", "LITERAL+"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, a := target(t, imaplab.Options{Hide: hide})
			w := lane.NewWriter(c.Raw(), c.Caps())
			for i := range 3 {
				if err := w.Append(t.Context(), "INBOX", items(fmt.Sprintf("Subject: %d\r\n\r\n", i))); err != nil {
					t.Fatal(err)
				}
				if _, err := w.Ready(); err != nil {
					t.Fatal(err)
				}
			}
			for i := range 3 {
				ready, err := w.Ready()
				if err != nil {
					t.Fatal(err)
				}
				select {
				case <-ready:
				case <-time.After(10 * time.Second):
					t.Fatal("no answer is ready")
				}
				got, err := w.Receive(t.Context())
				if err != nil || got.Err != nil || len(got.UIDs) != 1 || got.UIDs[0] != imap.UID(i+1) {
					t.Errorf("Receive() = %v, %v, want uid %d", got, err, i+1)
				}
			}
			if n := len(a.Messages("INBOX")); n != 3 {
				t.Errorf("the mailbox holds %d messages, want 3", n)
			}
		})
	}
}

// TestWriterReadyAtTheEnd wakes whoever waits for an answer when the connection
// ends.
func TestWriterReadyAtTheEnd(t *testing.T) {
	t.Parallel()
	c, _ := target(t, imaplab.Options{})
	w := lane.NewWriter(c.Raw(), c.Caps())
	if err := w.Append(t.Context(), "INBOX", items("A: 1\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Ready(); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	w.Settle() // returns
	// The answer may have come before the end.
	if _, err := w.Receive(t.Context()); err != nil && !errors.Is(err, imapconn.ErrClosed) {
		t.Errorf("Receive() = %v, want nil or ErrClosed", err)
	}
}

// TestWriterLeavesTheMailbox appends with a mailbox open: a server that can be
// told to leave it does not look at it after each message.
func TestWriterLeavesTheMailbox(t *testing.T) {
	t.Parallel()
	for name, hide := range map[string][]imap.Cap{"multi": nil, "sync": {"MULTIAPPEND", "LITERAL+"}, "cannot": {"UNSELECT"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, c, a := server(t, imaplab.Options{Hide: hide})
			for round := range 2 {
				if _, err := c.Select(t.Context(), "INBOX"); err != nil {
					t.Fatal(err)
				}
				w := lane.NewWriter(c.Raw(), c.Caps())
				for range 2 {
					if err := w.Append(t.Context(), "INBOX", items("A: 1\r\n\r\n")); err != nil {
						t.Fatal(err)
					}
				}
				for range 2 {
					if got, err := w.Receive(t.Context()); err != nil || got.Err != nil {
						t.Fatalf("Receive() = %v, %v", got, err)
					}
				}
				want := round + 1
				if name == "cannot" {
					want = 0
				}
				if open, _ := c.Selected(); s.Count("UNSELECT") != want || (open == "") != (want > 0) {
					t.Errorf("%d times UNSELECT, want %d; %q is open", s.Count("UNSELECT"), want, open)
				}
			}
			if n := len(a.Messages("INBOX")); n != 4 {
				t.Errorf("the mailbox holds %d messages, want 4", n)
			}
		})
	}
}
