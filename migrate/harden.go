package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/mtasts"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/step"
)

// harden goes through the hardening calendar once the plan has nothing left to
// publish. A step that the evidence bears out is shown and published if a
// person agrees to this very step; evidence is no permission. What cannot be
// found out is told, and leaves the close as done as it is, unless a step was
// asked for by name.
func (r *run) harden(ctx context.Context) error {
	wishes, err := r.stepWishes()
	if err != nil {
		return err
	}
	var asked []error
	for _, domain := range r.domains() {
		steps, err := r.hardenings(ctx, domain)
		wanted := slices.ContainsFunc(wishes, func(w Accept) bool { return stepDomain(w) == domain })
		switch {
		case err != nil && (wanted || ctx.Err() != nil):
			return err
		case err != nil:
			r.say("%s: the next step of the hardening calendar was not measured: %v", domain, err)
			continue
		}
		var left []hardening
		for _, s := range steps {
			taken, err := r.offer(ctx, s, wishes)
			if err != nil {
				asked = append(asked, err)
			}
			if !taken {
				left = append(left, s)
			}
		}
		if err := r.rememberSteps(ctx, domain, left); err != nil {
			return err
		}
		asked = append(asked, r.unmet(ctx, domain, steps, wishes))
	}
	return errors.Join(append(asked, context.Cause(ctx))...)
}

// hardenings looks which steps of a domain there are.
func (r *run) hardenings(ctx context.Context, domain string) ([]hardening, error) {
	var steps []hardening
	for _, look := range []func(context.Context, string) (*hardening, error){r.policyStep, r.stsStep} {
		s, err := look(ctx, domain)
		if err != nil {
			return nil, err
		}
		if s != nil {
			steps = append(steps, *s)
		}
	}
	return steps, nil
}

