package migrate

import (
	"context"
	"slices"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/step"
)

// Finish is the command close: after the quiet time it publishes what is due
// of the retire and harden stages. It is repeated for what falls due later; as
// long as nothing is due it ends with a *LaterError.
func (m *Move) Finish(ctx context.Context, planFile string) error {
	if m.o.DryRun {
		return m.read(ctx, func(r *run) error { return r.finish(ctx, planFile) })
	}
	return m.locked(ctx, "close", func(r *run) error { return r.finish(ctx, planFile) })
}

func (r *run) finish(ctx context.Context, planFile string) error {
	phase, err := r.phase(ctx)
	if err != nil {
		return err
	}
	if phase != step.Settled && phase != step.Closed {
		return &PhaseError{Command: "close", Phase: phase, Fix: "mxmove watch settles a move that was switched"}
	}
	plan, doc, err := r.loadPlan(planFile)
	if err != nil {
		return err
	}
	if err := r.stillShown(ctx, phase); err != nil {
		return err
	}
	stage, err := r.dueStage(ctx, plan, phase)
	if err != nil {
		return err
	}
	if stage == "" {
		r.say("nothing is left to publish of the plan")
		return r.harden(ctx)
	}
	results, taken, err := r.closeGates(ctx, plan, stage, doc.Findings)
	if err != nil {
		return err
	}
	changes := plan.Stage(stage)
	if r.o.DryRun {
		r.say("dry run: %d changes of the %s stage would be published", len(changes), stage)
		return nil
	}
	if err := r.confirm(ctx, "close", changes); err != nil {
		return err
	}
	s := step.Step{Command: "close", From: phase, To: step.Closed, Gates: results, Accepted: taken}
	if _, err = r.through(ctx, s, func() error { return r.putStage(ctx, plan, stage) }); err != nil {
		return err
	}
	if len(changes) > 0 {
		r.say("%s of the %s stage published and seen on every authoritative server", Plural(len(changes), "change"), stage)
	}
	if stage != dnsplan.Harden {
		return nil
	}
	return r.harden(ctx)
}

// stillShown refuses while a server has fallen back to what was there before
// the last stage that was published: mail may go to the old server again.
func (r *run) stillShown(ctx context.Context, phase step.Phase) error {
	last := dnsplan.Switch
	if phase == step.Closed {
		last = dnsplan.Retire
	}
	look, err := r.lookAt(ctx, last)
	if err != nil || !look.Old {
		return err
	}
	_, err = r.tried(ctx, "close", []step.Result{visibleGate(look, nil)})
	return err
}

// dueStage returns the first of the last two stages that is not in effect, or
// nothing. What is not due yet is a *LaterError.
func (r *run) dueStage(ctx context.Context, plan dnsplan.Plan, phase step.Phase) (dnsplan.Stage, error) {
	applied, err := r.applied(ctx)
	if err != nil {
		return "", err
	}
	for _, stage := range []dnsplan.Stage{dnsplan.Retire, dnsplan.Harden} {
		if inForce(plan.Stage(stage), applied) && (phase == step.Closed || stage == dnsplan.Harden) {
			continue
		}
		at, because, err := r.due(ctx, plan, stage)
		if err != nil {
			return "", err
		}
		if at.IsZero() {
			because = "not every authoritative server was seen to show the stage before it"
		}
		if at.IsZero() || r.o.Clock.Now().Before(at) {
			return "", &LaterError{What: "the " + string(stage) + " stage is not due: " + because, After: at}
		}
		return stage, nil
	}
	return "", nil
}

// inForce reports whether every change was published and not taken back.
func inForce(changes, applied []dnsplan.Change) bool {
	for _, c := range changes {
		if !slices.ContainsFunc(applied, func(a dnsplan.Change) bool { return sameChange(a, c) }) {
			return false
		}
	}
	return true
}

// closeGates asks what has to hold before anything of the old server goes. Of
// the plan's findings only those count that name their stage: the others spoke
// before the switch.
func (r *run) closeGates(ctx context.Context, plan dnsplan.Plan, stage dnsplan.Stage, found []finding.Finding) ([]step.Result, []step.Acceptance, error) {
	f, err := r.quietFacts(ctx)
	if err != nil {
		return nil, nil, err
	}
	if f.Moved, err = r.moved(ctx, plan, stage); err != nil {
		return nil, nil, err
	}
	f.Asked = true
	heard, err := r.reportFacts(ctx, plan, stage, f)
	if err != nil {
		return nil, nil, err
	}
	results := []step.Result{clockGate(f), quietGate(f), balanceGate(f), rrsetGate(f), reportsGate(heard)}
	named := slices.DeleteFunc(slices.Clone(found), func(f finding.Finding) bool { return f.Stage == "" })
	results = append(results, findingGates(stage, named)...)
	if stage == dnsplan.Retire {
		box, err := r.oldBox(ctx)
		if err != nil {
			return nil, nil, err
		}
		results = append(results, box...)
	}
	taken, err := r.tried(ctx, "close", results)
	return results, taken, err
}

// changesSPF reports whether the stage changes an SPF record other than its
// TTL.
func changesSPF(plan dnsplan.Plan, stage dnsplan.Stage) bool {
	domains := append([]string{plan.Domain}, plan.AliasDomains...)
	for _, c := range plan.Stage(stage) {
		k := c.RRset().Key()
		if k.Type == dns.TypeTXT && !zone.Equal(c.Before, c.After) &&
			slices.ContainsFunc(domains, func(d string) bool { return zone.Canonical(d) == k.Name }) {
			return stage == dnsplan.Retire
		}
	}
	return false
}
