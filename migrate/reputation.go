package migrate

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/spf"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/probe"
)

// reputationBudget is how long a plan may wait for the opinion of others, and
// maxHosts how many of the zone's hosts are looked at.
const (
	reputationBudget = 5 * time.Second
	maxHosts         = 8
)

// reputation asks what receivers think of who has sent for the domains until
// now. What is not known is part of the answer, so it fails for nothing but
// the configuration.
func (r *run) reputation(ctx context.Context, inputs []dnsplan.Input) ([]probe.Mark, error) {
	client, err := r.client()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, reputationBudget)
	defer cancel()
	marks := probe.Reputation(ctx, sender(ctx, client, inputs), probe.ReputationOptions{Lookup: client.Lookup, Dial: r.knock})
	return append([]probe.Mark{}, marks...), nil
}

// errNotRehearsed says that a rehearsal has nobody at an address.
var errNotRehearsed = errors.New("migrate: the rehearsal has no such host")

// knock dials a mail server by its public name. A rehearsal reaches its own
// hosts only: the domain that it plays may exist.
func (m *Move) knock(ctx context.Context, network, addr string) (net.Conn, error) {
	if r := m.Config.Rehearsal; r != nil && r.Connect[addr] == "" {
		return nil, errNotRehearsed
	}
	return m.dial(ctx, network, addr)
}

// sender collects the old server's names and addresses from the zones as they
// were before the move: the exchanges and the hosts of SPF that lie in the
// zone itself, and single addresses in SPF. Whoever is included or lies
// elsewhere is somebody else, and no business of ours.
func sender(ctx context.Context, client *resolver.Client, inputs []dnsplan.Input) probe.Sender {
	var s probe.Sender
	var hosts []string
	for _, in := range inputs {
		domain := zone.Canonical(in.Domain)
		s.Domains = append(s.Domains, strings.TrimSuffix(domain, "."))
		own := exchanges(in.Origin, domain)
		for _, host := range own {
			if !slices.Contains(s.Hosts, host) {
				s.Hosts = append(s.Hosts, host)
			}
		}
		named, addrs := spfHosts(in.Origin, domain)
		s.Addresses = append(s.Addresses, addrs...)
		for _, host := range slices.Concat(own, named) {
			if !slices.Contains(hosts, host) && len(hosts) < maxHosts {
				hosts = append(hosts, host)
				s.Addresses = append(s.Addresses, hostAddresses(ctx, client, in.Origin, host)...)
			}
		}
	}
	return s
}

// exchanges returns the exchanges of a domain that lie in its own zone.
func exchanges(z zone.Zone, domain string) []string {
	var hosts []string
	if mx := z.Get(domain, dns.TypeMX); mx != nil {
		for _, data := range mx.Data {
			_, host, _ := strings.Cut(data, " ")
			if host = zone.Canonical(host); z.Holds(host) {
				hosts = append(hosts, host)
			}
		}
	}
	return hosts
}

// spfHosts returns who else may send by the domain's own SPF record.
func spfHosts(z zone.Zone, domain string) (hosts []string, addrs []netip.Addr) {
	for _, text := range zone.Texts(z.Get(domain, dns.TypeTXT)) {
		record, err := spf.Parse(text)
		if err != nil {
			continue
		}
		for _, t := range record.Terms {
			switch {
			case t.Modifier || t.Qualifier != spf.Pass || t.Macro():
			case (t.Name == "ip4" || t.Name == "ip6") && t.Net.IsSingleIP():
				addrs = append(addrs, t.Net.Addr())
			case t.Name == "a" && t.Domain == "":
				hosts = append(hosts, domain)
			case t.Name == "a" && z.Holds(t.Domain):
				hosts = append(hosts, zone.Canonical(t.Domain))
			}
		}
	}
	return hosts, addrs
}

// hostAddresses returns the addresses of a host from the zone, or from the
// DNS where the zone does not show them.
func hostAddresses(ctx context.Context, client *resolver.Client, z zone.Zone, host string) []netip.Addr {
	var addrs []netip.Addr
	for _, typ := range []uint16{dns.TypeA, dns.TypeAAAA} {
		var data []string
		if set := z.Get(host, typ); set != nil {
			data = set.Data
		} else if !z.Coverage.Complete() {
			data, _ = client.Lookup(ctx, host, typ) // what nobody tells cannot be looked at
		}
		for _, text := range data {
			if a, err := netip.ParseAddr(text); err == nil {
				addrs = append(addrs, a)
			}
		}
	}
	return addrs
}
