package probe_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/mxmove/mxmove/migrate/probe"
)

// quick asks without a pause.
var quick = probe.RecipientOptions{Pause: -1}

func smtpError(code int, enhanced smtp.EnhancedCode, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: text}
}

func TestRecipients(t *testing.T) {
	t.Parallel()
	srv := newSubmitter(t, false, false)
	srv.refuse = map[string]error{
		"nobody@example.org": smtpError(550, smtp.EnhancedCode{5, 1, 1}, "no such user"),
		"gone@example.org":   smtpError(550, smtp.EnhancedCode{5, 1, 1}, "no such user"),
		"grey@example.org":   smtpError(451, smtp.EnhancedCode{4, 7, 1}, "come back later"),
	}
	s, err := probe.Recipients(t.Context(), srv.addr, "nobody@example.org", []string{"anna@example.org", "gone@example.org", "grey@example.org"}, quick)
	if err != nil {
		t.Fatal(err)
	}
	if s.Control.Answer != probe.Turned {
		t.Errorf("control %+v, want it refused", s.Control)
	}
	for i, want := range []struct {
		answer probe.Answer
		text   string
	}{
		{probe.Taken, "anna@example.org: 250 "},
		{probe.Turned, "gone@example.org: 550 5.1.1 no such user"},
		{probe.Inconclusive, "grey@example.org: 451 4.7.1 come back later"},
	} {
		if r := s.Replies[i]; r.Answer != want.answer || r.String() != want.text {
			t.Errorf("reply %q is %s, want %q %s", r, r.Answer, want.text, want.answer)
		}
	}
	if srv.message != "" || srv.mailFrom != "" {
		t.Errorf("sent %q from %q, want nothing from the null sender", srv.message, srv.mailFrom)
	}
	s, err = probe.Recipients(t.Context(), srv.addr, "nobody@example.org", []string{"a@b>\r\nDATA", "j\u00f6rg@example.org", "anna@example.org"}, quick)
	if err != nil || s.Replies[0].Answer != probe.NotAsked || s.Replies[1].Answer != probe.NotAsked || s.Replies[2].Answer != probe.Taken {
		t.Errorf("Recipients among no addresses = %+v, %v, want the last alone asked for", s.Replies, err)
	}
	if _, err := probe.Recipients(t.Context(), srv.addr, "a@b>\r\nDATA", nil, quick); !errors.Is(err, probe.ErrArgument) {
		t.Errorf("Recipients with no address as control = %v, want ErrArgument", err)
	}
}

// TestRecipientsByManyConnections asks for more than one connection takes.
func TestRecipientsByManyConnections(t *testing.T) {
	t.Parallel()
	srv := newSubmitter(t, false, false)
	srv.refuse = map[string]error{"u77@example.org": smtpError(550, smtp.EnhancedCode{5, 1, 1}, "no such user")}
	var all []string
	for i := range 100 {
		all = append(all, fmt.Sprintf("u%d@example.org", i))
	}
	connections := 0
	o := quick
	o.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		connections++
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
	s, err := probe.Recipients(t.Context(), srv.addr, "control@example.org", all, o)
	if err != nil || connections != 3 {
		t.Fatalf("Recipients = %v on %d connections, want 3", err, connections)
	}
	for i, r := range s.Replies {
		if want := i != 77; (r.Answer == probe.Taken) != want {
			t.Errorf("reply %q is %s", r, r.Answer)
		}
	}
}

func TestRecipientsNotAsked(t *testing.T) {
	t.Parallel()
	busy := newSubmitter(t, false, false)
	busy.refuse = map[string]error{"b@example.org": smtpError(421, smtp.EnhancedCode{4, 7, 0}, "too many from you")}
	for _, tt := range []struct {
		name, addr string
		refused    bool // the server has told us why
		want       []probe.Answer
	}{
		{"greeted with a refusal", silent(t, "554 go away\r\n"), true, []probe.Answer{probe.NotAsked, probe.NotAsked, probe.NotAsked}},
		{"ended in the middle", busy.addr, true, []probe.Answer{probe.Taken, probe.NotAsked, probe.NotAsked}},
		{"nobody there", "127.0.0.1:1", false, []probe.Answer{probe.NotAsked, probe.NotAsked, probe.NotAsked}},
	} {
		s, err := probe.Recipients(t.Context(), tt.addr, "control@example.org", []string{"a@example.org", "b@example.org", "c@example.org"}, quick)
		if err == nil || errors.As(err, new(*probe.ReplyError)) != tt.refused {
			t.Errorf("%s: error %v, want a reply to be told: %v", tt.name, err, tt.refused)
		}
		for i, r := range s.Replies {
			if r.Answer != tt.want[i] {
				t.Errorf("%s: %q is %s, want %s", tt.name, r, r.Answer, tt.want[i])
			}
		}
	}
}

