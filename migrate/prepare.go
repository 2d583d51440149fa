package migrate

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/step"
)

// Prepare publishes the prepare stage of the last plan shown, or of a plan
// file, and waits until every authoritative server shows it. What still waits
// for a value of the provider's console is told in a *PersonError; the command
// is repeated after the next plan.
func (m *Move) Prepare(ctx context.Context, planFile string) error {
	if m.o.DryRun {
		return m.read(ctx, func(r *run) error { return r.prepare(ctx, planFile) })
	}
	return m.locked(ctx, "prepare", func(r *run) error { return r.prepare(ctx, planFile) })
}

func (r *run) prepare(ctx context.Context, planFile string) error {
	phase, err := r.phase(ctx)
	if err != nil {
		return err
	}
	switch phase {
	case step.Planned, step.Prepared:
	case step.None, step.Undone:
		return &PhaseError{Command: "prepare", Phase: phase, Fix: "run mxmove plan first"}
	default:
		return &PhaseError{Command: "prepare", Phase: phase, Fix: "the MX was switched already; mxmove status says what is next"}
	}
	plan, doc, err := r.loadPlan(planFile)
	if err != nil {
		return err
	}
	results, taken, err := r.before(ctx, "prepare", plan, dnsplan.Prepare, doc.Findings)
	if err != nil {
		return err
	}
	changes := plan.Stage(dnsplan.Prepare)
	if r.o.DryRun {
		r.say("dry run: %d changes of the prepare stage would be published", len(changes))
		return nil
	}
	if err := r.confirm(ctx, "prepare", changes); err != nil {
		return err
	}
	s := step.Step{Command: "prepare", From: phase, To: step.Prepared, Gates: results, Accepted: taken}
	if _, err := r.through(ctx, s, func() error { return r.putStage(ctx, plan, dnsplan.Prepare) }); err != nil {
		return err
	}
	r.tellConsoles(plan, changes)
	return waiting(doc.Findings)
}

// tellConsoles says when the provider may look for what was published: whoever
// has looked before it was there remembers that it was not (RFC 2308).
func (r *run) tellConsoles(plan dnsplan.Plan, changes []dnsplan.Change) {
	if names := plan.Wait(dnsplan.Switch).Names; names > 0 && newNames(changes, nil) {
		r.say("the provider's console may verify the domain now; if it has tried before, the record may stay unseen there for %s after that try", span(names))
	}
}

// before asks the gates that every publishing of a stage has to pass.
func (r *run) before(ctx context.Context, command string, plan dnsplan.Plan, stage dnsplan.Stage, found []finding.Finding) ([]step.Result, []step.Acceptance, error) {
	newest, err := r.state.Newest(ctx)
	if err != nil {
		return nil, nil, err
	}
	results := append([]step.Result{clockGate(Facts{Now: r.o.Clock.Now(), Newest: newest})}, findingGates(stage, otherThanAddresses(found))...)
	taken, err := r.tried(ctx, command, results)
	if err != nil {
		return results, taken, err
	}
	if err := r.reachable(ctx, plan.Stage(stage)); err != nil {
		return results, taken, err
	}
	ds, err := r.moved(ctx, plan, stage)
	if err != nil {
		return results, taken, err
	}
	return results, taken, stale(ds)
}

// tried judges the gates of a step that a person has asked for. A refusal is
// kept among the steps: later one wants to know why it was not done that day.
func (r *run) tried(ctx context.Context, command string, results []step.Result) ([]step.Acceptance, error) {
	taken, err := r.judge(ctx, command, results)
	refusal, refused := errors.AsType[*GateError](err)
	if !refused || r.o.DryRun {
		return taken, err
	}
	phase, reading := r.phase(ctx)
	if reading != nil {
		return taken, errors.Join(err, reading)
	}
	s := step.Step{Command: command, From: phase, To: phase, Began: r.o.Clock.Now()}
	id, writing := r.state.Begin(ctx, s)
	if writing != nil {
		return taken, errors.Join(err, writing)
	}
	s.ID, s.Gates, s.Accepted = id, results, taken
	s.Ended, s.Outcome = r.o.Clock.Now(), "refused: "+refusal.Refused()[0].Text
	if writing := r.state.End(ctx, s); writing != nil {
		return taken, errors.Join(err, writing)
	}
	return taken, err
}

