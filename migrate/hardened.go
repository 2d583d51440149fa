package migrate

import (
	"context"
	"slices"
	"time"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/state"
	"github.com/mxmove/mxmove/migrate/step"
)

// A stepSeen is a step as the last close has found it.
type stepSeen struct {
	Code  finding.Code `json:"code"`
	What  string       `json:"what"`
	Borne bool         `json:"borne"` // nothing was in the way
}

// stepsKind is the kind of observation for the steps that the last close has
// found, by domain.
const stepsKind = "hardening"

func (r *run) rememberSteps(ctx context.Context, domain string, steps []hardening) error {
	if r.o.DryRun {
		return nil
	}
	var seen []stepSeen
	for _, s := range steps {
		borne := !slices.ContainsFunc(s.Gates, func(g step.Result) bool { return g.Outcome == step.Refused || g.Outcome == step.NotMeasured })
		seen = append(seen, stepSeen{s.Code, s.What, borne})
	}
	if err := r.state.Forget(ctx, stepsKind, domain); err != nil {
		return err
	}
	return r.remember(ctx, stepsKind, domain, seen)
}

// lookedForSteps reports whether a close has come to the hardening calendar
// since a time: nothing of the plan was in its way then.
func (r *run) lookedForSteps(ctx context.Context, since time.Time) (bool, error) {
	for _, domain := range r.domains() {
		seen, ok, err := r.state.Latest(ctx, stepsKind, domain)
		if err != nil || ok && !seen.At.Before(since) {
			return err == nil, err
		}
	}
	return false, nil
}

// tellSteps adds to a status the steps that the last close has found borne out
// and that nobody has taken since.
func (r *run) tellSteps(ctx context.Context, s *Status, phase step.Phase) error {
	if phase != step.Closed {
		return nil
	}
	for _, domain := range r.domains() {
		seen, err := recall[[]stepSeen](ctx, r, stepsKind, domain)
		if err != nil || seen == nil {
			return err
		}
		for _, one := range *seen {
			if one.Borne {
				s.Yours = append(s.Yours, Yours{Code: one.Code, Text: domain + ": decide about " + one.What + ", which the reports bear out: mxmove close shows it"})
			}
		}
	}
	return nil
}

// dateSteps says in a plan from when on the steps of the hardening calendar may
// be due: a month after every server was seen to show the new MX.
func (r *run) dateSteps(ctx context.Context, doc *Document) error {
	seen, ok, err := r.state.Latest(ctx, seenStage, string(dnsplan.Switch))
	if err != nil || !ok {
		return err
	}
	for i, f := range doc.Findings {
		if f.Code == finding.PolicyMayRise || f.Code == finding.STSMayEnforce {
			doc.Findings[i].Evidence = append(slices.Clone(f.Evidence), "not before "+stamp(seen.At.Add(recentReports)))
		}
	}
	return nil
}

// undoStep takes back the newest step of the DMARC policy that a closed move
// has published. There is no way back for anything else of a closed move.
func (r *run) undoStep(ctx context.Context, applied []dnsplan.Change) error {
	taken := slices.DeleteFunc(ofStage(applied, dnsplan.Harden), func(c dnsplan.Change) bool { return !isPolicy(c) })
	if len(taken) == 0 {
		return ErrClosed
	}
	changes := reversed(taken[len(taken)-1:])
	if r.o.DryRun {
		r.say("dry run: the last step of the DMARC policy would be taken back")
		return nil
	}
	r.say("the move stays closed; the last step of the DMARC policy is taken back")
	if err := r.confirm(ctx, "undo", changes); err != nil {
		return err
	}
	s := step.Step{Command: "undo", From: step.Closed, To: step.Closed}
	_, err := r.through(ctx, s, func() error {
		if err := r.publish(ctx, changes); err != nil {
			return err
		}
		if err := r.awaitVisible(ctx, changes); err != nil {
			return err
		}
		for _, domain := range r.domains() {
			if err := r.state.Forget(ctx, stepsKind, domain); err != nil {
				return err
			}
		}
		stands := policyWord(changes[0].After)
		return r.state.Observe(ctx, state.Observation{Kind: policyStood, Subject: policyDomain(changes[0]), At: r.o.Clock.Now(), Value: stands})
	})
	return err
}
