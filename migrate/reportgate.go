package migrate

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/spf"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/step"
)

// maxSilence is how long no report may cover before nobody knows: a small
// domain sends nothing on a weekend, and reports come a day late.
const maxSilence = 72 * time.Hour

// A ReportFacts value is what the reports tell of the senders that a stage
// takes out of the SPF record.
type ReportFacts struct {
	Leaves   bool       // the stage takes somebody out
	From     time.Time  // what is asked about
	Until    time.Time  // now
	Periods  []period   // of the signed reports that touch it, the earliest first
	Unsigned int        // reports that touch it and that nobody vouches for
	Sent     []leftBy   // by those who leave, the most first
	Missing  error      // why it could not be told who an address belongs to
	Gone     []spf.Term // the terms that leave
}

// A leftBy is mail that came from an address that leaves.
type leftBy struct {
	Source   netip.Addr
	Term     string
	Messages int64
	Last     time.Time
}

// reportFacts asks the reports that were kept about the quiet time.
func (r *run) reportFacts(ctx context.Context, plan dnsplan.Plan, stage dnsplan.Stage, f Facts) (ReportFacts, error) {
	facts := ReportFacts{Leaves: changesSPF(plan, stage), Until: f.Now, From: f.Now.Add(-f.Quiet)}
	if f.Switched.After(facts.From) {
		facts.From = f.Switched
	}
	if !facts.Leaves {
		return facts, nil
	}
	client, err := r.client()
	if err != nil {
		return facts, err
	}
	book := reportBook{r.state.DB()}
	periods, err := book.periods(ctx, facts.From)
	if err != nil {
		return facts, err
	}
	facts.cover(periods)
	gone, check := leaving(plan, stage), &spf.Checker{Ask: lookup(ctx, client)}
	for _, terms := range gone {
		facts.Gone = append(facts.Gone, terms...)
	}
	sent := make(map[netip.Addr]*leftBy)
	if err := book.each(ctx, facts.From, func(row sentRow) {
		for domain, terms := range gone {
			if !within(row.Domain, domain) {
				continue
			}
			if s := facts.leaver(domain, terms, row, sent[row.Source], check); s != nil {
				sent[row.Source] = s
			}
		}
	}); err != nil {
		return facts, err
	}
	for _, s := range sent {
		facts.Sent = append(facts.Sent, *s)
	}
	slices.SortFunc(facts.Sent, func(a, b leftBy) int {
		if a.Messages != b.Messages {
			return int(min(max(b.Messages-a.Messages, -1), 1))
		}
		return a.Source.Compare(b.Source)
	})
	return facts, context.Cause(ctx)
}

// cover takes what is covered from the reports that somebody vouches for. A
// report that anybody may have written can speak against closing, never for it.
func (f *ReportFacts) cover(periods []period) {
	for _, p := range periods {
		if p.SignedBy == "" {
			f.Unsigned++
		} else {
			f.Periods = append(f.Periods, p)
		}
	}
}

// leaver counts a row whose address one of the terms lets pass.
func (f *ReportFacts) leaver(domain string, terms []spf.Term, row sentRow, s *leftBy, check *spf.Checker) *leftBy {
	for i := 0; s == nil && i < len(terms); i++ {
		ok, err := passes(check, domain, terms[i], row.Source)
		switch {
		case err != nil:
			f.Missing = err
		case ok:
			s = &leftBy{Source: row.Source, Term: terms[i].String()}
		}
	}
	if s == nil {
		return nil
	}
	s.Messages += row.Messages
	if row.End.After(s.Last) {
		s.Last = row.End
	}
	return s
}

// reportsGate asks whether the old server still sends as the domain, before
// its addresses leave the SPF record. It is pure.
func reportsGate(f ReportFacts) step.Result {
	const gate, code = "reports", finding.GateReports
	accept := `look at its mail log, then pass with --accept ` + string(code) + `="..."`
	silence, at := f.silence()
	switch {
	case !f.Leaves:
		return pass(gate, "no sender is taken out of SPF")
	case len(f.Sent) > 0:
		var evidence []string
		for _, s := range f.Sent[:min(len(f.Sent), manyStreams)] {
			evidence = append(evidence, fmt.Sprintf("%s (%s): %d messages, last in a report until %s", s.Source, s.Term, s.Messages, stamp(s.Last)))
		}
		return refuse(gate, code, fmt.Sprintf("the old server still sends as the domain: receivers report %d addresses of it", len(f.Sent)),
			"find what sends there and let it send through the provider; "+accept, append(evidence, f.heard())...)
	case f.Missing != nil:
		return unmeasured(gate, code, "the DNS did not say whose the addresses in the reports are", "run the command again; "+accept, f.Missing.Error())
	case len(f.Periods) == 0:
		return unmeasured(gate, code, "nobody knows whether the old server still sends as the domain: no "+f.kind()+" covers the time since "+stamp(f.From), f.more()+accept, f.heard())
	case silence > maxSilence:
		return unmeasured(gate, code, fmt.Sprintf("no %s covers the %s from %s on", f.kind(), span(silence), stamp(at)), f.more()+accept, f.heard())
	}
	return pass(gate, fmt.Sprintf("%d signed reports of %s since %s name no address that leaves SPF (%s); %s", len(f.Periods), f.receivers(), stamp(f.From), f.terms(), f.heard()))
}

// kind says which reports there are none of.
func (f ReportFacts) kind() string {
	if f.Unsigned > 0 {
		return "DMARC report that its sender signed"
	}
	return "DMARC report"
}

// more says which reports would help. A bare file proves no sender.
func (f ReportFacts) more() string {
	if f.Unsigned > 0 {
		return "run mxmove reports with the messages that the reports came in, saved whole, or "
	}
	return "run mxmove reports with the reports that came since, or "
}

// heard says whose reports there are.
func (f ReportFacts) heard() string {
	signers, _ := signersOf(f.Periods)
	switch {
	case len(signers) == 0 && f.Unsigned == 0:
		return "no reports"
	case len(signers) == 0:
		return fmt.Sprintf("%d reports not authenticated, none signed by its sender", f.Unsigned)
	case f.Unsigned == 0:
		return "signed by " + SignerNames(signers)
	}
	return fmt.Sprintf("signed by %s; %d more not authenticated", SignerNames(signers), f.Unsigned)
}

// silence returns the longest time that no report covers, and its beginning.
func (f ReportFacts) silence() (longest time.Duration, at time.Time) {
	covered := f.From
	for _, p := range append(slices.Clone(f.Periods), period{Begin: f.Until, End: f.Until}) {
		if gap := p.Begin.Sub(covered); gap > longest {
			longest, at = gap, covered
		}
		if p.End.After(covered) {
			covered = p.End
		}
	}
	return longest, at
}

func (f ReportFacts) receivers() string {
	seen := make(map[string]bool)
	for _, p := range f.Periods {
		seen[p.SignedBy] = true
	}
	if len(seen) == 1 {
		return "1 receiver"
	}
	return fmt.Sprintf("%d receivers", len(seen))
}

func (f ReportFacts) terms() string {
	var words []string
	for _, t := range f.Gone {
		words = append(words, t.String())
	}
	slices.Sort(words)
	return strings.Join(slices.Compact(words), " ")
}
