package report

import (
	"slices"
	"time"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/state"
	"github.com/mxmove/mxmove/migrate/step"
)

// A Stage is a stage of the plan with what came of it.
type Stage struct {
	Stage       dnsplan.Stage `json:"stage"`
	WaitSeconds int64         `json:"wait_seconds"`
	NotBefore   *time.Time    `json:"not_before"`
	Because     string        `json:"because"`
	Seen        *time.Time    `json:"seen"` // when every authoritative server showed it; null: they do not
	Changes     []Change      `json:"changes"`
}

// A Change is one RRset before and after. Published means that it is in
// effect, or was on its way when the program ended.
type Change struct {
	dnsplan.ChangeDocument
	Published bool `json:"published"`
}

// stages joins what was published with what the last plan still wants. A plan
// that is shown later holds only what was left then.
func stages(rec migrate.Record) []Stage {
	published := dnsplan.Plan{Changes: rec.Applied}.Document().Stages
	seen := seenAt(rec)
	all := make([]Stage, 0, len(published))
	for _, p := range published {
		s := Stage{Stage: p.Stage, Seen: seen[p.Stage], Changes: []Change{}}
		for _, c := range p.Changes {
			s.Changes = append(s.Changes, Change{c, true})
		}
		if rec.Plan != nil {
			s.plan(*rec.Plan)
		}
		all = append(all, s)
	}
	return all
}

// plan adds what the plan says of the stage.
func (s *Stage) plan(doc migrate.Document) {
	for _, sd := range doc.Stages {
		if sd.Stage != s.Stage {
			continue
		}
		s.WaitSeconds, s.NotBefore, s.Because = sd.WaitSeconds, sd.NotBefore, sd.Because
		for _, c := range sd.Changes {
			if !slices.ContainsFunc(s.Changes, func(o Change) bool { return same(o.ChangeDocument, c) }) {
				s.Changes = append(s.Changes, Change{c, false})
			}
		}
	}
}

// seenAt returns when every authoritative server showed each stage. What a
// later step has published, or taken back, and not been seen to end with, they
// do not show.
func seenAt(rec migrate.Record) map[dnsplan.Stage]*time.Time {
	seen := make(map[dnsplan.Stage]*time.Time)
	for stage, at := range rec.Seen {
		at = at.UTC()
		seen[stage] = &at
	}
	for _, s := range rec.Steps {
		for _, stage := range touches(s) {
			if at := seen[stage]; at != nil && s.Began.After(*at) {
				seen[stage] = nil
			}
		}
	}
	return seen
}

// touches returns the stages that a step leaves unseen.
func touches(s step.Step) []dnsplan.Stage {
	done := s.Outcome == state.Done && !s.Ended.IsZero()
	switch {
	case s.To == step.Undone && s.From == step.Undone: // with --all
		return []dnsplan.Stage{dnsplan.Prepare, dnsplan.Switch, dnsplan.Retire, dnsplan.Harden}
	case s.To == step.Undone:
		return []dnsplan.Stage{dnsplan.Switch, dnsplan.Retire, dnsplan.Harden}
	case s.To == step.Switching: // it ends when the switch is written
		return []dnsplan.Stage{dnsplan.Switch}
	case done || s.Stopped():
		return nil
	case s.To == step.Prepared:
		return []dnsplan.Stage{dnsplan.Prepare}
	case s.To == step.Closed:
		return []dnsplan.Stage{dnsplan.Retire, dnsplan.Harden}
	}
	return nil
}

// same compares what two changes do, not why.
func same(a, b dnsplan.ChangeDocument) bool {
	return a.Zone == b.Zone && a.Name == b.Name && a.Type == b.Type &&
		sameSide(a.Type, a.Before, b.Before) && sameSide(a.Type, a.After, b.After)
}

func sameSide(mnemonic string, a, b *dnsplan.RRsetDocument) bool {
	typ, err := zone.ParseType(mnemonic)
	if err != nil || a == nil || b == nil {
		return a == nil && b == nil
	}
	return zone.Same(&zone.RRset{Type: typ, TTL: a.TTL, Data: a.Data}, &zone.RRset{Type: typ, TTL: b.TTL, Data: b.Data})
}

// Done counts the changes of the stage that were published.
func (s Stage) Done() int {
	n := 0
	for _, c := range s.Changes {
		if c.Published {
			n++
		}
	}
	return n
}

// Wait is how long the stage has to wait for the one before.
func (s Stage) Wait() time.Duration { return time.Duration(s.WaitSeconds) * time.Second }

// A line is one record of a change: kept, gone or added.
type line struct {
	Sign string // " ", "-" or "+"
	Data string
}

// Lines returns the records of both sides, what goes before what comes.
func (c Change) Lines() []line {
	typ, _ := zone.ParseType(c.Type) // an unknown type is compared by its text
	var lines []line
	before, after := data(c.Before), data(c.After)
	for _, d := range before {
		sign := "-"
		if holds(typ, after, d) {
			sign = " "
		}
		lines = append(lines, line{sign, d})
	}
	for _, d := range after {
		if !holds(typ, before, d) {
			lines = append(lines, line{"+", d})
		}
	}
	return lines
}

func data(s *dnsplan.RRsetDocument) []string {
	if s == nil {
		return nil
	}
	return s.Data
}

func holds(typ uint16, set []string, d string) bool {
	return slices.ContainsFunc(set, func(o string) bool { return zone.EqualData(typ, o, d) })
}

// Sign is the change's sign, as the plan prints it.
func (c Change) Sign() string {
	switch c.Action {
	case dnsplan.Create:
		return "+"
	case dnsplan.Delete:
		return "-"
	}
	return "~"
}
