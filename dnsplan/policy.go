package dnsplan

import (
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
)

// policy leaves the domain with one DMARC record: the owner's, or where there
// is none, one that asks for reports and nothing else. Several count as none
// for receivers (RFC 9989, section 4.7) and become one.
func (m *move) policy() {
	name := "_dmarc." + m.domain
	if m.get(name, dns.TypeCNAME) != nil || len(m.cuts(name)) > 0 {
		m.policyElsewhere(name)
		return
	}
	set := m.get(name, dns.TypeTXT)
	records, at := dmarcOf(set)
	m.lookOdd(set)
	switch {
	case len(records) == 0 && m.inherits():
		return
	case len(records) == 0:
		text := "v=DMARC1; p=none; rua=" + strings.Join(m.reportURIs(), ",")
		m.addText(name, text, "without a policy nobody reports who sends as the domain; p=none changes nothing else")
		r, _ := dmarc.Parse(text)
		m.lookReports(r)
		return
	}
	var why []string
	r := records[0]
	if len(records) > 1 {
		r = mergeDMARC(records)
		why = append(why, "several DMARC records count as none: one with what they ask for, the least strict policy first")
		m.find(finding.Warn, finding.DMARCRecordBroken, "the domain has several DMARC records, so receivers apply none of them",
			"prepare makes one of them", texts(set, at)...)
	}
	if n := m.withReports(r); n.String() != r.String() {
		r, why = n, append(why, "the reports go to the address under rua in vars too")
	}
	if len(why) > 0 {
		m.replaceText(*set, at, r.String(), strings.Join(why, "; "))
	}
	m.lookPolicy(r)
	m.lookReports(r)
}

// dmarcOf returns the DMARC records of a TXT set and where they stand, sorted
// by their text, so that a repair does not depend on the order of a set.
func dmarcOf(s *zone.RRset) (records []dmarc.Record, at []int) {
	if s == nil {
		return nil, nil
	}
	var found []string
	for i, data := range s.Data {
		if text, err := zone.JoinTXT(data); err == nil && dmarc.Is(text) {
			found, at = append(found, text), append(at, i)
		}
	}
	slices.Sort(found)
	for _, text := range found {
		if r, err := dmarc.Parse(text); err == nil {
			records = append(records, r)
		}
	}
	return records, at
}

// strictness orders policies; what is absent or misspelt asks for nothing.
var strictness = []dmarc.Policy{dmarc.Unset, dmarc.NoAction, dmarc.Quarantine, dmarc.Reject}

// mergeDMARC returns one record with the tags of all. Policies are the least
// strict ones, since none was in effect, and nothing gets stricter in a move.
func mergeDMARC(records []dmarc.Record) dmarc.Record {
	r := records[0]
	for _, o := range records[1:] {
		for _, t := range o.Tags {
			have := tag(r, t.Name)
			switch name := strings.ToLower(t.Name); {
			case have == "":
				r = r.Set(name, t.Value)
			case name == "rua" || name == "ruf":
				r = r.Set(name, union(have, t.Value))
			case name == "p" || name == "sp" || name == "np":
				a, b := dmarc.Policy(strings.ToLower(have)), dmarc.Policy(strings.ToLower(t.Value))
				if slices.Index(strictness, b) < slices.Index(strictness, a) {
					r = r.Set(name, t.Value)
				}
			}
		}
	}
	return r
}

func tag(r dmarc.Record, name string) string {
	for _, t := range r.Tags {
		if strings.EqualFold(t.Name, name) {
			return t.Value
		}
	}
	return ""
}

// union joins two comma lists, each address once.
func union(a, b string) string {
	var all []string
	for uri := range strings.SplitSeq(a+","+b, ",") {
		uri = strings.TrimSpace(uri)
		if uri != "" && !slices.ContainsFunc(all, func(o string) bool { return strings.EqualFold(o, uri) }) {
			all = append(all, uri)
		}
	}
	return strings.Join(all, ",")
}

