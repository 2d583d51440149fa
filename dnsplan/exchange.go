package dnsplan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/dnsplan/spf"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
)

// tiers returns the hosts of an MX set by preference, best tier first. The
// numbers themselves mean nothing, only their order does.
func tiers(xs []exchangeOf) [][]string {
	var ts [][]string
	var seen []string
	last := -1
	for _, x := range xs {
		if slices.Contains(seen, x.host) {
			continue
		}
		seen = append(seen, x.host)
		if int(x.pref) != last {
			ts = append(ts, nil)
			last = int(x.pref)
		}
		ts[len(ts)-1] = append(ts[len(ts)-1], x.host)
	}
	for _, t := range ts {
		slices.Sort(t)
	}
	return ts
}

func wanted(set []provider.Exchange) []exchangeOf {
	var xs []exchangeOf
	for _, x := range set {
		xs = append(xs, exchangeOf{x.Preference, zone.Canonical(x.Host)})
	}
	slices.SortFunc(xs, func(a, b exchangeOf) int {
		if a.pref != b.pref {
			return int(a.pref) - int(b.pref)
		}
		return strings.Compare(a.host, b.host)
	})
	return xs
}

// atTarget reports whether an MX set is the provider's already, in one of the
// forms that are right.
func (m *move) atTarget(s *zone.RRset) bool {
	is := tiers(exchanges(s))
	for _, set := range append([][]provider.Exchange{m.need.MX}, m.need.Also...) {
		if len(is) > 0 && slices.EqualFunc(is, tiers(wanted(set)), slices.Equal) {
			return true
		}
	}
	return len(m.need.MX) == 1 && len(is) == 1 && len(is[0]) == 1 && m.need.MX[0].Accepts(is[0][0])
}

// ours reports whether every host of an MX set is one of the provider's: then
// the mail is there already, even if the set wants tidying.
func (m *move) ours(s *zone.RRset) bool {
	xs := exchanges(s)
	return len(xs) > 0 && !slices.ContainsFunc(xs, func(x exchangeOf) bool { return !m.need.Theirs(x.host) })
}

// exchange replaces the MX set as a whole: an old host left at any preference
// would go on taking part of the mail.
func (m *move) exchange() {
	now := m.get(m.domain, dns.TypeMX)
	if m.atTarget(now) {
		return
	}
	set := zone.RRset{Name: m.domain, Type: dns.TypeMX, TTL: m.low()}
	if now != nil {
		set.TTL = max(now.TTL, m.in.TTLFloor)
	}
	for _, x := range wanted(m.need.MX) {
		set.Data = append(set.Data, fmt.Sprintf("%d %s", x.pref, x.host))
	}
	m.put(set, "mail for the domain goes to "+m.in.Provider.Title+" from here on")
}

// look tells what is to know about the zone as it is, before anything is
// planned.
func (m *move) look() {
	if m.in.Now.Coverage == zone.Probed {
		m.find(finding.Note, finding.ProbedOnly, "only well-known names of the zone were asked for; records with other names are not in this plan",
			"give a transfer or a zone file as dns.snapshot to have all of it looked at")
	}
	for _, v := range m.need.Missing {
		m.find(finding.Warn, finding.AfterVerification, m.in.Provider.Title+" shows some values only once the domain is verified",
			"apply prepare, verify the domain, put the values under vars, and plan again", fmt.Sprintf("%s: %s; in: %s", v.Name, v.Title, v.Where))
	}
	m.lookZone()
	m.lookMX()
	m.lookProvider()
	if m.moving {
		m.lookTarget()
		m.lookElsewhere()
	} else if m.moved {
		m.lookKeys()
	}
	m.transport()
	m.lookLogo()
}

// lookMX judges the MX set as it is now.
func (m *move) lookMX() {
	now := m.get(m.domain, dns.TypeMX)
	xs := exchanges(now)
	null := slices.ContainsFunc(xs, func(x exchangeOf) bool { return x.host == "." })
	switch {
	case null && len(xs) > 1:
		m.find(finding.Warn, finding.InvalidMX, "a null MX stands beside other exchanges; senders may refuse the domain as one without mail",
			"the switch replaces the whole set", now.Data...)
	case null && !m.parked():
		m.find(finding.Warn, finding.NullMX, "the domain declares today that it takes no mail (RFC 7505)",
			"make sure that the domain is meant to have mail; the switch replaces the record", now.Data...)
	case len(xs) == 0 && !m.parked() && (m.get(m.domain, dns.TypeA) != nil || m.get(m.domain, dns.TypeAAAA) != nil):
		m.find(finding.Warn, finding.ImplicitMX, "there is no MX: mail goes to the address of the domain itself until now",
			"make sure that the server there is the source; the switch adds the MX")
	case m.atTarget(now) && !slices.EqualFunc(tiers(xs), tiers(wanted(m.need.MX)), slices.Equal):
		m.find(finding.Note, finding.EquivalentMX, "the MX set is an older form that "+m.in.Provider.Title+" still accepts; it is left alone", "", now.Data...)
	}
	if m.parked() {
		m.find(finding.Block, finding.ParkedDomain, "the domain declares that it neither sends nor takes mail; moving it turns mail on",
			"accept this finding if the domain shall have mail from now on")
	}
	if m.moving && slices.ContainsFunc(xs, func(x exchangeOf) bool { return m.need.Theirs(x.host) }) {
		m.find(finding.Warn, finding.SplitDelivery, "part of the mail goes to "+m.in.Provider.Title+" already, and part does not: an exchange takes mail whatever its preference is",
			"the switch replaces the whole set", now.Data...)
	}
	m.lookExchanges(xs)
	m.lookOthers()
}

