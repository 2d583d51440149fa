package migrate_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/lab"
	"github.com/mxmove/mxmove/migrate/step"
)

// TestOldExchangerRefuses takes the domain from the old server too early. The
// watch must tell, must not take the silence for quiet, and counts the quiet
// time from when mail is taken again.
func TestOldExchangerRefuses(t *testing.T) {
	t.Parallel()
	h := startHome(t, small)
	h.edit(t, "mxmove.yaml", "quiet: 2s", "quiet: 1h")
	if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{Until: step.Switched}); err != nil {
		t.Fatal(err)
	}
	deaf, err := lab.StartExchanger(lab.ExchangerOptions{Host: lab.OldMXHost, Account: func(string) *imaplab.Account { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closing(t, deaf.Close))
	was, is := fmt.Sprintf("%q: %q", lab.OldMXHost+":25", h.OldMX.Addr()), fmt.Sprintf("%q: %q", lab.OldMXHost+":25", deaf.Addr())
	h.edit(t, "mxmove.yaml", was, is)
	h.clock.jump(2 * time.Hour) // more than the quiet time
	h.watches(t, step.Switched, lab.OldMXHost+":25 refuses "+h.People[0].Address)
	h.edit(t, "mxmove.yaml", is, was)
	h.clock.jump(30 * time.Minute)
	h.watches(t, step.Switched, "quiet since")
	h.clock.jump(time.Hour)
	h.watches(t, step.Settled, "")
}

// TestOldExchangerTakesNothingForNow lets nobody listen at the old exchanger,
// or one answer that it may be tried again: mail waits, which is told and puts
// nothing off.
func TestOldExchangerTakesNothingForNow(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		answer string // to every connection; empty: nobody listens
		left   string
	}{
		{"closed", "", "refused"},
		{"busy", "451 4.3.2 not now\r\n", "451"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := startHome(t, small)
			h.edit(t, "mxmove.yaml", "quiet: 2s", "quiet: 1h")
			if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{Until: step.Switched}); err != nil {
				t.Fatal(err)
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
			if tt.answer == "" {
				_ = l.Close() // its port is nobody's now
			} else {
				go answers(l, tt.answer)
			}
			h.edit(t, "mxmove.yaml", fmt.Sprintf("%q: %q", lab.OldMXHost+":25", h.OldMX.Addr()), fmt.Sprintf("%q: %q", lab.OldMXHost+":25", l.Addr().String()))
			h.watches(t, step.Switched, "waits with its senders")
			h.watches(t, step.Switched, tt.left)
			h.clock.jump(2 * time.Hour)
			h.watches(t, step.Settled, "")
		})
	}
}

// answers says the same to whoever connects, and hangs up.
func answers(l net.Listener, text string) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, text)
		_ = conn.Close()
	}
}

// watches sweeps once and wants the phase, and what status says is left.
func (h *home) watches(t *testing.T, phase step.Phase, left string) {
	t.Helper()
	if err := h.open(t).Watch(t.Context(), migrate.WatchOptions{Once: true}); err != nil {
		t.Fatal(err)
	}
	s, err := h.open(t).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := h.phase(t); got != phase || left != "" && !strings.Contains(strings.Join(s.Left, "\n"), left) {
		t.Errorf("the phase is %s, left %q; want %s, and %q", got, s.Left, phase, left)
	}
}
