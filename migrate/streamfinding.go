package migrate

import (
	"fmt"
	"strings"
	"time"

	"github.com/mxmove/mxmove/migrate/finding"
)

// recentReports is how old a report may be to say something about today: a
// service that was left, or a key that was changed, is no finding for ever.
const recentReports = 30 * 24 * time.Hour

// manyStreams bounds the evidence of one finding.
const manyStreams = 10

// streamFindings says which streams would break, or have no name. A report is
// evidence and never permission: nothing is published because of it.
func streamFindings(g *gathering) []finding.Finding {
	found := []finding.Finding{}
	streams, _ := g.list()
	var strangers []Stream
	for _, s := range streams {
		switch {
		case s.Unaligned() == 0:
		case s.Known == SenderUnknown:
			strangers = append(strangers, s)
		case s.Known == SenderNotMeasured || s.Unaligned()*20 < s.Messages:
			// Of a known sender a few always fail, on their way through others.
		default:
			found = append(found, finding.Finding{
				Severity: finding.Warn, Code: finding.SenderUnaligned, Subject: s.Network,
				Text:     fmt.Sprintf("%d of %d messages from %s failed DMARC alignment at their receivers", s.Unaligned(), s.Messages, s.who()),
				Evidence: append([]string{s.line()}, g.failing(s)...),
				Fix:      "let it sign with a key of the domain (DKIM), or use an envelope sender in the domain",
			})
		}
	}
	if n, _ := g.census.strangers(); n > 0 {
		found = append(found, g.unnamed(strangers))
	}
	if g.differs > 0 {
		found = append(found, finding.Finding{
			Severity: finding.Note, Code: finding.VerdictsDiffer, Subject: "reports",
			Text:     fmt.Sprintf("for %d messages the receiver's verdict is not what the identifiers in its report say", g.differs),
			Evidence: []string{}, Fix: "nothing, unless one receiver stands out: its verdict counts",
		})
	}
	finding.Sort(found)
	return found
}

// unnamed is the one finding about all who are not known: most of them forge.
func (g *gathering) unnamed(streams []Stream) finding.Finding {
	all, messages := g.census.strangers()
	f := finding.Finding{
		Severity: finding.Warn, Code: finding.SenderUnnamed, Subject: "reports", Evidence: []string{},
		Fix: "find your own among them (newsletters, shops, printers, web forms) and name them in SPF or let them sign; the others forge the domain",
	}
	if len(streams) > 0 {
		f.Subject = streams[0].Domain
	}
	for _, s := range streams[:min(len(streams), manyStreams)] {
		f.Evidence = append(f.Evidence, s.line())
	}
	if n := all - len(f.Evidence); n > 0 {
		f.Evidence = append(f.Evidence, fmt.Sprintf("and %d more", n))
	}
	f.Text = fmt.Sprintf("%d messages came from %d networks that nothing names, and failed alignment", messages, all)
	return f
}

// who names a stream in a sentence.
func (s Stream) who() string {
	switch s.Known {
	case SenderOld:
		return "the old server"
	case SenderTarget:
		return "the provider"
	case SenderNamed:
		return s.Because
	}
	return s.Network
}

// line is a stream as evidence.
func (s Stream) line() string {
	signed := "unsigned"
	if s.DKIMDomain != "" {
		signed = "signed by " + s.DKIMDomain
	}
	return fmt.Sprintf("%s, %s, From %s: %d messages, %d aligned, %s to %s", s.Network, signed, strings.Join(s.From, " "),
		s.Messages, s.Aligned, s.First.Format(time.DateOnly), s.Last.Format(time.DateOnly))
}

// failing lists the keys of the domain that fail, beside those that pass.
func (g *gathering) failing(s Stream) []string {
	var lines []string
	for _, k := range g.keys() {
		if k.Fail > 0 && within(k.Domain, s.Domain) && len(lines) < manyStreams {
			lines = append(lines, fmt.Sprintf("selector %s of %s: %d pass, %d fail, last %s", k.Selector, k.Domain, k.Pass, k.Fail, k.Last.Format(time.DateOnly)))
		}
	}
	return lines
}
