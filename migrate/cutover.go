package migrate

import (
	"context"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/step"
)

// CutoverOptions say which plan is carried out.
type CutoverOptions struct {
	PlanFile string
	Stop     <-chan struct{}
}

// Cutover asks the gates, takes a last delta, publishes the switch stage,
// stays until every authoritative server shows it, and takes one more delta.
// In the phase switching it only goes on waiting.
func (m *Move) Cutover(ctx context.Context, o CutoverOptions) error {
	if m.o.DryRun {
		return m.read(ctx, func(r *run) error { return r.cutover(ctx, o) })
	}
	return m.locked(ctx, "cutover", func(r *run) error { return r.cutover(ctx, o) })
}

func (r *run) cutover(ctx context.Context, o CutoverOptions) error {
	phase, err := r.phase(ctx)
	if err != nil {
		return err
	}
	switch phase {
	case step.Prepared:
	case step.Switching:
		return r.arrive(ctx, o)
	case step.Switched, step.Settled, step.Closed:
		r.say("nothing to do: the MX was switched already")
		return nil
	default:
		return &PhaseError{Command: "cutover", Phase: phase, Fix: "run mxmove plan and mxmove prepare first"}
	}
	plan, doc, err := r.loadPlan(o.PlanFile)
	if err != nil {
		return err
	}
	results, taken, err := r.gates(ctx, plan, doc.Findings)
	if err != nil {
		return err
	}
	for _, g := range results {
		r.say("gate %-8s %s: %s", g.Gate, g.Outcome, g.Text)
	}
	changes := plan.Stage(dnsplan.Switch)
	if r.o.DryRun {
		r.say("dry run: %d changes of the switch stage would be published", len(changes))
		return nil
	}
	if err := r.reachable(ctx, changes); err != nil {
		return err
	}
	if err := r.confirm(ctx, "cutover", changes); err != nil {
		return err
	}
	r.say("last delta before the switch")
	if err := r.delta(ctx, o.Stop); err != nil {
		return err
	}
	s := step.Step{Command: "cutover", From: phase, To: step.Switching, Gates: results, Accepted: taken}
	if _, err := r.through(ctx, s, func() error { return r.write(ctx, changes) }); err != nil {
		return err
	}
	return r.arrive(ctx, o)
}

// write publishes the switch, with the way back written first.
func (r *run) write(ctx context.Context, changes []dnsplan.Change) error {
	if err := r.prepareUndo(changes); err != nil {
		return &GateError{Step: "cutover", Results: []step.Result{
			refuse("undo", finding.GateUndoRight, err.Error(), "look at the rights and the free space of the move directory"),
		}}
	}
	return r.publish(ctx, changes)
}

// arrive waits until the switch is visible everywhere and takes the delta
// that carries over what came in the meantime.
func (r *run) arrive(ctx context.Context, o CutoverOptions) error {
	changes, err := r.switched(ctx)
	if err != nil {
		return err
	}
	s := step.Step{Command: "cutover", From: step.Switching, To: step.Switched}
	if _, err := r.through(ctx, s, func() error {
		if err := r.awaitVisible(ctx, changes); err != nil {
			return err
		}
		return r.observeStage(ctx, dnsplan.Switch)
	}); err != nil {
		return err
	}
	r.say("delta after the switch")
	return r.delta(ctx, o.Stop)
}

// switched returns the changes of the switch stage that are in effect.
func (r *run) switched(ctx context.Context) ([]dnsplan.Change, error) {
	applied, err := r.applied(ctx)
	if err != nil {
		return nil, err
	}
	return ofStage(applied, dnsplan.Switch), nil
}

func ofStage(cs []dnsplan.Change, stages ...dnsplan.Stage) []dnsplan.Change {
	var own []dnsplan.Change
	for _, c := range cs {
		for _, s := range stages {
			if c.Stage == s {
				own = append(own, c)
			}
		}
	}
	return own
}

// delta copies what is new. Refused messages are kept and listed; they do not
// stop a switch.
func (r *run) delta(ctx context.Context, stop <-chan struct{}) error {
	result, err := r.sync(ctx, SyncOptions{Stop: stop})
	t := result.Tally()
	if err != nil && result.Err() == nil && ctx.Err() == nil && t.Doubt+t.Missing == 0 && t.Refused > 0 {
		r.say("%s refused by the target, kept under .mxmove/refused", Plural(t.Refused, "message"))
		return nil
	}
	return err
}

// gates gathers the facts and asks every gate of the cutover.
func (r *run) gates(ctx context.Context, plan dnsplan.Plan, found []finding.Finding) ([]step.Result, []step.Acceptance, error) {
	seen, err := r.prepared(ctx)
	if err != nil {
		return nil, nil, err
	}
	facts, err := r.facts(ctx, plan)
	if err != nil {
		return nil, nil, err
	}
	results := append(cutoverGates(facts), findingGates(dnsplan.Switch, otherThanAddresses(found))...)
	addresses, err := r.addressGates(ctx)
	if err != nil {
		return nil, nil, err
	}
	results = append(append(results, addresses...), seen)
	policies, err := r.policyGates(ctx, plan)
	if err != nil {
		return nil, nil, err
	}
	last, err := r.switchGates(ctx)
	if err != nil {
		return nil, nil, err
	}
	results = append(append(results, policies...), last...)
	if len(r.Config.DNS.Servers) > 0 {
		results = append(results, unmeasured("servers", finding.ServersChosen,
			"dns.servers names the servers to ask, so nobody knows whether the world's see the change",
			"leave dns.servers out", r.Config.DNS.Servers...))
	}
	taken, err := r.tried(ctx, "cutover", results)
	return results, taken, err
}

// facts looks at everything that the gates of the cutover ask for.
func (r *run) facts(ctx context.Context, plan dnsplan.Plan) (Facts, error) {
	f := Facts{Now: r.o.Clock.Now(), Quiet: r.Config.Policy.Quiet}
	var err error
	if f.Newest, err = r.state.Newest(ctx); err != nil {
		return f, err
	}
	if f.Copy, err = recall[CopyRecord](ctx, r, copyKind, ""); err != nil {
		return f, err
	}
	if f.After, f.Because, err = r.due(ctx, plan, dnsplan.Switch); err != nil {
		return f, err
	}
	if f.Moved, err = r.moved(ctx, plan, dnsplan.Switch); err != nil {
		return f, err
	}
	f.Asked = true
	p, _, err := r.provider()
	if err != nil {
		return f, err
	}
	accounts, err := r.accounts(p, nil)
	if err != nil {
		return f, err
	}
	for _, l := range mailbox.Logins(ctx, accounts, mailbox.LoginOptions{TargetOnly: true, Copy: r.copyOptions(p)}) {
		f.Logins = append(f.Logins, LoginState{Account: l.Account, State: string(l.Target)})
	}
	return f, context.Cause(ctx)
}