// parked reports whether the domain says that it has no mail at all: nobody
// may send, and either nobody can deliver or nothing may pass.
func (m *move) parked() bool {
	records, _, err := spfOf(m.get(m.domain, dns.TypeTXT))
	if err != nil || len(records) != 1 || len(records[0].Terms) != 1 {
		return false
	}
	if q, ok := records[0].All(); !ok || q != spf.Fail {
		return false
	}
	xs := exchanges(m.get(m.domain, dns.TypeMX))
	if len(xs) == 1 && xs[0].host == "." {
		return true
	}
	policies, _ := dmarcOf(m.get("_dmarc."+m.domain, dns.TypeTXT))
	return len(policies) == 1 && policies[0].Policy == dmarc.Reject && len(xs) == 0
}

// lookExchanges judges the hosts of the MX set.
func (m *move) lookExchanges(xs []exchangeOf) {
	var bad, gateways, routing []string
	for _, x := range xs {
		host := strings.TrimSuffix(x.host, ".")
		if isAddress(host, m.in.Now.Origin) {
			bad = append(bad, x.host+" is an address, not a name")
		} else if m.z.Holds(x.host) && x.host != "." && m.z.Get(x.host, dns.TypeCNAME) != nil {
			bad = append(bad, x.host+" is a CNAME (RFC 2181, section 10.3)")
		}
		switch {
		case m.moving && zone.Within(host, emailRouting):
			routing = append(routing, x.host)
		case m.moving && provider.Gateway(host) != "":
			gateways = append(gateways, x.host+" ("+provider.Gateway(host)+")")
		}
	}
	if len(bad) > 0 {
		m.find(finding.Warn, finding.InvalidMX, "the MX set names what cannot be an exchange", "the switch replaces it", bad...)
	}
	if len(gateways) > 0 {
		m.find(finding.Block, finding.FilteringGateway, "a filtering service stands in front of the mail server; moving the MX would take it away",
			"if it stays, leave the MX and change its route instead; if it goes, accept this finding", gateways...)
	}
	if len(routing) > 0 {
		m.find(finding.Block, finding.FilteringGateway, "Cloudflare Email Routing takes the mail, and locks its records while it is on",
			"turn Email Routing off in Cloudflare's console, then plan again", routing...)
	}
}

// isAddress reports whether an exchange is an address, or one that a zone file
// without its dot has made a name of the zone.
func isAddress(host, apex string) bool {
	short := strings.TrimSuffix(host, "."+strings.TrimSuffix(apex, "."))
	_, err := netip.ParseAddr(host)
	_, bare := netip.ParseAddr(short)
	return err == nil || bare == nil
}

// emailRouting is where Cloudflare's forwarding service lives.
const emailRouting = "mx.cloudflare.net"

// lookOthers finds names besides the domain that have the old server as MX.
func (m *move) lookOthers() {
	old := m.oldHosts()
	var sets []zone.RRset
	m.z.Each(func(s zone.RRset) {
		if s.Type == dns.TypeMX && !slices.Contains(m.domains, s.Name) && m.owns(s.Name) {
			sets = append(sets, s)
		}
	})
	slices.SortFunc(sets, zone.Compare)
	var left []string
	for _, s := range sets {
		if !slices.ContainsFunc(exchanges(&s), func(x exchangeOf) bool { return slices.Contains(old, x.host) }) {
			continue
		}
		if strings.HasPrefix(s.Name, "*.") {
			m.find(finding.Warn, finding.OtherMX, "a wildcard sends the mail of all names below it to the old server",
				"point it at the provider by hand if it takes such mail, or drop it", s.Name+" MX "+strings.Join(s.Data, ", "))
		} else {
			left = append(left, s.Name+" MX "+strings.Join(s.Data, ", "))
		}
	}
	if len(left) > 0 {
		m.find(finding.Warn, finding.OtherMX, "other names keep the old server as their MX",
			"move them by alias_domains, or drop them before the old server goes", left...)
	}
	for _, typ := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeCNAME} {
		if s := m.z.Get("*."+m.domain, typ); s != nil {
			m.find(finding.Warn, finding.WildcardAnswers, "a wildcard answers for every name that does not exist, discovery and policy names among them",
				"check that the host behind it does not answer for autodiscover and autoconfig", s.Name+" "+s.TypeName()+" "+strings.Join(s.Data, ", "))
			return
		}
	}
}

// lookTarget makes sure that the new exchanges exist: a host that was guessed
// instead of read from the console often does not.
func (m *move) lookTarget() {
	for _, x := range wanted(m.need.MX) {
		addrs, err := m.addresses(m.now(), x.host)
		switch {
		case err != nil:
			m.notMeasured("addresses of the new exchange " + x.host)
		case len(addrs) == 0:
			m.find(finding.Block, finding.UnresolvableMX, "the new exchange "+x.host+" has no address: mail could not be delivered",
				"compare it with what the provider's console shows", x.host)
		}
	}
}