func TestRecipientsPause(t *testing.T) {
	t.Parallel()
	srv := newSubmitter(t, false, false)
	var pauses []time.Duration
	stop := errors.New("stopped by the test")
	o := probe.RecipientOptions{Sleep: func(_ context.Context, d time.Duration) error {
		if pauses = append(pauses, d); len(pauses) == 3 {
			return stop
		}
		return nil
	}}
	s, err := probe.Recipients(t.Context(), srv.addr, "control@example.org", []string{"a@example.org", "b@example.org"}, o)
	if !errors.Is(err, stop) || s.Replies[0].Answer != probe.Taken || s.Replies[1].Answer != probe.NotAsked || pauses[0] < 50*time.Millisecond {
		t.Errorf("Recipients = %+v, %v after pauses %v, want the second not asked", s, err, pauses)
	}
}

// TestAnswers gives replies of real servers for one recipient, beside another
// that is accepted or, alone, refused in the same words.
func TestAnswers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		code     int
		enhanced smtp.EnhancedCode
		text     string
		beside   probe.Answer // another recipient was accepted
		alone    probe.Answer
	}{
		{"Google", 550, smtp.EnhancedCode{5, 1, 1}, "The email account that you tried to reach does not exist. Please try double-checking", probe.Turned, probe.Turned},
		{"Microsoft 365", 550, smtp.EnhancedCode{5, 4, 1}, "Recipient address rejected: Access denied. [AM7EUR03FT012.eop-EUR03.prod.protection.outlook.com]", probe.Turned, probe.Turned},
		{"Microsoft 365 about us", 550, smtp.EnhancedCode{5, 7, 606}, "Access denied, banned sending IP [192.0.2.10]", probe.Inconclusive, probe.Inconclusive},
		{"Postfix, unknown domain", 554, smtp.EnhancedCode{5, 7, 1}, "<x@example.org>: Relay access denied", probe.Turned, probe.Turned},
		{"Postfix about us", 554, smtp.EnhancedCode{5, 7, 1}, "Service unavailable; Client host [192.0.2.10] blocked using zen.spamhaus.org", probe.Inconclusive, probe.Inconclusive},
		{"Exim without a code", 550, smtp.NoEnhancedCode, "Unrouteable address", probe.Turned, probe.Turned},
		{"a provider that says little", 550, smtp.NoEnhancedCode, "Requested action not taken: mailbox unavailable", probe.Turned, probe.Turned},
		{"the same about us", 550, smtp.NoEnhancedCode, "Requested action not taken: mailbox unavailable. Reject due to policy, bad DNS PTR resource record.", probe.Inconclusive, probe.Inconclusive},
		{"nothing said", 550, smtp.NoEnhancedCode, "no", probe.Turned, probe.Inconclusive},
		{"a policy that nobody explains", 550, smtp.EnhancedCode{5, 7, 1}, "Message rejected", probe.Turned, probe.Inconclusive},
		{"TLS first", 530, smtp.EnhancedCode{5, 7, 0}, "Must issue a STARTTLS command first", probe.Inconclusive, probe.Inconclusive},
		{"no null sender", 550, smtp.EnhancedCode{5, 1, 8}, "Sender address rejected", probe.Inconclusive, probe.Inconclusive},
		{"mailbox disabled", 550, smtp.EnhancedCode{5, 2, 1}, "account disabled", probe.Turned, probe.Turned},
		{"over quota for now", 452, smtp.EnhancedCode{4, 2, 2}, "mailbox full", probe.Inconclusive, probe.Inconclusive},
		{"Domino", 550, smtp.NoEnhancedCode, "x@example.org... No such user, not listed in Domino Directory", probe.Turned, probe.Turned},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := newSubmitter(t, false, false)
			refusal := smtpError(tt.code, tt.enhanced, tt.text)
			srv.refuse = map[string]error{"spam@example.org": refusal}
			s, err := probe.Recipients(t.Context(), srv.addr, "control@example.org", []string{"anna@example.org", "spam@example.org"}, quick)
			if err != nil || s.Replies[1].Answer != tt.beside {
				t.Errorf("beside another: %q is %s, %v, want %s", s.Replies[1], s.Replies[1].Answer, err, tt.beside)
			}
			srv.refuse["control@example.org"] = refusal
			s, err = probe.Recipients(t.Context(), srv.addr, "control@example.org", []string{"spam@example.org"}, quick)
			if err != nil || s.Replies[0].Answer != tt.alone || s.Control.Answer != tt.alone {
				t.Errorf("alone: %q is %s, %v, want %s", s.Replies[0], s.Replies[0].Answer, err, tt.alone)
			}
		})
	}
}

func TestControlAddress(t *testing.T) {
	t.Parallel()
	a, b := probe.ControlAddress("example.org"), probe.ControlAddress("example.org")
	if a == b || !strings.HasSuffix(a, "@example.org") || slices.Contains([]string{a, b}, "@example.org") {
		t.Errorf("ControlAddress gives %q and %q, want two of the domain", a, b)
	}
}
