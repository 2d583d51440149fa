package dnsplan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/spf"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
)

// count tells what evaluating the record costs before and after, and refuses
// what receivers would refuse.
func (m *move) count(old, r spf.Record) string {
	before, errBefore := spf.Count(m.domain, old, m.lookup(append(view{m.in.Now}, m.peers...)))
	after, err := spf.Count(m.domain, r, m.lookup(m.now()))
	if err != nil || errBefore != nil {
		m.notMeasured("lookups of the SPF record")
		return ""
	}
	m.limits(after, r)
	if len(after.Broken) > 0 {
		m.find(finding.Warn, finding.SPFOddity, "SPF includes a name without a valid record, which is an error to receivers",
			"take it out of the record", after.Broken...)
	}
	if after.Lookups <= spf.MaxLookups && after.Voids4 <= spf.MaxVoids {
		m.passes(r)
	}
	least := ""
	if after.Macros {
		least = "at least "
	}
	return fmt.Sprintf("lookups %d -> %s%d of %d", before.Lookups, least, after.Lookups, spf.MaxLookups)
}

// limits compares a cost with what receivers allow (RFC 7208, section 4.6.4).
// A host without AAAA costs only mail that comes over IPv6, and many
// receivers do not count it: that warns, and does not refuse.
func (m *move) limits(c spf.Cost, r spf.Record) {
	const out = "take out the names that do not exist"
	if c.Lookups > spf.MaxLookups {
		m.find(finding.Block, finding.SPFTooManyLookups, fmt.Sprintf("SPF needs %d lookups, %d are allowed: receivers would treat it as an error", c.Lookups, spf.MaxLookups),
			"take out senders that are no longer used, and terms such as ptr, a and mx", append([]string{r.String()}, m.candidates(r)...)...)
	}
	switch {
	case c.Voids4 > spf.MaxVoids:
		m.find(finding.Block, finding.SPFTooManyVoids, fmt.Sprintf("%d lookups of SPF find nothing, %d are allowed: receivers would treat it as an error", c.Voids4, spf.MaxVoids), out, r.String())
	case c.Voids6 > spf.MaxVoids:
		m.find(finding.Warn, finding.SPFTooManyVoids, fmt.Sprintf("%d lookups of SPF find nothing when mail comes over IPv6, %d are allowed: strict receivers treat it as an error", c.Voids6, spf.MaxVoids),
			"write addresses in place of a and mx of hosts without IPv6", r.String())
	case c.Voids4 == spf.MaxVoids:
		m.find(finding.Warn, finding.SPFTooManyVoids, fmt.Sprintf("%d lookups of SPF find nothing, as many as are allowed: one more is an error to receivers", c.Voids4), out, r.String())
	}
}

// candidates returns what each term of a record costs, the dearest first: what
// may be worth taking out.
func (m *move) candidates(r spf.Record) []string {
	type price struct {
		term string
		cost int
	}
	var prices []price
	for _, t := range r.Terms {
		c, err := spf.Count(m.domain, spf.Record{Terms: []spf.Term{t}}, m.lookup(m.now()))
		if err == nil && c.Lookups > 0 {
			prices = append(prices, price{t.String(), c.Lookups})
		}
	}
	slices.SortStableFunc(prices, func(a, b price) int { return b.cost - a.cost })
	lines := make([]string, len(prices))
	for i, p := range prices {
		lines[i] = fmt.Sprintf("%d for %s", p.cost, p.term)
	}
	return lines
}

// passes tries the record with an address of the provider's own servers, one
// of each family.
func (m *move) passes(r spf.Record) {
	if m.include() == "" {
		return
	}
	four, six, err := spf.Senders(m.include(), m.lookup(m.now()))
	if err != nil {
		m.notMeasured("servers of " + m.in.Provider.Title + " in SPF")
		return
	}
	var missed []string
	for _, from := range []netip.Addr{four, six} {
		if !from.IsValid() {
			continue
		}
		o, err := spf.Check(m.domain, r, from, m.lookup(m.now()))
		switch {
		case err != nil:
			m.notMeasured("SPF from " + from.String())
		case o.Result != spf.ResultPass:
			missed = append(missed, fmt.Sprintf("%s from %s", o.Result, from))
		}
	}
	if len(missed) > 0 {
		m.find(finding.Warn, finding.SPFMissesTarget, "the SPF record does not let the provider's own servers pass", "put the provider's include first, and take out what fails before it", missed...)
	}
}

// lookSPF tells what is odd about the record as it is.
func (m *move) lookSPF(r spf.Record) {
	q, ended := r.All()
	if ended && q == spf.Pass {
		m.find(finding.Warn, finding.SPFPassAll, "SPF ends with +all: anybody may send as the domain",
			"end the record with ~all once you know who sends", r.String())
	}
	var odd []string
	if ended && r.Redirect() != "" {
		odd = append(odd, "redirect= has no effect beside all")
	}
	if slices.ContainsFunc(r.Terms, func(t spf.Term) bool { return t.Name == "ptr" }) {
		odd = append(odd, "ptr is slow and many receivers leave it out")
	}
	if len(odd) > 0 {
		m.find(finding.Warn, finding.SPFOddity, "the SPF record has terms that do not do what they seem to", "take them out of the record", odd...)
	}
}

// lookTexts tells what looks like SPF and is none, and what makes the answer
// too large.
func (m *move) lookTexts() {
	set := m.get(m.domain, dns.TypeTXT)
	var odd, old []string
	for _, text := range zone.Texts(set) {
		trimmed := strings.TrimLeft(text, " \t")
		switch {
		case spf.Is(trimmed) && trimmed != text:
			odd = append(odd, zone.Escape(text))
		case len(text) >= 7 && strings.EqualFold(text[:7], "spf2.0/"):
			old = append(old, zone.Escape(text))
		}
	}
	if m.get(m.domain, dns.TypeSPF) != nil {
		old = append(old, "a record of type SPF")
	}
	if len(odd) > 0 {
		m.find(finding.Warn, finding.SPFOddity, "a record begins with a blank before v=spf1, so it is no SPF record", "take the blank or the record out", odd...)
	}
	if len(old) > 0 {
		m.find(finding.Note, finding.SPFOddity, "the domain has records of abandoned forms of SPF; they are left alone, and nobody reads them", "", old...)
	}
	if size := answerSize(set); size > datagram {
		m.find(finding.Warn, finding.TXTNeedsTCP, fmt.Sprintf("the answer with the SPF record takes %d octets, more than the %d that fit into a datagram", size, datagram),
			"take out verification records that are no longer needed")
	}
}

// datagram is what fits into one UDP answer without being split on the way.
const datagram = 1232

// answerSize returns the octets of the answer that has a set in it.
func answerSize(s *zone.RRset) int {
	if s == nil {
		return 0
	}
	rrs, err := s.RRs()
	if err != nil {
		return 0
	}
	reply := new(dns.Msg)
	reply.SetQuestion(s.Name, s.Type)
	reply.Response, reply.Compress = true, true
	reply.Answer = rrs
	reply.SetEdns0(datagram, false)
	return reply.Len()
}
