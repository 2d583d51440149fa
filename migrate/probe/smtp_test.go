package probe_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

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
