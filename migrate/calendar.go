package migrate

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/dmarc"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// A nextPolicy is what bears on making a domain's DMARC policy stricter: the
// record as it is, and a month of reports.
type nextPolicy struct {
	Record   dmarc.Record
	Switched time.Time // when every server was seen to show the new MX
	Now      time.Time
	Reports  ReportFacts // what the reports about the domain cover
	Provider bool        // a signed report tells of aligned mail from the provider
	Streams  []Stream
	Omitted  int // streams that are not among them
}

// advise says at the end of a move which step of the DMARC policies comes next,
// its exact record, and what is in the way. It publishes nothing: a report is
// evidence and never permission. What it cannot find out is told, and leaves
// the close as done as it is.
func (r *run) advise(ctx context.Context) error {
	err := r.adviseAll(ctx)
	if err != nil && ctx.Err() == nil {
		r.say("the next step of the DMARC policy was not measured: %v", err)
	}
	return context.Cause(ctx)
}

func (r *run) adviseAll(ctx context.Context) error {
	client, err := r.client()
	if err != nil {
		return err
	}
	facts := make(map[string]*nextPolicy)
	for _, domain := range r.domains() {
		data, err := client.Lookup(ctx, "_dmarc."+domain, dns.TypeTXT)
		if err != nil {
			return fmt.Errorf("DMARC record of %s: %w", domain, err)
		}
		if record, ok := soleRecord(data); ok {
			facts[domain] = &nextPolicy{Record: record, Now: r.o.Clock.Now()}
		}
	}
	if len(facts) == 0 {
		return nil
	}
	if err := r.monthOf(ctx, facts); err != nil {
		return err
	}
	for _, domain := range r.domains() {
		if f := facts[domain]; f != nil {
			for _, line := range f.lines(domain) {
				if strings.Contains(line, "v=DMARC1") {
					r.sayLines(line) // a record is to be copied whole
				} else {
					r.say("%s", line)
				}
			}
		}
	}
	return nil
}

// soleRecord returns the one DMARC record of a TXT set if it can get stricter.
// Several count as none (RFC 9989, section 4.7).
func soleRecord(data []string) (dmarc.Record, bool) {
	texts := slices.DeleteFunc(zone.Texts(&zone.RRset{Type: dns.TypeTXT, Data: data}), func(t string) bool { return !dmarc.Is(t) })
	if len(texts) != 1 {
		return dmarc.Record{}, false
	}
	record, err := dmarc.Parse(texts[0])
	if err != nil {
		return record, false
	}
	_, ok := record.Stricter()
	return record, ok
}

// monthOf fills in what a month of reports tells of each domain.
func (r *run) monthOf(ctx context.Context, facts map[string]*nextPolicy) error {
	p, _, err := r.provider()
	if err != nil {
		return err
	}
	k, err := r.senders(ctx, p)
	if err != nil {
		return err
	}
	seen, _, err := r.state.Latest(ctx, seenStage, string(dnsplan.Switch))
	if err != nil {
		return err
	}
	book := reportBook{r.state.DB()}
	for domain, f := range facts {
		f.Switched = seen.At
		g, periods := newGathering(k.classify), make(map[period]bool)
		for more := true; more; more = g.again() {
			if err := book.each(ctx, f.Now.Add(-recentReports), func(row sentRow) {
				if r.domainOf(row.Domain) != domain {
					return
				}
				g.add(row)
				periods[period{row.Org, row.Begin, row.End, row.SignedBy}] = true
				f.Provider = f.Provider || row.provesProvider(k)
			}); err != nil {
				return err
			}
			if err := context.Cause(ctx); err != nil {
				return err
			}
		}
		f.Reports = ReportFacts{From: f.Now.Add(-recentReports), Until: f.Now}
		f.Reports.cover(slices.SortedFunc(maps.Keys(periods), func(a, b period) int {
			return cmp.Or(a.Begin.Compare(b.Begin), a.End.Compare(b.End), cmp.Compare(a.Org, b.Org), cmp.Compare(a.SignedBy, b.SignedBy))
		}))
		f.Streams, f.Omitted = g.list()
	}
	return nil
}

