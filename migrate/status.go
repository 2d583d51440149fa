package migrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/probe"
	"github.com/mxmove/mxmove/migrate/step"
)

// A Status is where a move stands, as status --json prints it.
type Status struct {
	Version int        `json:"version"`
	Domain  string     `json:"domain"`
	Phase   *string    `json:"phase"` // null before the first plan
	Since   *time.Time `json:"since"`
	Next    Next       `json:"next"`
	Safe    Safe       `json:"safe"`
	Left    []string   `json:"left"`
	Yours   []Yours    `json:"yours"`
}

// Next is the command that is due, and when.
type Next struct {
	Command   string     `json:"command"`
	NotBefore *time.Time `json:"not_before"`
}

// Safe says whether everything may stay as it is, and why.
type Safe struct {
	Value   bool   `json:"value"`
	Because string `json:"because"`
}

// Yours is something that only a person can do.
type Yours struct {
	Code finding.Code `json:"code"`
	Text string       `json:"text"`
}

// Status tells where the move stands from what is stored. It asks nobody,
// takes no lock and writes nothing.
func (m *Move) Status(ctx context.Context) (Status, error) {
	var s Status
	err := m.read(ctx, func(r *run) (err error) {
		s, err = r.status(ctx)
		return err
	})
	return s, err
}

func (r *run) status(ctx context.Context) (Status, error) {
	s := Status{Version: 1, Domain: r.Config.Domain, Left: []string{}, Yours: []Yours{}}
	phase, since, err := r.state.Phase(ctx)
	if err != nil {
		return s, err
	}
	if phase != step.None {
		name := string(phase)
		s.Phase, s.Since = &name, &since
	}
	copied, err := recall[CopyRecord](ctx, r, copyKind, "")
	if err != nil {
		return s, err
	}
	f, err := r.quietFacts(ctx)
	if err != nil {
		return s, err
	}
	if err := r.planned(ctx, &s, &f); err != nil {
		return s, err
	}
	rest, err := r.remainder(ctx, phase)
	if err != nil {
		return s, err
	}
	describe(&s, phase, copied, f, rest)
	applied, err := r.applied(ctx)
	if err != nil {
		return s, err
	}
	unrecorded(&s, phase, applied)
	if phase == step.Undone {
		if err := r.undone(ctx, &s, f.Now, len(applied)); err != nil {
			return s, err
		}
	}
	if err := r.tellRefused(ctx, &s, phase); err != nil {
		return s, err
	}
	if err := r.tellHomemade(ctx, &s, phase); err != nil {
		return s, err
	}
	if err := r.tellSteps(ctx, &s, phase); err != nil {
		return s, err
	}
	r.tellClients(&s, phase)
	if phase != step.None && r.Config.DNS.Publisher == (config.Publisher{}) {
		s.Yours = append(s.Yours, Yours{Code: finding.NoPublisher, Text: "say where changes of the DNS go: add dns.publisher to mxmove.yaml"})
	}
	return s, nil
}

// A remainder is what the plan still has to publish after the switch. The zero
// value is nothing.
type remainder struct {
	what  string
	after time.Time // zero: unknown, or now
}

// planned adds what the last plan shown leaves to a person, and when its
// switch is due.
func (r *run) planned(ctx context.Context, s *Status, f *Facts) error {
	plan, doc, err := r.loadPlan("")
	if errors.As(err, new(*PhaseError)) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, found := range doc.Findings {
		if found.Severity == finding.Block || found.Code == finding.AfterVerification {
			s.Yours = append(s.Yours, Yours{Code: found.Code, Text: found.Text})
		}
	}
	f.After, f.Because, err = r.due(ctx, plan, dnsplan.Switch)
	return err
}

// remainder says which of the last two stages comes next, and when.
func (r *run) remainder(ctx context.Context, phase step.Phase) (remainder, error) {
	if phase != step.Settled && phase != step.Closed {
		return remainder{}, nil
	}
	plan, _, err := r.loadPlan("")
	if errors.As(err, new(*PhaseError)) || errors.Is(err, fs.ErrNotExist) {
		return remainder{}, nil
	}
	if err != nil {
		return remainder{}, err
	}
	stage, err := r.dueStage(ctx, plan, phase)
	var later *LaterError
	switch {
	case errors.As(err, &later):
		return remainder{later.What, later.After}, nil
	case err != nil || stage == "":
		return remainder{}, err
	}
	return remainder{what: "the " + string(stage) + " stage is due"}, nil
}

