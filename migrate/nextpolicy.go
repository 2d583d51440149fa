package migrate

import (
	"fmt"
	"time"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/step"
)

// A nextPolicy is what bears on making a domain's DMARC policy stricter: the
// record as it is, and a month of reports.
type nextPolicy struct {
	Record   dmarc.Record
	Since    time.Time // the policy has stood, as far as mxmove has seen it
	Switched time.Time // when every server was seen to show the new MX
	Now      time.Time
	Reports  ReportFacts // what the reports about the domain cover
	Vouched  int64       // messages in signed reports
	Provider bool        // a signed report tells of aligned mail from the provider
	Streams  []Stream
	Omitted  int   // streams that are not among them, but for strangers
	Unnamed  int   // networks that nothing names and that failed alignment
	Forged   int64 // messages from there that did
}

// strangers takes over the count of those that nothing names. Of a domain that
// is forged there are too many to list, and they are asked about all at once.
func (f *nextPolicy) strangers(networks int, messages int64) {
	f.Unnamed, f.Forged = networks, messages
	for _, s := range f.Streams {
		if s.stranger() {
			networks--
		}
	}
	f.Omitted = max(0, f.Omitted-networks)
}

// stranger reports whether nothing names a stream that fails alignment.
func (s Stream) stranger() bool { return s.Known == SenderUnknown && s.Unaligned() > 0 }

// step says what the facts come to. It is pure.
func (f nextPolicy) step(domain string) hardening {
	next, _ := f.Record.Stricter()
	s := hardening{
		Domain: domain, Code: finding.PolicyMayRise, Word: string(next.Policy), Stands: word(next),
		What:   "the DMARC policy p=" + string(next.Policy),
		Record: fmt.Sprintf("_dmarc.%s. TXT %s", domain, zone.Escape(next.String())),
		Back:   "mxmove undo puts back " + zone.Escape(f.Record.String()),
		For:    f.evidence(),
	}
	if next.Policy == f.Record.Policy {
		s.What += " without the mark of a test"
	}
	if next.Policy == dmarc.Reject {
		s.Mind = []string{"stay at p=quarantine if people here write to mailing lists, which change messages (RFC 9989, section 7.4)"}
	}
	s.Gates = f.gates(domain, next.Policy == dmarc.Reject)
	return s
}

// evidence says what the reports tell, whatever it comes to.
func (f nextPolicy) evidence() []string {
	var messages, aligned int64
	left := 0
	for _, s := range f.Streams {
		messages, aligned = messages+s.Messages, aligned+s.Aligned
		if s.Unaligned() > 0 {
			left++
		}
	}
	return []string{
		fmt.Sprintf("DMARC reports of %s to %s: %s", f.Reports.From.Format(time.DateOnly), f.Reports.Until.Format(time.DateOnly), f.Reports.heard()),
		fmt.Sprintf("%s in %s, %d of them in signed reports; %d aligned; %s left that fail, %d of them named by nothing", Plural(int(messages), "message"), Plural(len(f.Streams), "stream"),
			f.Vouched, aligned, Plural(max(left, f.Unnamed), "stream"), f.Unnamed),
		fmt.Sprintf("p=%s has stood since %s", word(f.Record), stamp(f.Since)),
	}
}

// gates says what keeps the reports from bearing out a stricter policy. Who
// fails alignment may be accepted by somebody who knows them; that nobody has
// told what there is may not. Mail that is aligned is in nobody's way.
func (f nextPolicy) gates(domain string, reject bool) []step.Result {
	if len(f.Record.Aggregate) == 0 {
		return []step.Result{finalGate("reports", finding.PolicyMayRise, domain,
			"the DMARC record asks for no reports, and without them nobody knows whether a stricter policy would be safe: put an address under rua first")}
	}
	gates := f.heardGates(domain)
	if f.Unnamed > 0 {
		gates = append(gates, f.strangerGate(domain))
	}
	for _, who := range []struct {
		code finding.Code
		text string // of the messages and the streams
		fix  string
		of   func(Stream) int64
	}{
		{finding.SenderUnaligned, "%s from %s of senders that are known failed alignment", "let them sign, or pass with --accept MX151:" + domain + "=\"why\"", Stream.named},
		{finding.PolicyMayRise, "%s came from %s of which the DNS did not say whose they are", "", Stream.unmeasured},
		{finding.PolicyMayRise, "%s in %s aligned by SPF alone, which a forward breaks", "", func(s Stream) int64 {
			if !reject {
				return 0
			}
			return s.Aligned - min(s.DKIM, s.Aligned)
		}},
	} {
		if g, ok := f.countGate(domain, who.code, who.text, who.fix, who.of); ok {
			gates = append(gates, g)
		}
	}
	return gates
}

