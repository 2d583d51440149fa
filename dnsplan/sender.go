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

// spfOf returns the SPF records of a TXT set and where they stand in it.
func spfOf(s *zone.RRset) (records []spf.Record, at []int, err error) {
	if s == nil {
		return nil, nil, nil
	}
	for i, data := range s.Data {
		text, jerr := zone.JoinTXT(data)
		if jerr != nil || !spf.Is(text) {
			continue
		}
		at = append(at, i)
		r, perr := spf.Parse(text)
		if perr != nil {
			err = perr
			continue
		}
		records = append(records, r)
	}
	return records, at, err
}

// senders plans the SPF record for the time in which both servers send: one
// record, merged and never replaced.
func (m *move) senders() {
	set := m.get(m.domain, dns.TypeTXT)
	records, at, err := spfOf(set)
	if err != nil {
		m.find(finding.Block, finding.SPFUnreadable, "the SPF record cannot be read: "+strings.TrimPrefix(err.Error(), "spf: "),
			"correct the record, then plan again", texts(set, at)...)
		return
	}
	if len(records) == 0 {
		m.createSPF(set)
		return
	}
	old := records[0]
	if len(records) > 1 {
		m.find(finding.Warn, finding.SeveralSPF, "the domain has several SPF records, which receivers treat as an error",
			"prepare makes one of them that allows what any of them did", texts(set, at)...)
		old = spf.Union(records)
	}
	m.lookSPF(old)
	r, why := m.overlap(old)
	if len(records) > 1 {
		why = append([]string{"several SPF records are an error: one that allows the same"}, why...)
	}
	if len(why) > 0 {
		if cost := m.count(old, r); cost != "" {
			why = append(why, cost)
		}
		m.replaceSPF(*set, at, r, strings.Join(why, "; "))
		return
	}
	m.count(old, r)
}

// overlap returns the record that allows the provider beside everybody who
// was allowed, and the reasons for its changes.
func (m *move) overlap(old spf.Record) (spf.Record, []string) {
	r := old
	var why []string
	edit := func(next spf.Record, reason string) {
		if next.String() != r.String() {
			r, why = next, append(why, reason)
		}
	}
	if include := m.include(); include != "" && !r.Has(spf.Include(include)) && !strings.EqualFold(strings.TrimSuffix(r.Redirect(), "."), include) {
		edit(r.Unredirect(m.endOf(r)), "redirect= is used only while nobody else sends")
		edit(r.Insert(spf.Include(include)), m.in.Provider.Title+" sends for the domain too")
	}
	if !m.moving {
		return r, why
	}
	edit(m.freeze(r), "mx and a mean the old server only until the switch: its addresses instead")
	edit(r.Relax(), "-all would refuse mail before DKIM is looked at; ~all while both servers send")
	return r, why
}

func (m *move) include() string { return strings.TrimSuffix(zone.Canonical(m.need.Include), ".") }

// endOf returns what the target of a redirect ends with, neutral when nobody
// can tell: the end of a record is never made stricter.
func (m *move) endOf(r spf.Record) spf.Qualifier {
	target := r.Redirect()
	for range maxChain {
		if target == "" {
			return spf.Neutral
		}
		data, err := m.ask(m.z, target, dns.TypeTXT)
		if err != nil {
			m.notMeasured("end of the SPF record of " + target)
			return spf.Neutral
		}
		records, _, err := spfOf(&zone.RRset{Data: data})
		if err != nil || len(records) != 1 {
			return spf.Neutral
		}
		if q, ok := records[0].All(); ok {
			return q
		}
		target = records[0].Redirect()
	}
	return spf.Neutral
}

// freeze replaces mx, and a where it means the old server, by addresses.
func (m *move) freeze(r spf.Record) spf.Record {
	old, _ := m.oldAddresses()
	of := func(t spf.Term) string {
		if t.Domain == "" {
			return m.domain
		}
		return zone.Canonical(t.Domain)
	}
	addrs := func(host string) ([]netip.Addr, error) { return m.addresses(m.z, host) }
	match := func(t spf.Term) bool {
		if t.Name == "mx" {
			return of(t) == m.domain
		}
		// An a that means another machine too keeps its meaning: the web
		// server's address does not change with the MX.
		as, err := addrs(of(t))
		return err == nil && len(as) > 0 && !slices.ContainsFunc(as, func(a netip.Addr) bool { return !slices.Contains(old, a) })
	}
	hosts := func(t spf.Term) ([]string, error) {
		if t.Name == "a" {
			return []string{of(t)}, nil
		}
		var names []string
		for _, x := range exchanges(m.get(m.domain, dns.TypeMX)) {
			if x.host != "." {
				names = append(names, x.host)
			}
		}
		return names, nil
	}
	frozen, kept := r.Freeze(match, hosts, addrs)
	for _, t := range kept {
		m.notMeasured("addresses behind " + t.String() + " of the SPF record")
		m.find(finding.Warn, finding.SPFNotFrozen, "the SPF term "+t.String()+" could not be turned into addresses; from the switch on it no longer allows the old server",
			"plan again when the old server's name can be resolved, or add its addresses by hand", t.String())
	}
	return frozen
}

func (m *move) createSPF(set *zone.RRset) {
	include := m.include()
	if include == "" {
		return
	}
	r := spf.Record{}
	if m.need.Redirect {
		r.Terms = []spf.Term{{Modifier: true, Name: "redirect", Domain: include, Mask4: -1, Mask6: -1}}
	} else {
		q := spf.Qualifier(m.need.Terminal[0])
		r = r.Insert(spf.Include(include)).WithAll(q).Relax()
	}
	why := "the domain has no SPF record yet"
	if cost := m.count(spf.Record{}, r); cost != "" {
		why += "; " + cost
	}
	if set == nil {
		set = &zone.RRset{Name: m.domain, Type: dns.TypeTXT, TTL: m.settle()}
	}
	m.replaceSPF(*set, nil, r, why)
}

