package probe_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"github.com/mxmove/mxmove/migrate/probe"
)

func TestGreeting(t *testing.T) {
	t.Parallel()
	for greeting, want := range map[string]string{
		"220 mx.example.org ESMTP\r\n":           "mx.example.org ESMTP",
		"220-mx.example.org\r\n220 ESMTP\r\n":    `mx.example.org\nESMTP`,
		"220 mx\x1b[2J\u202e.example.org\r\n":    `mx\x1b[2J\u202e.example.org`,
		"220 " + strings.Repeat("x", 300) + "\n": strings.Repeat("x", 200) + "...",
	} {
		got, err := probe.Greeting(t.Context(), silent(t, greeting), nil)
		if err != nil || got != want {
			t.Errorf("Greeting of %.40q = %q, %v, want %q", greeting, got, err, want)
		}
	}
}

func TestGreetingRefusals(t *testing.T) {
	t.Parallel()
	_, err := probe.Greeting(t.Context(), silent(t, "421 too busy\r\n"), nil)
	if answer, ok := errors.AsType[*probe.ReplyError](err); !ok || answer.Code != 421 || !errors.Is(err, probe.ErrTemporary) {
		t.Errorf("Greeting of a busy server = %v, want a temporary 421", err)
	}
	for _, greeting := range []string{"hello\r\n", "220-" + strings.Repeat("x", 1<<15)} {
		if got, err := probe.Greeting(t.Context(), silent(t, greeting), nil); err == nil {
			t.Errorf("Greeting of %.20q = %q, want an error", greeting, got)
		}
	}
	stop := errors.New("stopped by the test")
	ctx, cancel := context.WithCancelCause(t.Context())
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		defer cancel(stop)
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
	if _, err := probe.Greeting(ctx, silent(t, ""), dial); !errors.Is(err, stop) {
		t.Errorf("Greeting of a silent server, cancelled = %v, want %v", err, stop)
	}
}

func TestRecipients(t *testing.T) {
	t.Parallel()
	srv := newSubmitter(t, false, false)
	srv.refuse = map[string]error{
		"gone@example.org": &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"},
		"grey@example.org": &smtp.SMTPError{Code: 451, Message: "come back later"},
	}
	got, err := probe.Recipients(t.Context(), srv.addr, nil, []string{"anna@example.org", "gone@example.org", "grey@example.org"})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		code              int
		accepted, refused bool
	}{{250, true, false}, {550, false, true}, {451, false, false}} {
		if r := got[i]; r.Code != want.code || r.Accepted() != want.accepted || r.Refused() != want.refused {
			t.Errorf("reply %+v, want %+v", r, want)
		}
	}
	if srv.message != "" || srv.mailFrom != "" {
		t.Errorf("sent %q from %q, want nothing from the null sender", srv.message, srv.mailFrom)
	}
	if _, err := probe.Recipients(t.Context(), srv.addr, nil, []string{"a@b>\r\nDATA"}); !errors.Is(err, probe.ErrArgument) {
		t.Errorf("Recipients of no address = %v, want ErrArgument", err)
	}
	got, err = probe.Recipients(t.Context(), silent(t, "554 go away\r\n"), nil, []string{"anna@example.org"})
	if err == nil || len(got) != 1 || got[0].Code != 0 || got[0].Accepted() {
		t.Errorf("Recipients at a server that refuses = %+v, %v, want not asked", got, err)
	}
}
