package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/publish"
	"github.com/mxmove/mxmove/dnsplan/resolver"
)

const (
	// lookEvery is the pause between two looks at the authoritative servers.
	lookEvery = 2 * time.Second
	// lookFor is how long a command waits for them before it ends with "run
	// me again".
	lookFor = 10 * time.Minute
)

// publish puts changes into effect, zone by zone. It is the only caller of a
// publisher: undo.json holds the changes, durably, before the first octet
// leaves, and each zone's changes are remembered as soon as they are made.
func (r *run) publish(ctx context.Context, changes []dnsplan.Change) error {
	p, err := r.publisher()
	if err != nil {
		return err
	}
	if text := promise(p.Abilities()); text != "" && len(changes) > 0 {
		r.say("%s", text)
	}
	for _, zone := range zonesOf(changes) {
		var own []dnsplan.Change
		for _, c := range changes {
			if c.Zone == zone {
				own = append(own, c)
			}
		}
		err := p.Publish(ctx, zone, own)
		if sheet, ok := errors.AsType[*publish.SheetError](err); ok {
			// A person does the rest; the servers are watched meanwhile.
			r.sayLines(sheet.Sheet)
			err = nil
		} else if reminder, ok := p.(publish.Reminder); ok && err == nil {
			r.say("%s", reminder.Remind(zone))
		}
		if err != nil {
			return fmt.Errorf("publish to %s: %w", zone, r.fileError(err))
		}
		if err := r.state.AppendApplied(context.WithoutCancel(ctx), own); err != nil {
			return err
		}
	}
	return nil
}

// reachable asks for the publisher before anybody is asked to agree, whose
// answer would be in vain. Where several zones change it has to hold them all:
// domains that share their mailboxes are switched together or not at all.
func (r *run) reachable(ctx context.Context, changes []dnsplan.Change) error {
	zones := zonesOf(changes)
	if len(zones) == 0 {
		return nil
	}
	p, err := r.publisher()
	if err != nil {
		return err
	}
	checker, ok := p.(publish.Checker)
	if !ok || len(zones) == 1 {
		return nil
	}
	for _, zone := range zones {
		if err := checker.Check(ctx, zone); err != nil {
			return fmt.Errorf("nothing was changed: publisher of %s: %w", zone, r.fileError(err))
		}
	}
	return nil
}

// prepareUndo writes the way back and reads it again.
func (r *run) prepareUndo(changes []dnsplan.Change) error {
	if err := r.state.ExtendUndo(r.Config.Domain, changes); err != nil {
		return err
	}
	undo, err := r.state.LoadUndo()
	if err != nil {
		return err
	}
	for _, c := range changes {
		if !slices.ContainsFunc(undo.Changes, func(u dnsplan.Change) bool { return sameChange(u, c) }) {
			return errors.New("undo.json does not hold what was written to it")
		}
	}
	return nil
}

// zonesOf lists the zones of changes, each once, in their order.
func zonesOf(changes []dnsplan.Change) []string {
	var zones []string
	for _, c := range changes {
		if !slices.Contains(zones, c.Zone) {
			zones = append(zones, c.Zone)
		}
	}
	return zones
}

// lagging says which server does not show what yet, and what may be wrong
// where the publisher has an idea.
func (r *run) lagging(ctx context.Context, v resolver.Visibility) string {
	var texts []string
	explainer := r.explainer()
	for _, s := range v.Servers {
		switch {
		case s.Err != nil:
			texts = append(texts, fmt.Sprintf("%s: %v", s.Server, s.Err))
		case len(s.Differences) > 0:
			texts = append(texts, fmt.Sprintf("%s (serial %d) does not show %s yet", s.Server, s.Serial, s.Differences[0].Key.Name))
			if explainer == nil {
				continue
			}
			for _, d := range s.Differences {
				if text := explainer.Explain(ctx, v.Zone, d); text != "" && !slices.Contains(texts, d.Key.String()+": "+text) {
					texts = append(texts, d.Key.String()+": "+text)
				}
			}
		}
	}
	if len(texts) == 0 {
		return "no authoritative server is known for " + v.Zone
	}
	return strings.Join(texts, "; ")
}

// awaitVisible waits until every authoritative server shows the changes. It
// gives up after a while with a *LaterError: the same command goes on.
func (r *run) awaitVisible(ctx context.Context, changes []dnsplan.Change) error {
	if len(changes) == 0 {
		return nil
	}
	deadline := r.o.Clock.Now().Add(lookFor)
	said := ""
	for {
		look, err := r.visible(ctx, changes)
		lag := look.Lag
		switch {
		case err != nil && !errors.Is(err, resolver.ErrNoAnswer):
			return err
		case err != nil:
			lag = err.Error()
		case look.All:
			return nil
		}
		if !r.o.Clock.Now().Before(deadline) {
			return &LaterError{What: "written, but not yet visible everywhere: " + lag}
		}
		if lag != said {
			r.say("waiting for the authoritative servers: %s", lag)
			said = lag
		}
		if err := r.o.Clock.Sleep(ctx, lookEvery); err != nil {
			return err
		}
	}
}

// moved compares the live zones with what the plan expects before a stage.
// Every authoritative server has to answer.
func (r *run) moved(ctx context.Context, plan dnsplan.Plan, stage dnsplan.Stage) ([]dnsplan.Difference, error) {
	p, _, err := r.provider()
	if err != nil {
		return nil, err
	}
	l := lens{live: true}
	for _, s := range plan.Base {
		l.names = append(l.names, s.Name)
	}
	views, err := r.look(ctx, p, l)
	if errors.Is(err, resolver.ErrRefused) {
		// The plan was made with the same right.
		return nil, &LaterError{What: "nothing was changed, since a server refuses a transfer that it allowed for the plan: " + err.Error()}
	}
	if err != nil {
		return nil, err
	}
	var ds []dnsplan.Difference
	for _, v := range views {
		if err := r.answered(ctx, v.zone.Origin); err != nil {
			return nil, err
		}
		for _, d := range dnsplan.Stale(plan, stage, v.zone) {
			if !slices.ContainsFunc(ds, func(o dnsplan.Difference) bool { return o.Key == d.Key }) {
				ds = append(ds, d)
			}
		}
	}
	return ds, nil
}

// answered refuses a zone of which a server does not answer: what the world
// hears from that one is not known, and a change would be half done until it
// is well again. A transfer asks one server alone.
func (r *run) answered(ctx context.Context, zone string) error {
	client, err := r.client()
	if err != nil {
		return err
	}
	v, err := client.Visible(ctx, zone, nil)
	if err != nil || v.All() {
		return err
	}
	return &LaterError{What: "nothing was changed, since not every authoritative server answers: " + r.lagging(ctx, v)}
}

// stale returns the error for a plan that the zone has moved away from.
func stale(ds []dnsplan.Difference) error {
	if len(ds) == 0 {
		return nil
	}
	return &publish.StaleError{Name: ds[0].Key.Name, Type: ds[0].Key.Type, Want: ds[0].Want, Got: ds[0].Got}
}