// replaceSPF puts r where the first SPF record stood and takes the others
// out. Its neighbours in the set are kept as they were served.
func (m *move) replaceSPF(set zone.RRset, at []int, r spf.Record, why string) {
	var data []string
	for i, d := range set.Data {
		switch {
		case len(at) > 0 && i == at[0]:
			data = append(data, zone.TXT(r.String()))
		case !slices.Contains(at, i):
			data = append(data, d)
		}
	}
	if len(at) == 0 {
		data = append(data, zone.TXT(r.String()))
	}
	set.Data = data
	m.put(set, why)
}

// count tells what evaluating the record costs before and after, and refuses
// what receivers would refuse.
func (m *move) count(old, r spf.Record) string {
	before, errBefore := spf.Count(m.domain, old, m.lookup(m.in.Now))
	after, err := spf.Count(m.domain, r, m.lookup(m.z))
	if err != nil || errBefore != nil {
		m.notMeasured("lookups of the SPF record")
		return ""
	}
	evidence := []string{r.String()}
	if after.Lookups > spf.MaxLookups {
		m.find(finding.Block, finding.SPFTooManyLookups, fmt.Sprintf("SPF needs %d lookups, %d are allowed: receivers would treat it as an error", after.Lookups, spf.MaxLookups),
			"take out senders that are no longer used, and terms such as ptr, a and mx", evidence...)
	}
	if after.Voids() > spf.MaxVoids {
		m.find(finding.Block, finding.SPFTooManyVoids, fmt.Sprintf("%d lookups of SPF find nothing, %d are allowed: receivers would treat it as an error", after.Voids(), spf.MaxVoids),
			"take out the names that do not exist", evidence...)
	}
	if len(after.Broken) > 0 {
		m.find(finding.Warn, finding.SPFOddity, "SPF includes a name without a valid record, which is an error to receivers",
			"take it out of the record", after.Broken...)
	}
	return fmt.Sprintf("lookups %d -> %d of %d", before.Lookups, after.Lookups, spf.MaxLookups)
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

// retireSenders takes the old server out of SPF: what prepare froze, and what
// the owner had written of its addresses.
func (m *move) retireSenders() {
	set := m.get(m.domain, dns.TypeTXT)
	records, at, err := spfOf(set)
	if err != nil || len(records) != 1 || !m.moved {
		return
	}
	old, unknown := m.oldAddresses()
	for _, host := range unknown {
		m.notMeasured("addresses of the old exchange " + host)
	}
	frozen := m.frozen()
	r := records[0].Without(func(t spf.Term) bool {
		if t.Name != "ip4" && t.Name != "ip6" || t.Qualifier != spf.Pass {
			return false
		}
		return slices.ContainsFunc(frozen, t.Equal) || t.Net.IsSingleIP() && slices.Contains(old, t.Net.Addr())
	})
	if r.String() != records[0].String() {
		m.replaceSPF(*set, at, r, "the old server no longer sends for the domain")
	}
}

// frozen returns the addresses that the move put in place of mx and a.
func (m *move) frozen() []spf.Term {
	var terms []spf.Term
	m.eachSPF(func(before, after spf.Record) {
		for _, t := range after.Terms {
			if (t.Name == "ip4" || t.Name == "ip6") && !before.Has(t) {
				terms = append(terms, t)
			}
		}
		terms = slices.DeleteFunc(terms, func(t spf.Term) bool { return before.Has(t) && !after.Has(t) })
	})
	return terms
}

// eachSPF walks through the changes of the record in the order of time.
func (m *move) eachSPF(visit func(before, after spf.Record)) {
	for _, c := range m.history {
		if k := c.RRset().Key(); k.Name != m.domain || k.Type != dns.TypeTXT {
			continue
		}
		before, _, _ := spfOf(c.Before)
		after, _, _ := spfOf(c.After)
		if len(before) > 0 && len(after) > 0 {
			visit(one(before), one(after))
		}
	}
}

func one(records []spf.Record) spf.Record {
	if len(records) == 1 {
		return records[0]
	}
	return spf.Union(records)
}

// harden gives the record the end that its owner had chosen.
func (m *move) harden() {
	set := m.get(m.domain, dns.TypeTXT)
	records, at, err := spfOf(set)
	if err != nil || len(records) != 1 || !m.relaxed() {
		return
	}
	if q, ok := records[0].All(); !ok || q != spf.SoftFail {
		return
	}
	m.replaceSPF(*set, at, records[0].WithAll(spf.Fail), "the end that the record had before the move")
}

// relaxed reports whether the move has made -all softer and not yet given it
// back.
func (m *move) relaxed() bool {
	relaxed := false
	m.eachSPF(func(before, after spf.Record) {
		was, ok := before.All()
		if !ok && before.Redirect() != "" {
			was = m.endOf(before)
		}
		is, ok := after.All()
		if !ok && after.Redirect() != "" {
			is = m.endOf(after)
		}
		switch {
		case was == spf.Fail && is == spf.SoftFail:
			relaxed = true
		case is == spf.Fail:
			relaxed = false
		}
	})
	return relaxed
}

// texts returns the joined text of some records of a set, safe to be shown.
func texts(s *zone.RRset, at []int) []string {
	var ts []string
	for _, i := range at {
		if text, err := zone.JoinTXT(s.Data[i]); err == nil {
			ts = append(ts, zone.Escape(text))
		}
	}
	return ts
}