// putStage publishes the changes of a stage with the way back written first,
// and waits until all servers show them.
func (r *run) putStage(ctx context.Context, plan dnsplan.Plan, stage dnsplan.Stage) error {
	changes := plan.Stage(stage)
	if err := r.setBack(ctx, plan, stage); err != nil {
		return err
	}
	if len(changes) > 0 {
		if err := r.prepareUndo(changes); err != nil {
			return &GateError{Step: string(stage), Results: []step.Result{
				refuse("undo", finding.GateUndoRight, err.Error(), "look at the rights and the free space of the move directory"),
			}}
		}
		if err := r.publish(ctx, changes); err != nil {
			return err
		}
		if err := r.awaitVisible(ctx, changes); err != nil {
			return err
		}
	}
	return r.observeStage(ctx, stage)
}

// setBack forgets what was seen of a stage, as far as a server has fallen back
// behind it or its changes have to be waited for anew. It comes before they
// are published: a run that is cut short must not leave the old moment behind.
func (r *run) setBack(ctx context.Context, plan dnsplan.Plan, stage dnsplan.Stage) error {
	if _, err := r.lookAt(ctx, stage); err != nil && !errors.Is(err, resolver.ErrNoAnswer) {
		return err
	}
	before, err := r.applied(ctx)
	if err != nil {
		return err
	}
	changes := plan.Stage(stage)
	switch {
	case restarts(plan, changes, before):
		return r.forgetStage(ctx, stage)
	case newNames(changes, before):
		return r.state.Forget(ctx, seenNames, string(stage))
	}
	return nil
}

// restarts reports whether changes set back the wait for the switch: what was
// there before them has to leave the caches first, and so has what the switch
// changes. A name that is new, such as a DKIM key that came later, does not
// set it back, nor what was in effect before.
func restarts(plan dnsplan.Plan, changes, before []dnsplan.Change) bool {
	for _, c := range changes {
		if slices.ContainsFunc(before, func(b dnsplan.Change) bool { return sameChange(b, c) }) {
			continue
		}
		if c.Before != nil {
			return true
		}
		for _, later := range plan.Stage(dnsplan.Switch) {
			if c.RRset().Key() == later.RRset().Key() {
				return true
			}
		}
	}
	return false
}

// confirm asks a person for the domain's name, unless nothing is to change.
func (r *run) confirm(ctx context.Context, command string, changes []dnsplan.Change) error {
	if len(changes) == 0 {
		return nil
	}
	if r.o.Confirm == nil {
		return ErrNotConfirmed
	}
	var text strings.Builder
	if err := dnsplan.Text(&text, dnsplan.Plan{Domain: r.Config.Domain, Changes: changes}, dnsplan.TextOptions{}); err != nil {
		return err
	}
	return r.o.Confirm(ctx, Confirmation{Command: command, Domain: r.Config.Domain, Text: text.String()})
}

// planGate is the gate of what the plan found. It was shown with the plan.
const planGate = "plan"

// findingGates makes a gate of every finding that keeps a stage from being
// published.
func findingGates(stage dnsplan.Stage, found []finding.Finding) []step.Result {
	var results []step.Result
	for _, f := range found {
		if stage.Refuses(f) {
			r := refuse(planGate, f.Code, f.Text, f.Fix, f.Evidence...)
			r.Subject = f.Subject
			results = append(results, r)
		}
	}
	return results
}

// waiting lists what only the provider's console can tell, or nothing.
func waiting(found []finding.Finding) error {
	var items []string
	for _, f := range found {
		if f.Code == finding.AfterVerification {
			items = append(items, f.Subject+": "+f.Text)
		}
	}
	if len(items) == 0 {
		return nil
	}
	return &PersonError{What: "published, and some values are still to come from the provider's console", Items: items}
}
