package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/migrate/step"
)

// RunOptions say how far one run goes.
type RunOptions struct {
	Until  step.Phase // None means Settled
	NoWait bool       // end with a *LaterError where waiting is due
	Stop   <-chan struct{}
}

// order is the way of a move; Undone stands beside it.
var order = []step.Phase{step.None, step.Planned, step.Prepared, step.Switching, step.Switched, step.Settled, step.Closed}

// Migrate does whatever comes next, phase after phase, until the phase that
// was asked for: it plans, prepares, copies while the TTLs run down, cuts
// over and watches. Interrupted and started again it goes on. At a gate that
// refuses it stops.
func (m *Move) Migrate(ctx context.Context, o RunOptions) error {
	if o.Until == step.None {
		o.Until = step.Settled
	}
	if slices.Index(order, o.Until) < 1 {
		return fmt.Errorf("migrate: a run cannot go to %q", o.Until)
	}
	for {
		phase, err := m.phaseNow(ctx)
		if err != nil {
			return err
		}
		if phase == step.Closed || phase != step.Undone && slices.Index(order, phase) >= slices.Index(order, o.Until) {
			return nil
		}
		if closed(o.Stop) {
			return mailbox.ErrStopped
		}
		err = m.advance(ctx, phase, o)
		later, wait := errors.AsType[*LaterError](err)
		if !wait || o.NoWait {
			if err != nil {
				return err
			}
			continue
		}
		// Not yet visible everywhere, or not yet due: this run stays.
		pause := m.pause()
		if due := later.After.Sub(m.o.Clock.Now()); due > 0 {
			pause = min(due, copyEvery)
		}
		m.say("%s", later.What)
		if err := m.wait(ctx, o.Stop, pause, phase, "until it is tried again"); err != nil {
			return err
		}
	}
}

// pause is the wait before a run tries again what fails for now: a server that
// is away for hours must not be asked, and the mailboxes not be listed, every
// other second.
func (m *Move) pause() time.Duration {
	const longest = 5 * time.Minute
	return min(max(m.Config.Policy.Sweep, lookEvery), longest)
}

func (m *Move) phaseNow(ctx context.Context) (step.Phase, error) {
	var phase step.Phase
	err := m.read(ctx, func(r *run) (err error) {
		phase, err = r.phase(ctx)
		return err
	})
	return phase, err
}

// advance takes the one step that the phase asks for.
func (m *Move) advance(ctx context.Context, phase step.Phase, o RunOptions) error {
	switch phase {
	case step.None, step.Undone:
		doc, err := m.Plan(ctx, PlanOptions{})
		if err != nil {
			return err
		}
		if err := m.show(doc); err != nil {
			return err
		}
		return m.blocked(doc, dnsplan.Prepare)
	case step.Planned:
		return m.Prepare(ctx, "")
	case step.Prepared:
		return m.copyAndCut(ctx, o)
	case step.Switching:
		return m.Cutover(ctx, CutoverOptions{Stop: o.Stop})
	case step.Settled:
		return m.Finish(ctx, "")
	default:
		return m.watchOn(ctx, o)
	}
}

// watchOn watches until the move is settled, or once where nobody waits.
func (m *Move) watchOn(ctx context.Context, o RunOptions) error {
	if err := m.Watch(ctx, WatchOptions{Once: o.NoWait, Stop: o.Stop}); err != nil || !o.NoWait {
		return err
	}
	phase, err := m.phaseNow(ctx)
	if err != nil || phase == step.Settled {
		return err
	}
	return &LaterError{What: "switched and swept, not settled yet", After: m.o.Clock.Now().Add(m.Config.Policy.Sweep)}
}

// show tells the plan: nothing is changed later that was not seen.
func (m *Move) show(doc Document) error {
	plan, err := doc.Plan()
	if err != nil {
		return err
	}
	var text strings.Builder
	if err := dnsplan.Text(&text, plan, dnsplan.TextOptions{}); err != nil {
		return err
	}
	m.say("%s", strings.TrimRight(text.String(), "\n"))
	return nil
}

// Blocked refuses a plan with findings that block a stage, whichever it is,
// unless they are accepted.
func (m *Move) Blocked(doc Document) error { return m.blocked(doc, dnsplan.Harden) }

// blocked refuses a plan with findings that block up to a stage.
func (m *Move) blocked(doc Document, stage dnsplan.Stage) error {
	results := findingGates(stage, doc.Findings)
	accept(results, m.o.Accept, nil, m.o.Clock.Now())
	if refusal := (&GateError{Step: "plan", Results: results}); len(refusal.Refused()) > 0 {
		return refusal
	}
	return nil
}

// copyEvery is how often a waiting run copies: often enough that the last
// delta is short, and that a mailbox that cannot be read is noticed in time.
const copyEvery = 6 * time.Hour

// copyAndCut copies, waits for what the plan waits for, and switches. A delta
// that grew old during the wait is taken again.
func (m *Move) copyAndCut(ctx context.Context, o RunOptions) error {
	result, err := m.Sync(ctx, SyncOptions{Wait: !o.NoWait, Stop: o.Stop})
	if _, person := errors.AsType[*PersonError](err); err != nil && (!person || result.Err() != nil || result.Tally().Doubt+result.Tally().Missing > 0) {
		return err
	}
	due, because, err := m.switchDue(ctx)
	if err != nil {
		return err
	}
	if due.IsZero() {
		// Nobody knows since when every server shows what was prepared.
		if err := m.lookAgainAt(ctx, dnsplan.Prepare); err != nil {
			return err
		}
		if due, because, err = m.switchDue(ctx); err != nil {
			return err
		}
	}
	now := m.o.Clock.Now()
	if !due.After(now) {
		return m.Cutover(ctx, CutoverOptions{Stop: o.Stop})
	}
	if o.NoWait {
		return &LaterError{What: "the switch has to wait: " + because, After: due}
	}
	m.say("waiting until %s (%s): %s", stamp(due), span(due.Sub(now)), because)
	return m.wait(ctx, o.Stop, min(due.Sub(now), copyEvery), step.Prepared, untilNext(due.Sub(now) <= copyEvery))
}

// untilNext says what a wait before the switch leads to.
func untilNext(due bool) string {
	if due {
		return "until the switch is due"
	}
	return "until the next copy"
}

// lookAgainAt looks whether every server shows a stage, and remembers it.
func (m *Move) lookAgainAt(ctx context.Context, stage dnsplan.Stage) error {
	if m.o.DryRun {
		return nil
	}
	return m.locked(ctx, "cutover", func(r *run) error {
		_, err := r.lookAt(ctx, stage)
		return err
	})
}

// switchDue returns when the switch may be published.
func (m *Move) switchDue(ctx context.Context) (time.Time, string, error) {
	var f Facts
	err := m.read(ctx, func(r *run) error { return r.planned(ctx, new(Status), &f) })
	return f.After, f.Because, err
}
