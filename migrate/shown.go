package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/state"
)

const (
	// seenStage is the kind of observation that waits are counted from: the
	// time at which every authoritative server showed a stage.
	seenStage = "seen"
	// seenNames is the same for the names that a stage has created: one that
	// comes later does not set back what else is waited for.
	seenNames = "seen-names"
)

// A shown is when every authoritative server showed a stage, and when it
// showed the last of the names that the stage has created. A zero time says
// that they do not, or that nobody has looked since they did not.
type shown struct{ All, Names time.Time }

// shown returns what was last observed of a stage.
func (r *run) shown(ctx context.Context, stage dnsplan.Stage) (shown, error) {
	var s shown
	for kind, at := range map[string]*time.Time{seenStage: &s.All, seenNames: &s.Names} {
		seen, _, err := r.state.Latest(ctx, kind, string(stage))
		if err != nil {
			return shown{}, err
		}
		*at = seen.At
	}
	return s, nil
}

// observeStage remembers that every server shows a stage now, as far as that
// was not known before.
func (r *run) observeStage(ctx context.Context, stage dnsplan.Stage) error {
	s, err := r.shown(ctx, stage)
	if err != nil {
		return err
	}
	now := r.o.Clock.Now()
	for kind, at := range map[string]time.Time{seenStage: s.All, seenNames: s.Names} {
		if !at.IsZero() {
			continue
		}
		if err := r.state.Observe(ctx, state.Observation{Kind: kind, Subject: string(stage), At: now}); err != nil {
			return err
		}
	}
	return nil
}

// forgetStage forgets when a stage was seen.
func (r *run) forgetStage(ctx context.Context, stage dnsplan.Stage) error {
	return errors.Join(r.state.Forget(ctx, seenStage, string(stage)), r.state.Forget(ctx, seenNames, string(stage)))
}

// lookAt looks whether every server shows what is in effect of a stage. One
// that answers with what was there before hands that to the caches again: the
// moment is forgotten, and whatever waits for it waits anew from the time at
// which all servers show the stage again. A server that does not answer tells
// the caches nothing. A dry run only looks.
func (r *run) lookAt(ctx context.Context, stage dnsplan.Stage) (showing, error) {
	applied, err := r.applied(ctx)
	if err != nil {
		return showing{}, err
	}
	own := ofStage(lastOfEach(applied), stage)
	if len(own) == 0 {
		return showing{All: true}, nil
	}
	s, err := r.visible(ctx, own)
	if err != nil {
		return s, err
	}
	s.Old = slices.ContainsFunc(s.differences, func(d resolver.Difference) bool { return old(d, applied, stage) })
	switch {
	case r.o.DryRun:
	case s.Old:
		err = r.forgetStage(ctx, stage)
	case s.All:
		err = r.observeStage(ctx, stage)
	}
	return s, err
}

// old reports whether a server shows what was there before one of our changes.
// Before the switch a TTL above ours counts too: caches keep what they learn
// now for that long. What somebody else has made of the record since is not
// old.
func old(d resolver.Difference, applied []dnsplan.Change, stage dnsplan.Stage) bool {
	if zone.Equal(d.Got, d.RRset) {
		return stage == dnsplan.Prepare
	}
	return slices.ContainsFunc(applied, func(c dnsplan.Change) bool {
		return c.RRset().Key() == d.Key && zone.Equal(d.Got, c.Before)
	})
}

// due returns when a stage may be published, and why not before. The zero
// time says that the stage before it has not been shown, or is not published
// whole, so that nothing runs down.
func (r *run) due(ctx context.Context, plan dnsplan.Plan, stage dnsplan.Stage) (time.Time, string, error) {
	s, err := r.shown(ctx, previous(stage))
	if err != nil {
		return time.Time{}, "", err
	}
	applied, err := r.applied(ctx)
	if err != nil || stage == dnsplan.Switch && restarts(plan, plan.Stage(dnsplan.Prepare), applied) {
		return time.Time{}, "", err
	}
	at, because := notBefore(plan, stage, s)
	return at, because, nil
}

// notBefore returns when the stage may be published: its longest wait after
// the moment at which every authoritative server showed the stage before it,
// what new names take after they were shown, and not before what was served
// in the past has lost its force.
// The zero time means that it has not been shown yet, so nothing runs down.
func notBefore(plan dnsplan.Plan, stage dnsplan.Stage, s shown) (time.Time, string) {
	var longest dnsplan.Wait
	for _, w := range plan.Waits {
		if w.Stage == stage && w.Length >= longest.Length {
			longest = w
		}
	}
	if s.All.IsZero() || longest.Names > 0 && s.Names.IsZero() {
		return time.Time{}, ""
	}
	at, because := longest.Due(s.All), clause(longest.Because)
	if names := s.Names.Add(longest.Names); longest.Names > 0 && names.After(at) {
		return names, clause(namesBecause(longest))
	}
	return at, because
}

// namesBecause says why a name that came later is waited for by itself.
func namesBecause(w dnsplan.Wait) string {
	return fmt.Sprintf("A name came later than the rest, and caches may remember for %s that it was not there.", span(w.Names))
}

// newNames reports whether changes create a name that was not there before.
func newNames(changes, before []dnsplan.Change) bool {
	return slices.ContainsFunc(changes, func(c dnsplan.Change) bool {
		return c.Before == nil && !slices.ContainsFunc(before, func(b dnsplan.Change) bool { return sameChange(b, c) })
	})
}

// A showing is one look at the authoritative servers.
type showing struct {
	All bool   // every server shows everything
	Old bool   // a server shows what was there before; known to lookAt alone
	Lag string // what is missing, for people

	differences []resolver.Difference
}

// visible looks once whether every authoritative server shows the changes,
// and names the first thing that is missing.
func (r *run) visible(ctx context.Context, changes []dnsplan.Change) (showing, error) {
	client, err := r.client()
	if err != nil {
		return showing{}, err
	}
	s := showing{All: true}
	for _, apex := range zonesOf(changes) {
		var want []resolver.Want
		for _, c := range changes {
			if c.Zone == apex {
				want = append(want, resolver.Want{Key: c.RRset().Key(), RRset: c.After})
			}
		}
		v, err := client.Visible(ctx, apex, want)
		if err != nil {
			return showing{}, err
		}
		for _, server := range v.Servers {
			s.differences = append(s.differences, server.Differences...)
		}
		if !v.All() && s.All {
			s.All, s.Lag = false, r.lagging(ctx, v)
		}
	}
	return s, nil
}

// lastOfEach keeps the last change of each RRset: what is in effect.
func lastOfEach(changes []dnsplan.Change) []dnsplan.Change {
	last := make(map[zone.Key]int)
	for i, c := range changes {
		last[c.RRset().Key()] = i
	}
	var kept []dnsplan.Change
	for i, c := range changes {
		if last[c.RRset().Key()] == i {
			kept = append(kept, c)
		}
	}
	return kept
}