// describe says what the phase means. It is pure.
func describe(s *Status, phase step.Phase, copied *CopyRecord, f Facts, rest remainder) {
	leftCopy(s, copied)
	switch phase {
	case step.None:
		s.Safe = Safe{true, "no DNS was changed; all mail goes to the old server"}
		s.Next.Command = "mxmove plan"
	case step.Planned:
		s.Safe = Safe{true, "no DNS was changed; all mail goes to the old server"}
		s.Left = append(s.Left, "the prepare stage is not published")
		s.Next.Command = "mxmove prepare"
	case step.Prepared:
		s.Safe = Safe{true, "all mail goes to the old server; what was published only adds"}
		s.Next.Command = "mxmove cutover"
		if f.After.After(f.Now) {
			s.Left = append(s.Left, "the switch has to wait until "+stamp(f.After)+": "+f.Because)
			s.Next.NotBefore = &f.After
		}
		if balanceGate(Facts{Copy: copied}).Outcome != step.Passed {
			s.Next = Next{Command: "mxmove sync"}
		}
	case step.Switching:
		s.Safe = Safe{false, "the new MX is written and not yet visible everywhere"}
		s.Left = append(s.Left, "the authoritative servers do not all show the new MX")
		s.Next.Command = "mxmove cutover"
	case step.Switched:
		s.Safe = Safe{false, "late mail may still arrive at the old server; keep it running"}
		for _, g := range settledGates(f) {
			if g.Outcome != step.Passed {
				s.Left = append(s.Left, g.Text)
			}
		}
		for _, said := range f.OldMX {
			if said.Waits && said.Answer != probe.Taken && said.Answer != probe.Turned {
				s.Left = append(s.Left, said.unclear())
			}
		}
		s.Next.Command = "mxmove watch"
	case step.Settled:
		s.Safe = Safe{true, "quiet, swept and aligned"}
		s.Left = append(s.Left, cmp.Or(rest.what, "the move is not closed"))
		s.Next = rest.next()
	case step.Closed:
		s.Safe = Safe{true, "the move is closed; the old server may be switched off"}
		s.Next.Command = "mxmove report"
		if rest.what != "" {
			s.Left = append(s.Left, rest.what)
			s.Next = rest.next()
		}
	case step.Undone:
		s.Safe = Safe{true, "the old MX is back; what the target received was copied to the old server"}
		s.Next.Command = "mxmove plan"
	}
}

// unrecorded corrects what the phase says where changes of ours are in effect
// that it does not know of: a step was cut short, or the database was lost and
// undo.json was not. It is pure.
func unrecorded(s *Status, phase step.Phase, applied []dnsplan.Change) {
	if len(applied) == 0 || phase != step.None && phase != step.Planned {
		return
	}
	lost := "undo.json names " + Plural(len(applied), "change") + " missing from the record of the move"
	if len(ofStage(applied, dnsplan.Switch, dnsplan.Retire, dnsplan.Harden)) == 0 {
		s.Safe.Because = lost + "; what was published only adds, and all mail goes to the old server"
		return
	}
	s.Safe = Safe{false, lost + ", the switch among them; keep both servers running"}
	s.Left = append(s.Left, "the record is lost: mxmove undo goes back by undo.json, mxmove plan goes on from where the zone stands")
}

// undone says what is left of a way back: mail that caches still lead to the
// target, and what was prepared.
func (r *run) undone(ctx context.Context, s *Status, now time.Time, published int) error {
	back, switched, err := r.state.Latest(ctx, undoneKind, "")
	if err != nil {
		return err
	}
	if published > 0 {
		s.Left = append(s.Left, Plural(published, "change")+" of the prepare stage still published; mxmove undo --all takes them back")
	}
	if !switched {
		return nil
	}
	end, err := r.drained(ctx, back)
	if err != nil {
		return err
	}
	look, _, err := r.state.Latest(ctx, backKind, "")
	if err != nil || !look.At.Before(end) {
		return err
	}
	s.Safe = Safe{false, "the old MX is back; mail may arrive at the target until " + stamp(end) + ", and mxmove undo carries it back"}
	s.Left = append(s.Left, "the target was not looked at after that")
	s.Next = Next{Command: "mxmove undo"}
	if end.After(now) {
		s.Next.NotBefore = &end
	}
	return nil
}

// next is the command that publishes what is left.
func (rest remainder) next() Next {
	n := Next{Command: "mxmove close"}
	if !rest.after.IsZero() {
		n.NotBefore = &rest.after
	}
	return n
}

func leftCopy(s *Status, copied *CopyRecord) {
	if copied == nil {
		s.Left = append(s.Left, "no complete copy yet")
		return
	}
	for _, n := range []struct {
		count int
		what  string
	}{
		{copied.Missing, "messages are missing at the target"},
		{copied.Doubt, "messages are in doubt"},
		{copied.Unread, "mailboxes could not be read"},
		{copied.Refused, "messages were refused by the target and are kept as files"},
	} {
		if n.count > 0 {
			s.Left = append(s.Left, fmt.Sprintf("%d %s", n.count, n.what))
		}
	}
}