// offer puts one step to a person, and reports whether it was taken. An error is
// one that the person has to know of: that a step which was asked for by name is
// refused, or was not published.
func (r *run) offer(ctx context.Context, s hardening, wishes []Accept) (bool, error) {
	i := slices.IndexFunc(wishes, s.named)
	judge := r.judge
	if i >= 0 {
		judge = r.tried // a refusal of what was asked for is kept among the steps
	}
	taken, err := judge(ctx, "close", s.Gates)
	if refusal, ok := errors.AsType[*GateError](err); ok && i < 0 {
		r.sayAll(s.held(refusal.Refused()))
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if s.Change == nil {
		r.sayAll(s.yours())
		if i >= 0 {
			return false, &PersonError{What: s.Domain + ": the step is yours", Items: []string{s.Yours}}
		}
		return false, nil
	}
	if r.o.DryRun {
		r.sayAll(s.shown(taken))
		r.say("dry run: the step would be put to you")
		return false, nil
	}
	agreed := step.Acceptance{Code: s.Code, Subject: s.subject(), Reason: "the domain's name was typed"}
	if i >= 0 {
		agreed.Reason = wishes[i].Reason
	}
	if ok, err := r.agree(ctx, s, taken, i >= 0); !ok || err != nil {
		return false, err
	}
	agreed.Time, agreed.Evidence = r.o.Clock.Now(), evidenceDigest(s.result())
	done := step.Step{Command: "close", From: step.Closed, To: step.Closed, Gates: append(s.Gates, s.result()), Accepted: append(taken, agreed)}
	if _, err := r.through(ctx, done, func() error { return r.putStep(ctx, s) }); err != nil {
		return false, err
	}
	r.say("%s: %s published and seen on every authoritative server; %s", s.Domain, s.What, s.Back)
	return true, nil
}

// agree asks a person for this step, and for no other. Without one, a step
// that was asked for by name needs the name of the domain besides, as every
// change of the DNS does.
func (r *run) agree(ctx context.Context, s hardening, taken []step.Acceptance, ahead bool) (bool, error) {
	changes := []dnsplan.Change{*s.Change}
	if err := r.reachable(ctx, changes); errors.Is(err, ErrNoPublisher) && !ahead {
		r.sayAll(append(s.shown(taken), s.byHand()...))
		return false, nil
	} else if err != nil {
		return false, err
	}
	if r.o.Confirm == nil {
		return false, ErrNotConfirmed
	}
	c := Confirmation{Command: "close", Domain: s.Domain, Text: strings.Join(s.shown(taken), "\n"), Step: s.What, Ahead: ahead}
	if ahead {
		c.Domain = r.Config.Domain
	}
	err := r.o.Confirm(ctx, c)
	switch {
	case ahead || err == nil:
		return err == nil, err
	case errors.Is(err, ErrNotAsked):
		r.sayAll(append(s.shown(taken), s.ask(r.Config.Domain)))
		return false, nil
	case errors.Is(err, ErrNotConfirmed):
		r.say("%s: not taken, nothing was changed", s.Domain)
		return false, nil
	}
	return false, err
}

// putStep publishes a step with the way back written first. What it rests on
// is looked at once more: the person may have thought about it for an hour.
func (r *run) putStep(ctx context.Context, s hardening) error {
	if s.Still != nil {
		if err := s.Still(ctx); err != nil {
			return err
		}
	}
	changes := []dnsplan.Change{*s.Change}
	if err := r.prepareUndo(changes); err != nil {
		return &GateError{Step: "close", Results: []step.Result{
			refuse("undo", finding.GateUndoRight, err.Error(), "look at the rights and the free space of the move directory"),
		}}
	}
	if err := r.publish(ctx, changes); err != nil {
		return err
	}
	if err := r.awaitVisible(ctx, changes); err != nil {
		return err
	}
	if s.Code != finding.PolicyMayRise {
		return nil
	}
	return r.observe(ctx, policyStood, s.Domain, s.Stands)
}

// stepWishes returns the steps that were asked for by name. A code alone names
// none: with a timer it would go from one step to the next without anybody.
func (r *run) stepWishes() ([]Accept, error) {
	var named []Accept
	for _, w := range r.o.Accept {
		if w.Code != finding.PolicyMayRise && w.Code != finding.STSMayEnforce {
			continue
		}
		_, word, ok := strings.Cut(w.Subject, ":")
		if !ok || word == "" || !slices.Contains(r.domains(), stepDomain(w)) {
			example := r.Config.Domain + ":quarantine"
			if w.Code == finding.STSMayEnforce {
				example = r.Config.Domain + ":enforce"
			}
			return nil, refusedStep(w, fmt.Sprintf("%s names no step of a domain of this move", w.Code),
				fmt.Sprintf("name it: --accept %s:%s=\"why\"", w.Code, example))
		}
		named = append(named, w)
	}
	return named, nil
}

// stepDomain is the domain of a step that was asked for.
func stepDomain(w Accept) string {
	domain, _, _ := strings.Cut(w.Subject, ":")
	return domain
}

// refusedStep is the error for a step that cannot be taken.
func refusedStep(w Accept, text, fix string) error {
	r := refuse("step", w.Code, text, fix)
	r.Subject, r.Final = w.Subject, true
	return &GateError{Step: "close", Results: []step.Result{r}}
}

// unmet refuses a wish that fits no step: another one is next, or none is. One
// that was taken before is no error, since every command may be repeated.
func (r *run) unmet(ctx context.Context, domain string, steps []hardening, wishes []Accept) error {
	for _, w := range wishes {
		if stepDomain(w) != domain || slices.ContainsFunc(steps, func(s hardening) bool { return s.named(w) }) {
			continue
		}
		_, word, _ := strings.Cut(w.Subject, ":")
		stands, err := r.stands(ctx, domain, w.Code)
		switch {
		case err != nil:
			return err
		case stands == word:
			r.say("%s: %s stands already", domain, word)
			continue
		}
		fix := "mxmove close names the steps that there are"
		for _, s := range steps {
			if s.Code == w.Code {
				fix = fmt.Sprintf("the next step is %s: --accept %s:%s=\"why\"", s.Word, s.Code, s.subject())
			}
		}
		return refusedStep(w, fmt.Sprintf("%s has no step to %s now", domain, word), fix)
	}
	return nil
}

// stands returns what a step of a code would lead to that has been taken: the
// policy, or the mode that senders are told of.
func (r *run) stands(ctx context.Context, domain string, code finding.Code) (string, error) {
	if code == finding.PolicyMayRise {
		l, err := r.livePolicy(ctx, domain)
		return string(l.record.Policy), err
	}
	l, err := r.liveSTS(ctx, domain)
	if err != nil || l.set == nil {
		return "", err
	}
	p, err := mtasts.Parse(l.policy)
	return string(p.Mode), err
}

// sayAll tells lines of talk. A record or a command is to be copied whole.
func (r *run) sayAll(lines []string) {
	for _, line := range lines {
		if strings.Contains(line, "v=DMARC1") || strings.Contains(line, "v=STSv1") || strings.Contains(line, "--accept MX18") {
			r.sayLines(line)
		} else {
			r.say("%s", line)
		}
	}
}