// reportURIs returns where new records ask for reports: the addresses given,
// else the postmaster, who has to exist (RFC 5321, section 4.5.1).
func (m *move) reportURIs() []string {
	given := m.in.Vars["rua"]
	if len(given) == 0 {
		return []string{"mailto:postmaster@" + strings.TrimSuffix(m.domain, ".")}
	}
	uris := make([]string, 0, len(given))
	for _, address := range given {
		uris = append(uris, "mailto:"+strings.TrimPrefix(address, "mailto:"))
	}
	return uris
}

// withReports adds the addresses given to the owner's record.
func (m *move) withReports(r dmarc.Record) dmarc.Record {
	if len(m.in.Vars["rua"]) == 0 {
		return r
	}
	have := tag(r, "rua")
	for _, uri := range m.reportURIs() {
		if !slices.ContainsFunc(r.Aggregate, func(o string) bool {
			o, _, _ = strings.Cut(o, "!") // a limit of size
			return strings.EqualFold(o, uri)
		}) {
			have = union(have, uri)
		}
	}
	return r.Set("rua", have)
}

// inherits reports whether a domain above has a policy that already covers
// this one (RFC 9989): a record of its own would weaken it. Not measured
// counts as inherited, since leaving a policy out can be made good later.
func (m *move) inherits() bool {
	for above := parent(m.domain); strings.Count(above, ".") > 1; above = parent(above) {
		data, err := m.ask(m.now(), "_dmarc."+above, dns.TypeTXT)
		if err != nil {
			m.notMeasured("DMARC policy of " + above)
			return true
		}
		if slices.ContainsFunc(zone.Texts(&zone.RRset{Type: dns.TypeTXT, Data: data}), dmarc.Is) {
			return true
		}
	}
	return false
}

// policyElsewhere looks at a policy that lives behind a CNAME or a
// delegation: it is somebody else's to change.
func (m *move) policyElsewhere(name string) {
	data, err := m.ask(m.now(), name, dns.TypeTXT)
	if err != nil {
		m.notMeasured("DMARC policy behind " + name)
		return
	}
	records, _ := dmarcOf(&zone.RRset{Type: dns.TypeTXT, Data: data})
	switch {
	case len(records) == 1:
		m.lookPolicy(records[0])
		m.lookReports(records[0])
	case len(m.cuts(name)) > 0:
		m.occluded(m.cuts(name)[0], name+" TXT")
	default:
		m.find(finding.Warn, finding.DMARCRecordBroken, "the CNAME at "+name+" leads to no DMARC record, or to several",
			"put a record in its place, or repair its target", data...)
	}
}

// lookOdd finds what was meant as a policy and is none to receivers.
func (m *move) lookOdd(set *zone.RRset) {
	var odd []string
	for _, text := range zone.Texts(set) {
		if t := strings.TrimSpace(text); !dmarc.Is(text) && len(t) >= 8 && strings.EqualFold(t[:8], dmarc.Version) {
			odd = append(odd, zone.Escape(text))
		}
	}
	if len(odd) > 0 {
		m.find(finding.Warn, finding.DMARCRecordBroken, "a DMARC record does not begin with exactly v=DMARC1, so receivers ignore it",
			"correct it, or take it out", odd...)
	}
	for _, text := range zone.Texts(m.get(m.domain, dns.TypeTXT)) {
		if dmarc.Is(text) {
			m.find(finding.Warn, finding.DMARCRecordBroken, "a DMARC record stands at the domain itself, where nobody looks for it",
				"move it to _dmarc."+m.domain, zone.Escape(text))
		}
	}
}

