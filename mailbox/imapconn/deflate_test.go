package imapconn_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// lab starts a server with an account, which is reached over a narrow line.
func lab(t *testing.T, o imaplab.Options) (*imaplab.Server, *imaplab.Account, imapconn.Endpoint) {
	t.Helper()
	s, err := imaplab.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, s.Account("anna", "secret"), imapconn.Endpoint{
		Addr: s.Addr(), Insecure: o.TLS == nil, Timeout: 10 * time.Second, Line: &imapconn.Line{Narrow: true},
	}
}

// letters are messages from very small to much larger than any buffer.
func letters() [][]byte {
	var all [][]byte
	for _, lines := range []int{0, 1, 100, 20_000, 3} {
		all = append(all, []byte("Subject: x\r\n\r\n"+strings.Repeat("a line that says the same again\r\n", lines)))
	}
	return all
}

// fetch reads all messages of the mailbox, by requests for three at a time.
func fetch(t *testing.T, e imapconn.Endpoint, name string, n int) (got [][]byte, err error) {
	t.Helper()
	s, err := imapconn.DialSource(t.Context(), e, anna)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sel, err := s.Examine(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	next := imap.UID(1)
	return got, s.Requests(t.Context(), func(bool) (*imapconn.Request, error) {
		if int(next) > n {
			return nil, nil
		}
		r := &imapconn.Request{Mailbox: name, Validity: sel.UIDValidity, Done: func(err error) error { return err },
			Body: func(_ imap.UID, _ int64, body io.Reader) error {
				octets, err := io.ReadAll(body)
				got = append(got, octets)
				return err
			}}
		for ; len(r.UIDs) < 3 && int(next) <= n; next++ {
			r.UIDs = append(r.UIDs, next)
		}
		return r, nil
	})
}

// send appends messages by hand, as the lane does.
func send(t *testing.T, c *imapconn.Target, ms [][]byte) error {
	t.Helper()
	raw := c.Raw()
	if raw.Pays() {
		if err := raw.Compress(); err != nil {
			return err
		}
	}
	for _, m := range ms {
		if _, err := fmt.Fprintf(raw, "%s APPEND INBOX {%d+}\r\n%s\r\n", raw.Tag(), len(m), m); err != nil {
			return err
		}
	}
	if err := raw.Flush(); err != nil {
		return err
	}
	for answers := 0; answers < len(ms); {
		p, err := raw.Next()
		if err != nil {
			return err
		}
		if p.Kind == wire.Tagged {
			answers++
			if err := raw.Answer(p); err != nil {
				return err
			}
		}
	}
	return nil
}

func TestCompress(t *testing.T) {
	t.Parallel()
	cert, pool := certificate(t)
	for name, o := range map[string]imaplab.Options{
		"clear": {}, "TLS": {TLS: &tls.Config{Certificates: []tls.Certificate{cert}}},
		"STARTTLS": {TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, StartTLS: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, acct, e := lab(t, o)
			e.StartTLS, e.TLS = o.StartTLS, &tls.Config{RootCAs: pool}
			c, err := imapconn.DialTarget(t.Context(), e, anna)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			want := letters()
			if err := send(t, c, want); err != nil {
				t.Fatal(err)
			}
			if _, out := c.Traffic(); out > 50_000 {
				t.Errorf("%d octets went out", out)
			}
			for i, m := range acct.Messages("INBOX") {
				if !bytes.Equal(m.Body, want[i]) {
					t.Errorf("message %d of %d octets is stored with %d", i, len(want[i]), len(m.Body))
				}
			}
			if _, err := c.Select(t.Context(), "INBOX"); err != nil { // all else goes on as before
				t.Error(err)
			}
			got, err := fetch(t, e, "INBOX", len(want))
			if err != nil || len(got) != len(want) {
				t.Fatalf("%d messages came, %v", len(got), err)
			}
			for i := range want {
				if !bytes.Equal(got[i], want[i]) {
					t.Errorf("message %d of %d octets came with %d", i, len(want[i]), len(got[i]))
				}
			}
			if n := s.Count("COMPRESS"); n != 2 {
				t.Errorf("%d times COMPRESS, want 2", n)
			}
		})
	}
}

