package migrate

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/migrate/state"
	"github.com/mxmove/mxmove/migrate/step"
)

// undoAll is the name of the step that takes the prepare stage back.
const undoAll = "undo --all"

// undoAll takes the prepare stage back once the target's mail has drained.
// The lock is held only while something is done: the wait may be long, and
// others have work to do.
func (m *Move) undoAll(ctx context.Context, o UndoOptions) error {
	var began step.Phase
	var said time.Time
	for pass := 0; ; pass++ {
		var end time.Time
		err := m.locked(ctx, "undo", func(r *run) error {
			phase, err := r.phase(ctx)
			if err != nil {
				return err
			}
			if pass > 0 && phase != began {
				return &PhaseError{Command: undoAll, Phase: phase, Fix: "another command went on meanwhile; mxmove status says what is next"}
			}
			began = phase
			end, err = r.undoPrepare(ctx, phase, o, pass > 0)
			return err
		})
		if err != nil || end.IsZero() {
			return err
		}
		wait := max(0, end.Sub(m.o.Clock.Now()))
		if wait > 0 && !end.Equal(said) {
			m.say("waiting %s until the target's mail has drained", span(wait))
			said = end
		}
		if err := m.wait(ctx, o.Stop, min(wait, m.Config.Policy.Sweep), began, "until the next look at the target"); err != nil {
			return err
		}
		if closed(o.Stop) {
			return mailbox.ErrStopped
		}
	}
}

// undoPrepare takes the prepare stage back, newest change first. While caches
// may still lead mail to the target its records have to stay: the time is
// returned at which that will be over. With look set it looks for mail there
// before it waits.
func (r *run) undoPrepare(ctx context.Context, phase step.Phase, o UndoOptions, look bool) (time.Time, error) {
	applied, err := r.applied(ctx)
	if err != nil {
		return time.Time{}, err
	}
	changes := reversed(applied)
	cut, err := r.cutShort(ctx, undoAll)
	if err != nil {
		return time.Time{}, err
	}
	if len(changes) == 0 && phase == step.Undone && !cut {
		r.say("nothing is left to take back")
		return time.Time{}, nil
	}
	if end, err := r.drain(ctx, o, look); err != nil || !end.IsZero() {
		return end, err
	}
	if err := r.confirm(ctx, undoAll, changes); err != nil {
		return time.Time{}, err
	}
	shown, err := r.toBeShown(ctx, changes, dnsplan.Stages...)
	if err != nil {
		return time.Time{}, err
	}
	s := step.Step{Command: undoAll, From: phase, To: step.Undone}
	if _, err := r.through(ctx, s, func() error {
		if err := r.publish(ctx, changes); err != nil {
			return err
		}
		if err := r.awaitVisible(ctx, shown); err != nil {
			return err
		}
		return r.forgetStage(ctx, dnsplan.Prepare)
	}); err != nil {
		return time.Time{}, err
	}
	r.say("what was prepared is taken back: every authoritative server shows what was there before")
	return time.Time{}, nil
}

// cutShort reports whether the last step of a command did not reach its end.
func (r *run) cutShort(ctx context.Context, command string) (bool, error) {
	steps, err := r.state.Steps(ctx)
	if err != nil {
		return false, err
	}
	for _, s := range slices.Backward(steps) {
		if s.Command == command {
			return s.Outcome != state.Done, nil
		}
	}
	return false, nil
}

// drain returns when the new MX will have left the caches and the target will
// have been quiet, if the MX was ever switched; the zero time when both are
// so. It carries back what arrived, and ends only with a look that began after
// all that: what came before the look was carried back by it. A long wait is
// left to the caller.
func (r *run) drain(ctx context.Context, o UndoOptions, look bool) (time.Time, error) {
	back, switched, err := r.state.Latest(ctx, undoneKind, "")
	if err != nil || !switched {
		return time.Time{}, err
	}
	end, err := r.drained(ctx, back)
	if err != nil {
		return time.Time{}, err
	}
	began := r.o.Clock.Now()
	if end.Sub(began) > lookFor {
		return time.Time{}, &LaterError{What: "the old MX is back; the prepare stage stays until the target's mail has drained", After: end}
	}
	if began.Before(end) && !look {
		return end, nil
	}
	if err := r.reverse(ctx, o); err != nil {
		return time.Time{}, err
	}
	if end, err = r.drained(ctx, back); err != nil || began.Before(end) {
		return end, err
	}
	return time.Time{}, nil
}

// drained returns when the target's mail will have drained, as far as is
// known: what still arrives there puts it off.
func (r *run) drained(ctx context.Context, back state.Observation) (time.Time, error) {
	late, _, err := r.state.Latest(ctx, lateKind, "target")
	if err != nil {
		return time.Time{}, err
	}
	var ttl uint32
	if _, err := fmt.Sscan(back.Value, &ttl); err != nil {
		return time.Time{}, fmt.Errorf("observation %s of %s: %w", undoneKind, stamp(back.At), err)
	}
	end := back.At.Add(time.Duration(ttl) * time.Second)
	if quiet := slices.MaxFunc([]time.Time{back.At, late.At}, time.Time.Compare).Add(r.Config.Policy.Quiet); quiet.After(end) {
		end = quiet
	}
	return end, nil
}
