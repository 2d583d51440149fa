package migrate

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/migrate/probe"
)

// A stepping clock takes no time to wait, and does something each time.
type stepping struct {
	now  time.Time
	wait func(n int)
	n    int
}

func (c *stepping) Now() time.Time { return c.now }

func (c *stepping) Sleep(ctx context.Context, d time.Duration) error {
	c.now = c.now.Add(d)
	if c.n++; c.wait != nil {
		c.wait(c.n)
	}
	return ctx.Err()
}

// A message from outside has to be at the target and, looked at twice, not at
// the old server.
func TestSeek(t *testing.T) {
	t.Parallel()
	const token = "mxmove-inbound-token"
	const msg = "From: mxmove@probe.invalid\r\nSubject: mxmove probe " + token + "\r\n\r\nhello\r\n"
	deliver := func(t *testing.T, s *imaplab.Server, box string) {
		if _, err := s.Lookup("anna").Deliver(box, imaplab.Message{Body: []byte(msg)}); err != nil {
			t.Error(err)
		}
	}
	tests := []struct {
		name   string
		at     func(t *testing.T, n int, target, old *imaplab.Server) // after the n-th wait; 0 is before the first look
		result probe.Outcome
		target string
		old    string
		reason string
	}{
		{"at the target", func(t *testing.T, n int, target, _ *imaplab.Server) {
			if n == 2 {
				deliver(t, target, "INBOX")
			}
		}, probe.Pass, "INBOX", "", ""},
		{"in the target's spam", func(t *testing.T, n int, target, _ *imaplab.Server) {
			if n == 0 {
				deliver(t, target, "Junk")
			}
		}, probe.Pass, "Junk", "", ""},
		{"at the old server", func(t *testing.T, n int, _, old *imaplab.Server) {
			if n == 0 {
				deliver(t, old, "INBOX")
			}
		}, probe.Fail, "", "INBOX", "still delivered there"},
		{"at both", func(t *testing.T, n int, target, old *imaplab.Server) {
			if n == 0 {
				deliver(t, target, "INBOX")
				deliver(t, old, "INBOX")
			}
		}, probe.Fail, "INBOX", "INBOX", "still delivered there"},
		{"at the old server a moment later", func(t *testing.T, n int, target, old *imaplab.Server) {
			switch n {
			case 0:
				deliver(t, target, "INBOX")
			case 1:
				deliver(t, old, "INBOX")
			}
		}, probe.Fail, "INBOX", "INBOX", "still delivered there"},
		{"nowhere", func(*testing.T, int, *imaplab.Server, *imaplab.Server) {}, probe.NotMeasured, "", "", "not found within"},
		{"the old server does not answer", func(t *testing.T, n int, target, old *imaplab.Server) {
			if n == 0 {
				deliver(t, target, "INBOX")
				if err := old.Close(); err != nil {
					t.Error(err)
				}
			}
		}, probe.NotMeasured, "INBOX", "", "nobody could look at the old server"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			target, theirs := seekable(t)
			old, ours := seekable(t)
			clock := &stepping{now: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC), wait: func(n int) { tt.at(t, n, target, old) }}
			tt.at(t, 0, target, old)
			r := &run{Move: &Move{o: Options{Clock: clock}}}
			in := InboundAt{MX: "mx.example.net", Result: probe.NotMeasured, token: token}
			if _, err := r.seek(t.Context(), clock.now, theirs, ours, &in); err != nil {
				t.Fatal(err)
			}
			if in.Result != tt.result || in.Target != tt.target || in.Old != tt.old || !strings.Contains(strings.Join(in.Reasons, "\n"), tt.reason) {
				t.Errorf("seek = %+v", in)
			}
		})
	}
}

func TestInboundSum(t *testing.T) {
	t.Parallel()
	const pass, fail, open = probe.Pass, probe.Fail, probe.NotMeasured
	at := func(mx string, taken bool, result probe.Outcome) InboundAt {
		return InboundAt{MX: mx, Taken: taken, Result: result, Reasons: []string{mx}}
	}
	for _, tt := range []struct {
		name   string
		at     []InboundAt
		result probe.Outcome
		mx     string
	}{
		{"none", nil, open, ""},
		{"nobody took it", []InboundAt{at("a", false, open), at("b", false, open)}, open, ""},
		{"one", []InboundAt{at("a", true, pass)}, pass, "a"},
		{"the second took it", []InboundAt{at("a", false, open), at("b", true, pass)}, pass, "b"},
		{"the second leads to the old server", []InboundAt{at("a", true, pass), at("b", true, fail)}, fail, "a"},
		{"the first leads to the old server", []InboundAt{at("a", true, fail), at("b", true, pass)}, fail, "a"},
		{"the second's was not found", []InboundAt{at("a", true, pass), at("b", true, open)}, open, "a"},
		{"not found, and at the old server", []InboundAt{at("a", true, open), at("b", true, fail), at("c", true, pass)}, fail, "a"},
	} {
		in := Inbound{Result: open, Exchangers: tt.at}
		if in.sum(); in.Result != tt.result || in.MX != tt.mx || len(in.Reasons) != len(tt.at) {
			t.Errorf("%s: sum = %s at %q with %q, want %s at %q", tt.name, in.Result, in.MX, in.Reasons, tt.result, tt.mx)
		}
	}
}

// seekable starts a server with one account.
func seekable(t *testing.T) (*imaplab.Server, *probe.Mailbox) {
	t.Helper()
	s, err := imaplab.Start(imaplab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // one of the cases has closed it
	s.Account("anna", "secret").Create("Junk", `\Junk`)
	return s, &probe.Mailbox{
		Endpoint: imapconn.Endpoint{Addr: s.Addr(), Insecure: true}, Login: imapconn.Login{User: "anna", Password: "secret"},
	}
}
