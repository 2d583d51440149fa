package migrate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/migrate/state"
	"github.com/mxmove/mxmove/migrate/step"
)

// UndoOptions say how far to go back.
type UndoOptions struct {
	All  bool // take back the prepare stage too
	Stop <-chan struct{}
}

// Undo is the way back: what arrived at the target since the switch is copied
// to the old server, the old MX is put back, and what arrived meanwhile is
// swept the same way. With All the prepare stage is taken back as well, once
// the new MX has left the caches and the target's mail has drained.
//
// It suffices that undo.json is left: everything else may be lost.
func (m *Move) Undo(ctx context.Context, o UndoOptions) error {
	if m.o.DryRun {
		return m.read(ctx, func(r *run) error { return r.undo(ctx, o) })
	}
	if err := m.locked(ctx, "undo", func(r *run) error { return r.undo(ctx, o) }); err != nil || !o.All {
		return err
	}
	return m.undoAll(ctx, o)
}

func (r *run) undo(ctx context.Context, o UndoOptions) error {
	phase, err := r.phase(ctx)
	if err != nil {
		return err
	}
	applied, err := r.applied(ctx)
	if err != nil {
		return err
	}
	switch {
	case phase == step.Closed:
		return r.undoStep(ctx, applied)
	case len(applied) == 0 && (phase == step.None || phase == step.Planned):
		return &PhaseError{Command: "undo", Phase: phase, Fix: "nothing was published, so there is nothing to take back"}
	}
	if phase == step.None {
		r.say("the record of the move is lost; undo.json is enough to go back")
	}
	back := ofStage(applied, dnsplan.Switch, dnsplan.Retire, dnsplan.Harden)
	reached := phase != step.Undone && (len(back) > 0 || phase.Additions())
	if r.o.DryRun {
		if o.All {
			back = applied
		}
		r.say("dry run: %d changes would be taken back", len(back))
		return nil
	}
	if reached || phase == step.Undone {
		return r.goBack(ctx, phase, back, o)
	}
	if !o.All {
		r.say("the MX was not switched; mxmove undo --all takes the prepare stage back")
	}
	return nil
}

// goBack puts the old MX back, with a copy of what the target received before
// it and after it.
func (r *run) goBack(ctx context.Context, phase step.Phase, back []dnsplan.Change, o UndoOptions) error {
	changes := reversed(back)
	if err := r.confirm(ctx, "undo", changes); err != nil {
		return err
	}
	r.say("copying back what arrived at the target")
	if err := r.reverse(ctx, o); err != nil {
		return err
	}
	if phase == step.Undone && len(changes) == 0 {
		return nil
	}
	shown, err := r.toBeShown(ctx, changes, dnsplan.Switch, dnsplan.Retire, dnsplan.Harden)
	if err != nil {
		return err
	}
	s := step.Step{Command: "undo", From: phase, To: step.Undone}
	if _, err := r.through(ctx, s, func() error { return r.takeBack(ctx, changes, shown) }); err != nil {
		return err
	}
	r.say("copying back what arrived in the meantime")
	return r.reverse(ctx, o)
}

// toBeShown returns the changes that an undo has to see on every server: those
// that it publishes, and those of the stages that an earlier try has published.
func (r *run) toBeShown(ctx context.Context, changes []dnsplan.Change, stages ...dnsplan.Stage) ([]dnsplan.Change, error) {
	history, err := r.published(ctx)
	if err != nil {
		return nil, err
	}
	shown := slices.Clone(changes)
	for _, c := range ofStage(takenBack(history), stages...) {
		if !slices.ContainsFunc(changes, func(own dnsplan.Change) bool { return sameRRset(own, c) }) {
			shown = append(shown, c)
		}
	}
	return shown, nil
}

// takeBack publishes reversed changes. A publisher leaves alone what is
// already as it was, and refuses what is neither old nor new.
func (r *run) takeBack(ctx context.Context, changes, shown []dnsplan.Change) error {
	if err := r.publish(ctx, changes); err != nil {
		return err
	}
	if err := r.awaitVisible(ctx, shown); err != nil {
		return err
	}
	for _, s := range dnsplan.Stages {
		if len(ofStage(shown, s)) > 0 {
			if err := r.forgetStage(ctx, s); err != nil {
				return err
			}
		}
	}
	return r.observe(ctx, undoneKind, "", fmt.Sprint(newTTL(shown)))
}

// undoneKind is the kind of observation for the time at which every server
// showed the old MX again; its value is the TTL of what it replaced.
const undoneKind = "undone"

// newTTL returns the longest TTL of the MX RRsets that were taken back: so
// long caches may still lead mail to the target. Other records of the stage,
// such as SRV, often live longer and lead no mail anywhere.
func newTTL(changes []dnsplan.Change) uint32 {
	var ttl uint32
	for _, c := range changes {
		if c.Before != nil && c.Before.Type == dns.TypeMX {
			ttl = max(ttl, c.Before.TTL)
		}
	}
	return ttl
}

// inverted turns explicit pairs round. Where two source mailboxes were poured
// into one, the way back leads to the first by name.
func inverted(pairs map[string]string) map[string]string {
	back := make(map[string]string, len(pairs))
	for _, from := range slices.Backward(slices.Sorted(maps.Keys(pairs))) {
		back[pairs[from]] = from
	}
	return back
}

// reverse copies from the target to the old server what is not there yet.
// Both directions only add.
func (r *run) reverse(ctx context.Context, o UndoOptions) error {
	p, _, err := r.provider()
	if err != nil {
		return err
	}
	accounts, err := r.accounts(p, nil)
	if err != nil {
		return err
	}
	for i, a := range accounts {
		accounts[i].Source, accounts[i].Target = a.Target, a.Source
	}
	options := r.copyOptions(p)
	options.Additions, options.Reverse, options.Stop = true, true, o.Stop
	// The provider's names and limits are not the old server's.
	options.Names, options.Reserved, options.AppendLimit = nil, nil, 0
	options.Mailboxes = inverted(options.Mailboxes)
	began := r.o.Clock.Now()
	result, err := r.copier(options).Copy(ctx, accounts)
	if err != nil {
		return err
	}
	if n := realMail(result); n > 0 {
		r.say("%s carried back to the old server", Plural(n, "message"))
		if err := r.observe(ctx, lateKind, "target", fmt.Sprint(n)); err != nil {
			return err
		}
	}
	if err := settledResult(result); err != nil {
		if _, person := errors.AsType[*PersonError](err); !person || result.Err() != nil {
			return err
		}
		r.say("%v", err)
	}
	return r.state.Observe(ctx, state.Observation{Kind: backKind, At: began})
}

// backKind is the kind of observation for the time at which a look at all of
// the target began that carried everything back.
const backKind = "back"