// provesProvider reports whether somebody vouches for aligned mail that came
// from the provider.
func (s sentRow) provesProvider(k *knownSenders) bool {
	if s.SignedBy == "" || !s.Aligned() {
		return false
	}
	class, _ := k.classify(s.Domain, s.Source)
	return class == SenderTarget
}

// domainOf returns the longest of the move's domains that a name lies in.
func (r *run) domainOf(name string) string {
	longest := ""
	for _, d := range r.domains() {
		if within(name, d) && len(d) > len(longest) {
			longest = d
		}
	}
	return longest
}

// lines says what the facts come to. It is pure.
func (f nextPolicy) lines(domain string) []string {
	next, _ := f.Record.Stricter()
	record := fmt.Sprintf("_dmarc.%s. TXT %s", domain, zone.Escape(next.String()))
	if len(f.Record.Aggregate) == 0 {
		return []string{domain + ": the DMARC record asks for no reports, and without them nobody knows whether a stricter policy would be safe: put an address under rua first"}
	}
	if against := f.against(next.Policy == dmarc.Reject); len(against) > 0 {
		lines := []string{domain + ": the DMARC policy stays as it is for now; the next step would be " + record}
		for _, why := range against {
			lines = append(lines, "  in the way: "+why)
		}
		return lines
	}
	lines := []string{
		domain + ": a month of reports bears out the next step of the DMARC policy; mxmove does not publish it",
		"  yours to publish: " + record,
		"  the way back: publish " + zone.Escape(f.Record.String()),
	}
	if next.Policy == dmarc.Reject {
		lines = append(lines, "  first be sure that p=quarantine has stood for a month, and that nobody here writes to mailing lists (RFC 9989, section 7.4)")
	}
	return lines
}

// against returns what keeps the reports from bearing out a stricter policy.
// Mail that is aligned is in nobody's way, whoever passes it on.
func (f nextPolicy) against(reject bool) []string {
	var why []string
	switch month := f.Switched.Add(recentReports); {
	case f.Switched.IsZero():
		why = append(why, "nobody has seen when every name server showed the new MX")
	case f.Now.Before(month):
		why = append(why, "the month after the switch ends on "+stamp(month))
	}
	if silence, at := f.Reports.silence(); silence > maxSilence {
		why = append(why, fmt.Sprintf("no %s covers the %s from %s on: run mxmove reports with those that came since", f.Reports.kind(), span(silence), stamp(at)))
	}
	if f.Omitted > 0 {
		why = append(why, fmt.Sprintf("%d streams are too many to look at", f.Omitted))
	}
	more := 0
	for _, s := range f.Streams {
		text := s.against(reject)
		switch {
		case text == "":
		case len(why) < manyStreams:
			why = append(why, text)
		default:
			more++
		}
	}
	if !f.Provider {
		why = append(why, "no signed report tells of aligned mail from the provider")
	}
	if more > 0 {
		why = append(why, fmt.Sprintf("and %d more streams", more))
	}
	return why
}

// against says what a stricter policy would do to a stream, or nothing. Reject
// must not rest on SPF alone, which a forward breaks (RFC 9989, section 7.4).
func (s Stream) against(reject bool) string {
	line := zone.Escape(s.line())
	switch {
	case s.Unaligned() > 0 && s.Known == SenderUnknown:
		return "nothing names this sender: name it if it is yours; a forger is what the policy is against: " + line
	case s.Unaligned() > 0 && s.Known == SenderNotMeasured:
		return "the DNS did not say whose this sender is: " + line
	case s.Unaligned() > 0:
		return fmt.Sprintf("%d of %d messages from %s failed alignment: %s", s.Unaligned(), s.Messages, zone.Escape(s.who()), line)
	case reject && s.DKIM < s.Messages:
		return fmt.Sprintf("%d of %d messages are aligned by SPF alone, which a forward breaks: %s", s.Messages-s.DKIM, s.Messages, line)
	}
	return ""
}