// TestCompressOnlyWhereItPays asks for no compression that nobody needs.
func TestCompressOnlyWhereItPays(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*imapconn.Endpoint, *imaplab.Options){
		"line unknown":  func(e *imapconn.Endpoint, _ *imaplab.Options) { e.Line = new(imapconn.Line) },
		"no line":       func(e *imapconn.Endpoint, _ *imaplab.Options) { e.Line = nil },
		"not announced": func(_ *imapconn.Endpoint, o *imaplab.Options) { o.Hide = append(o.Hide, imaplab.CapCompress) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var o imaplab.Options
			change(new(imapconn.Endpoint), &o)
			s, acct, e := lab(t, o)
			change(&e, &o)
			if _, err := acct.Deliver("INBOX", imaplab.Message{Body: []byte("A: b\r\n\r\n")}); err != nil {
				t.Fatal(err)
			}
			if got, err := fetch(t, e, "INBOX", 1); err != nil || len(got) != 1 || s.Count("COMPRESS") != 0 {
				t.Errorf("%d messages came, %v; %d times COMPRESS", len(got), err, s.Count("COMPRESS"))
			}
		})
	}
}

// TestCompressRefused goes on without, and does not ask again.
func TestCompressRefused(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"TAG NO [COMPRESSIONACTIVE] TLS does it", "TAG BAD what"} {
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			s, acct, e := lab(t, imaplab.Options{Faults: imaplab.Faults{Answer: func(c imaplab.Command) []string {
				if c.Verb == "COMPRESS" {
					return []string{answer}
				}
				return nil
			}}})
			if _, err := acct.Deliver("INBOX", imaplab.Message{Body: []byte("A: b\r\n\r\n")}); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if got, err := fetch(t, e, "INBOX", 1); err != nil || len(got) != 1 {
					t.Errorf("%d messages came, %v", len(got), err)
				}
			}
			if n := s.Count("COMPRESS"); n != 1 {
				t.Errorf("%d times COMPRESS, want 1", n)
			}
		})
	}
}

// TestCompressFails loses the connection to a server that cannot do what it
// has agreed to. The next one does without.
func TestCompressFails(t *testing.T) {
	t.Parallel()
	plain := func(c imaplab.Command) []string {
		if c.Verb == "COMPRESS" {
			return []string{"TAG OK", "* BYE as nothing but words"}
		}
		return nil
	}
	gone := func(c imaplab.Command) imaplab.Action {
		if c.Verb == "COMPRESS" {
			return imaplab.Cut
		}
		return imaplab.Pass
	}
	for name, faults := range map[string]imaplab.Faults{
		"garbled": {Compress: imaplab.Garbled}, "bomb": {Compress: imaplab.Bomb}, "plain": {Answer: plain}, "gone": {Command: gone},
	} {
		for _, side := range []string{"source", "target"} {
			t.Run(name+" "+side, func(t *testing.T) {
				t.Parallel()
				_, acct, e := lab(t, imaplab.Options{Faults: faults})
				if _, err := acct.Deliver("INBOX", imaplab.Message{Body: []byte("A: b\r\n\r\n")}); err != nil {
					t.Fatal(err)
				}
				talk := func() error {
					if side == "source" {
						_, err := fetch(t, e, "INBOX", 1)
						return err
					}
					c, err := imapconn.DialTarget(t.Context(), e, anna)
					if err != nil {
						t.Fatal(err)
					}
					defer c.Close()
					return send(t, c, letters())
				}
				if err := talk(); !errors.Is(err, imapconn.ErrCompression) || imapconn.Class(err) != imapconn.ClassProtocol || !imapconn.Excused(err) {
					t.Errorf("%v, want ErrCompression, with which no message has to do", err)
				}
				if err := talk(); err != nil {
					t.Errorf("the next connection: %v", err)
				}
			})
		}
	}
}