// heardGates asks whether there is a month that somebody vouches for.
func (f nextPolicy) heardGates(domain string) []step.Result {
	why := func(format string, args ...any) step.Result {
		return finalGate("month", finding.PolicyMayRise, domain, fmt.Sprintf(format, args...))
	}
	var gates []step.Result
	switch month := f.Switched.Add(recentReports); {
	case f.Switched.IsZero():
		gates = append(gates, why("nobody has seen when every name server showed the new MX"))
	case f.Now.Before(month):
		gates = append(gates, why("the month after the switch ends on %s", stamp(month)))
	}
	if month := f.Since.Add(recentReports); f.Now.Before(month) {
		gates = append(gates, why("p=%s was first seen on %s, and a month of it ends on %s", word(f.Record), stamp(f.Since), stamp(month)))
	}
	if silence, at := f.Reports.silence(); silence > maxSilence {
		gates = append(gates, why("no %s covers the %s from %s on: run mxmove reports with those that came since", f.Reports.kind(), span(silence), stamp(at)))
	}
	if f.Omitted > 0 {
		gates = append(gates, why("%d streams are too many to look at", f.Omitted))
	}
	if !f.Provider {
		gates = append(gates, why("no signed report tells of aligned mail from the provider"))
	}
	return gates
}

// strangerGate asks about those that nothing names: forgers, whom the policy
// is against, or senders of one's own that were forgotten.
func (f nextPolicy) strangerGate(domain string) step.Result {
	g := refuse("strangers", finding.SenderUnnamed,
		fmt.Sprintf("%s from %s that nothing names failed alignment", Plural(int(f.Forged), "message"), Plural(f.Unnamed, "network")),
		"name those that are yours; if the others forge the domain, pass with --accept MX150:"+domain+"=\"why\"")
	g.Subject, g.Amount = domain, int(min(f.Forged, 1<<31-1))
	g.Evidence = linesOf(f.Streams, Stream.stranger, f.Unnamed)
	return g
}

// countGate refuses for the messages of streams, if there are any. One without
// a remedy is final.
func (f nextPolicy) countGate(domain string, code finding.Code, text, fix string, of func(Stream) int64) (step.Result, bool) {
	var messages int64
	streams := 0
	for _, s := range f.Streams {
		if n := of(s); n > 0 {
			messages, streams = messages+n, streams+1
		}
	}
	if streams == 0 {
		return step.Result{}, false
	}
	text = fmt.Sprintf(text, Plural(int(messages), "message"), Plural(streams, "stream"))
	lines := linesOf(f.Streams, func(s Stream) bool { return of(s) > 0 }, streams)
	if fix == "" {
		return finalGate("streams", code, domain, text, lines...), true
	}
	g := refuse("senders", code, text, fix, lines...)
	g.Subject, g.Amount = domain, int(min(messages, 1<<31-1))
	return g, true
}

// named counts what fails of a sender that is known.
func (s Stream) named() int64 {
	if s.Known == SenderUnknown || s.Known == SenderNotMeasured {
		return 0
	}
	return s.Unaligned()
}

// unmeasured counts what fails of a sender of whom the DNS did not tell.
func (s Stream) unmeasured() int64 {
	if s.Known != SenderNotMeasured {
		return 0
	}
	return s.Unaligned()
}

// linesOf lists the largest of the streams that fit, and how many more there
// are of all.
func linesOf(streams []Stream, fits func(Stream) bool, all int) []string {
	var lines []string
	for _, s := range streams {
		if fits(s) && len(lines) < manyStreams {
			lines = append(lines, zone.Escape(s.who()+": "+s.line()))
		}
	}
	if more := all - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return lines
}
