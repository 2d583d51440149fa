package migrate

import (
	"context"
	"fmt"
	"strings"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/step"
)

// A hardening is one step of the hardening calendar: a record that asks more
// of receivers or senders than the one that stands.
type hardening struct {
	Domain string
	Code   finding.Code
	Word   string // what the step leads to, as a wish names it: quarantine, reject, enforce
	What   string // the step in words
	Record string // the record that the step would publish, "" where that is not known yet
	Stands string // what is remembered of the record when it stands
	Gates  []step.Result
	For    []string // what speaks for the step
	Mind   []string // what only a person knows
	Back   string   // the way back
	Change *dnsplan.Change
	Yours  string // what a person has to do where there is no Change
	Blind  string // why nobody knows whether there is a step

	Still func(context.Context) error // looks once more before the change is published
}

// subject names the step in an acceptance.
func (s hardening) subject() string { return s.Domain + ":" + s.Word }

// named reports whether a wish is for this step.
func (s hardening) named(w Accept) bool { return w.Code == s.Code && w.Subject == s.subject() }

// result is the step as something that a person has agreed to.
func (s hardening) result() step.Result {
	return step.Result{Gate: "step", Outcome: step.Accepted, Code: s.Code, Subject: s.subject(), Text: s.What + ": " + s.Record, Evidence: s.For}
}

// held says what keeps the step from being offered.
func (s hardening) held(refused []step.Result) []string {
	if s.Blind != "" {
		return []string{s.Domain + ": " + s.Blind}
	}
	head := s.Domain + ": " + s.What + " is not due yet"
	if s.Record != "" {
		head += "; the next step would be " + s.Record
	}
	lines := []string{head}
	for _, g := range refused {
		line := "  in the way: " + g.Text
		if g.Fix != "" && !g.Final {
			line += "; " + g.Fix
		}
		lines = append(lines, line)
		for _, e := range g.Evidence {
			lines = append(lines, "    "+e)
		}
	}
	return lines
}

// shown says what bears the step out, what is accepted, and what would change.
func (s hardening) shown(taken []step.Acceptance) []string {
	lines := []string{s.Domain + ": the evidence bears out " + s.What}
	for _, e := range s.For {
		lines = append(lines, "  evidence: "+e)
	}
	for _, a := range taken {
		lines = append(lines, fmt.Sprintf("  accepted: %s, %s", a.Code, zone.Escape(a.Reason)))
	}
	for _, m := range s.Mind {
		lines = append(lines, "  mind: "+m)
	}
	if s.Change != nil {
		var text strings.Builder
		// A builder takes everything.
		_ = dnsplan.Text(&text, dnsplan.Plan{Domain: s.Domain, Changes: []dnsplan.Change{*s.Change}}, dnsplan.TextOptions{Why: true})
		lines = append(lines, strings.TrimRight(text.String(), "\n"))
	}
	return append(lines, "  the way back: "+s.Back)
}

// yours says what a person has to do where mxmove cannot.
func (s hardening) yours() []string {
	lines := []string{s.Domain + ": the evidence bears out " + s.What}
	for _, e := range s.For {
		lines = append(lines, "  evidence: "+e)
	}
	for _, m := range s.Mind {
		lines = append(lines, "  mind: "+m)
	}
	return append(lines, "  yours to do: "+s.Yours)
}

// byHand is the record, for somebody who changes the zone without mxmove.
func (s hardening) byHand() []string {
	return []string{"  yours to publish: " + s.Record}
}

// ask says how a person takes a step that nobody could be asked about.
func (s hardening) ask(domain string) string {
	return fmt.Sprintf("  yours to decide: run mxmove close at a terminal, or mxmove close --accept %s:%s=\"why\" --yes=%s; --yes alone takes no such step",
		s.Code, s.subject(), domain)
}
