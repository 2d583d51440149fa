package migrate_test

import (
	"fmt"
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
