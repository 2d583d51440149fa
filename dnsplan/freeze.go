package dnsplan

import (
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/spf"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
)

// freeze replaces mx, and a where it means the old server, by addresses.
func (m *move) freeze(r spf.Record) spf.Record {
	old, _ := m.oldAddresses()
	of := func(t spf.Term) string {
		if t.Domain == "" {
			return m.domain
		}
		return zone.Canonical(t.Domain)
	}
	addrs := func(host string) ([]netip.Addr, error) { return m.addresses(m.now(), host) }
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
			if x.host != "." && !m.need.Theirs(x.host) {
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
	frozen, theirs := m.frozen(), m.rules()
	r := records[0].Without(func(t spf.Term) bool {
		if t.Name != "ip4" && t.Name != "ip6" || t.Qualifier != spf.Pass || slices.ContainsFunc(theirs, t.Equal) {
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
