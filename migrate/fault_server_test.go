package migrate_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/dnslab"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/step"
)

// A patient is one of the two authoritative servers, with what it may suffer
// from.
type patient struct {
	name  string
	falls []func(*home)
	mend  func(*home)
	reads bool // it answers all the time, and changes do not reach it
}

func patients() []patient {
	kinds := []dnslab.Kind{dnslab.Servfail, dnslab.Lame, dnslab.Refused}
	of := func(name string, server func(*home) *dnslab.Lab) patient {
		p := patient{name: name, mend: func(h *home) { server(h).Mend() }}
		for _, kind := range kinds {
			p.falls = append(p.falls, func(h *home) {
				server(h).Break(dnslab.Fault{Kind: dnslab.Refused, Type: dns.TypeAXFR})
				server(h).Break(dnslab.Fault{Kind: kind})
			})
		}
		return p
	}
	return []patient{
		of("primary", func(h *home) *dnslab.Lab { return h.DNS }),
		of("secondary", func(h *home) *dnslab.Lab { return h.Secondary }),
		{
			name: "secondary that lags", reads: true,
			falls: []func(*home){func(h *home) { h.Secondary.Freeze() }},
			mend:  func(h *home) { h.Secondary.SetLag(0) },
		},
	}
}

// TestAuthoritativeServersFail lets one server of the zone fail before each
// step and in the middle of it. A step may only be done when every server
// shows it, must never be half forgotten, and goes on when the server is well.
func TestAuthoritativeServersFail(t *testing.T) {
	t.Parallel()
	for _, p := range patients() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			h := startHome(t, small)
			before := h.records()
			if _, err := h.open(t).Plan(t.Context(), migrate.PlanOptions{}); err != nil {
				t.Fatal(err)
			}
			h.suffers(t, p, 0, step.Prepared, func() error { return h.open(t).Prepare(t.Context(), "") })
			h.clock.jump(time.Hour)
			if _, err := h.open(t).Sync(t.Context(), migrate.SyncOptions{}); err != nil {
				t.Fatal(err)
			}
			h.suffers(t, p, 1, step.Switched, func() error { return h.open(t).Cutover(t.Context(), migrate.CutoverOptions{}) })
			h.balanced(t)
			h.suffers(t, p, 2, step.Undone, func() error { return h.open(t).Undo(t.Context(), migrate.UndoOptions{All: true}) })
			if after := h.records(); after != before {
				t.Errorf("after the undo the zone is\n%s\nwant\n%s", after, before)
			}
		})
	}
}

// A hasty clock has no patience: whoever waits for a server looks at it a few
// times only.
type hasty struct{ *leap }

func (c hasty) Sleep(ctx context.Context, d time.Duration) error {
	c.jump(3 * time.Minute)
	return c.leap.Sleep(ctx, d)
}

// suffers runs a step while the server is ill, lets it fall ill when the step
// has been agreed to, runs it while it is still ill, and at last when both
// servers are well.
func (h *home) suffers(t *testing.T, p patient, round int, done step.Phase, run func() error) {
	t.Helper()
	agree := h.o.Confirm
	h.o.Clock = hasty{h.clock}
	h.neverBegins(t, p, done, run)
	fall := p.falls[round%len(p.falls)]
	h.o.Confirm = func(context.Context, migrate.Confirmation) error {
		fall(h)
		return nil
	}
	if err := run(); !temporary(err) {
		t.Fatalf("%s with a server that falls ill = %v, want a temporary failure", done, err)
	}
	h.o.Confirm = agree
	for _, fall := range p.falls {
		if !p.reads { // a lag that begins anew would show what has been written
			p.mend(h)
			fall(h)
		}
		if err := run(); err == nil || h.phase(t) == done {
			t.Errorf("%s was reached while a server did not show it: %v", done, err)
		}
	}
	h.o.Clock = h.clock
	p.mend(h)
	if err := run(); err != nil {
		t.Fatalf("%s, with both servers well again: %v", done, err)
	}
	if got := h.phase(t); got != done {
		t.Errorf("the phase is %s, want %s", got, done)
	}
}

// neverBegins wants nothing to change while a server does not answer. The way
// back must stay open then, as far as a person agrees to it.
func (h *home) neverBegins(t *testing.T, p patient, done step.Phase, run func() error) {
	t.Helper()
	if p.reads {
		return
	}
	was, records := h.phase(t), h.records()
	h.o.Confirm = func(context.Context, migrate.Confirmation) error {
		if done != step.Undone {
			t.Errorf("%s: somebody was asked to agree while a server did not answer", done)
		}
		return errors.New("not today")
	}
	for _, fall := range p.falls {
		fall(h)
		if err := run(); err == nil {
			t.Errorf("%s was reached while a server did not answer", done)
		}
		if got := h.phase(t); got != was || h.records() != records {
			t.Errorf("refused, the phase is %s, want %s, and the zone unchanged", got, was)
		}
		p.mend(h)
	}
}

// TestMigrateIsPatient lets a server be away when the switch is due: the run
// tries again at the pace of the sweeps, and goes on when the server is back.
func TestMigrateIsPatient(t *testing.T) {
	t.Parallel()
	h := startHome(t, small)
	h.edit(t, "mxmove.yaml", "sweep: 1s", "sweep: 90s")
	if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{Until: step.Prepared}); err != nil {
		t.Fatal(err)
	}
	h.clock.jump(time.Hour)
	h.Secondary.Break(dnslab.Fault{Kind: dnslab.Refused})
	clock := &lateClock{leap: h.clock, start: time.Now().UTC(), at: map[int]func(){3: h.Secondary.Mend}}
	began := clock.Now()
	h.o.Clock = clock
	if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{Until: step.Switching}); err != nil {
		t.Fatal(err)
	}
	if waited := clock.Now().Sub(began); clock.waits < 3 || waited < 3*90*time.Second {
		t.Errorf("tried again %d times within %s, want every 90 s until the server was back", clock.waits, waited)
	}
}

// TestTransferRefusedForNow lets the server refuse the transfer that it allowed
// for the plan: that is a matter of time, not of a right.
func TestTransferRefusedForNow(t *testing.T) {
	t.Parallel()
	h := startHome(t, small)
	if _, err := h.open(t).Plan(t.Context(), migrate.PlanOptions{}); err != nil {
		t.Fatal(err)
	}
	h.DNS.Break(dnslab.Fault{Kind: dnslab.Refused, Type: dns.TypeAXFR})
	if err := h.open(t).Prepare(t.Context(), ""); !temporary(err) {
		t.Errorf("Prepare = %v, want a temporary failure", err)
	}
	if got := h.phase(t); got != step.Planned {
		t.Errorf("the phase is %s, want planned", got)
	}
	h.DNS.Mend()
	if err := h.open(t).Prepare(t.Context(), ""); err != nil {
		t.Error(err)
	}
}
