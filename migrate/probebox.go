package migrate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/probe"
)

// A probebox is where probes arrive: a mailbox elsewhere, or a port of this
// machine.
type probebox interface {
	Find(ctx context.Context, token string) (probe.Found, error)
}

const (
	probeFor   = 5 * time.Minute // how long a probe may be on its way
	probeEvery = 2 * time.Second
)

// probebox opens where the probes with these tokens are received. The caller
// closes it.
func (r *run) probebox(tokens []string) (box probebox, closeBox func() error, err error) {
	c := r.Config.Probe
	if c.Listen != "" {
		l, err := probe.Listen(probe.ListenOptions{Addr: r.led(c.Listen), Recipient: c.Address, Tokens: tokens})
		if err != nil {
			return nil, nil, err
		}
		return l, l.Close, nil
	}
	e, err := r.imap(c.IMAP, c.TLS, false)
	if err != nil {
		return nil, nil, err
	}
	login, err := r.login(config.Server{OAuth: c.OAuth}, c.Address, c.Password)
	if err != nil {
		return nil, nil, err
	}
	return &probe.Mailbox{Endpoint: e, Login: login}, func() error { return nil }, nil
}

// led returns where an address leads in a rehearsal, else itself.
func (m *Move) led(addr string) string {
	if h := m.Config.Rehearsal; h != nil {
		if to, ok := h.Connect[addr]; ok {
			return to
		}
	}
	return addr
}

// awaitProbe looks until the message is there.
func (r *run) awaitProbe(ctx context.Context, box probebox, token string) (probe.Found, error) {
	deadline := r.o.Clock.Now().Add(probeFor)
	for {
		found, err := box.Find(ctx, token)
		if err == nil || !errors.Is(err, probe.ErrNotFound) {
			return found, err
		}
		if !r.o.Clock.Now().Before(deadline) {
			return found, &LaterError{What: fmt.Sprintf("the probe did not arrive at %s within %s", r.Config.Probe.Address, span(probeFor))}
		}
		if err := r.o.Clock.Sleep(ctx, probeEvery); err != nil {
			return found, err
		}
	}
}