// lookPolicy tells what the owner's record will do to the provider's mail.
func (m *move) lookPolicy(r dmarc.Record) {
	if len(r.Problems) > 0 {
		m.find(finding.Warn, finding.DMARCRecordBroken, "receivers stumble over the DMARC record", "correct it", escaped(r.Problems)...)
	}
	if !m.moving || !r.Usable() {
		return
	}
	p, _ := r.Effective(true, true)
	text := ""
	if p == dmarc.Quarantine || p == dmarc.Reject {
		text = "the DMARC policy is p=" + string(p) + ": it judges the provider's mail from the first message, so prove alignment before anybody sends"
	}
	if r.DKIM == dmarc.Strict || r.SPF == dmarc.Strict {
		if text != "" {
			text += "; "
		}
		text += "the DMARC record asks for strict alignment, that is for the very same domain in DKIM and the envelope"
	}
	if text != "" {
		m.find(finding.Note, finding.DMARCEnforced, text, "run mxmove check dmarc after prepare", r.String())
	}
}

// lookReports follows the reports to whoever reads them.
func (m *move) lookReports(r dmarc.Record) {
	var inside, alien []string
	for _, uri := range r.Aggregate {
		address, ok := strings.CutPrefix(strings.ToLower(uri), "mailto:")
		address, _, _ = strings.Cut(address, "!")
		local, host, at := strings.Cut(address, "@")
		if !ok || !at {
			continue
		}
		host = zone.Canonical(host)
		switch {
		case slices.Contains(m.domains, host):
			if local != "postmaster" {
				inside = append(inside, zone.Escape(address))
			}
		case dmarc.SuffixOrg(host) == dmarc.SuffixOrg(m.domain):
		case !m.agreed(host):
			alien = append(alien, strings.TrimSuffix(m.domain, ".")+"._report._dmarc."+host)
		}
	}
	switch {
	case len(r.Aggregate) == 0 && m.moving:
		m.find(finding.Note, finding.ReportsUnheard, "the DMARC record asks for no reports, so nobody will tell who else sends as the domain",
			"put an address under rua in vars")
	case len(inside) > 0 && m.moving:
		m.find(finding.Note, finding.ReportsUnheard, "DMARC reports go to "+strings.Join(inside, ", ")+": it has to exist at the provider before the switch",
			"create it there, or put another address under rua in vars")
	}
	if alien = slices.Compact(alien); len(alien) > 0 {
		m.find(finding.Warn, finding.ReportsUnauthorised, "DMARC reports go to another organization that has not agreed to take them",
			"ask it for a TXT record v=DMARC1 at the name shown", alien...)
	}
}

// agreed reports whether a host takes reports about the domain (RFC 9990).
// What was not measured is told as such and nothing else.
func (m *move) agreed(host string) bool {
	name := strings.TrimSuffix(m.domain, ".") + "._report._dmarc." + host
	data, err := m.ask(m.now(), name, dns.TypeTXT)
	if err != nil {
		m.notMeasured("consent of " + strings.TrimSuffix(host, ".") + " to take DMARC reports")
		return true
	}
	return slices.ContainsFunc(zone.Texts(&zone.RRset{Type: dns.TypeTXT, Data: data}), dmarc.Is)
}

// lookLogo tells when a logo waits for a stricter policy (BIMI).
func (m *move) lookLogo() {
	name := "default._bimi." + m.domain
	logo := slices.ContainsFunc(zone.Texts(m.get(name, dns.TypeTXT)), func(t string) bool { return strings.HasPrefix(t, "v=BIMI1") })
	if !logo {
		return
	}
	data, err := m.ask(m.now(), "_dmarc."+m.domain, dns.TypeTXT)
	if err != nil {
		return
	}
	records, _ := dmarcOf(&zone.RRset{Type: dns.TypeTXT, Data: data})
	if len(records) == 1 {
		if p, _ := records[0].Effective(true, true); p == dmarc.Quarantine || p == dmarc.Reject {
			return
		}
	}
	m.find(finding.Note, finding.BIMIWithout, "the BIMI logo is shown only under a DMARC policy of quarantine or reject, and the domain has none", "", name)
}
