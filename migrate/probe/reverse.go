package probe

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
)

// maxReverse bounds the names of one address that are looked at.
const maxReverse = 4

// reverseName checks that an address has a name which leads back to it, as
// receivers ask of whoever connects to them (FCrDNS).
func reverseName(ctx context.Context, addr netip.Addr, look Lookup) Mark {
	m := Mark{Subject: addr.String(), Check: reverseNames, Evidence: []string{}}
	suffix := "in-addr.arpa."
	if addr.Is6() {
		suffix = "ip6.arpa."
	}
	names, err := look(ctx, reversed(addr)+suffix, dns.TypePTR)
	if err != nil {
		return m.unknown("nobody told the name of the address")
	}
	slices.Sort(names)
	missing := 0
	for _, name := range names[:min(len(names), maxReverse)] {
		m.Evidence = append(m.Evidence, printable(name, 255))
		addrs, err := addressesOf(ctx, name, look)
		switch {
		case slices.Contains(addrs, addr) && len(names) > 1:
			return m.clean("has the name %s, and others", printable(name, 255))
		case slices.Contains(addrs, addr):
			return m.clean("has the name %s", printable(name, 255))
		case err != nil:
			missing++
		}
	}
	switch {
	case len(names) == 0:
		return m.bad(Wrong, "has no name (PTR)")
	case missing > 0 || len(names) > maxReverse:
		return m.unknown("nobody told the address of its name")
	}
	return m.bad(Wrong, "has a name that does not lead back to it")
}

// greeting checks that the name a server greets with is one of its own. What
// it says when it sends is nearly always the same.
func greeting(ctx context.Context, host string, addrs []netip.Addr, o ReputationOptions) Mark {
	m := Mark{Subject: strings.TrimSuffix(host, "."), Check: greetings, Evidence: []string{}}
	// A firewall that drops port 25 says nothing at all; the plan need not wait
	// for that as long as for the lists.
	brief, cancel := context.WithTimeout(ctx, o.Budget*2/5)
	defer cancel()
	text, err := Greeting(brief, hostPort(host), o.Dial)
	if err != nil {
		return m.unknown("nobody greets at port 25; many networks let nothing out to it")
	}
	name, _, _ := strings.Cut(text, " ")
	m.Evidence = append(m.Evidence, printable(text, 120))
	if !dmarc.ValidName(dmarc.Canonical(name)) || !strings.Contains(strings.TrimSuffix(name, "."), ".") {
		return m.bad(Wrong, "greets with %q, which is no full host name", printable(name, 64))
	}
	own, err := addressesOf(ctx, name, o.Lookup)
	switch {
	case slices.ContainsFunc(own, func(a netip.Addr) bool { return slices.Contains(addrs, a) }):
		return m.clean("greets as %s", name)
	case err != nil:
		return m.unknown("nobody told the address of %s", name)
	case len(own) == 0:
		return m.bad(Wrong, "greets as %s, which has no address", name)
	}
	return m.bad(Wrong, "greets as %s, which is another host", name)
}

// addressesOf returns the addresses of a host; an error stands beside those
// that were found in spite of it.
func addressesOf(ctx context.Context, host string, look Lookup) ([]netip.Addr, error) {
	var addrs []netip.Addr
	var last error
	for _, typ := range []uint16{dns.TypeA, dns.TypeAAAA} {
		found, err := look(ctx, absolute(host), typ)
		if err != nil {
			last = err
		}
		for _, text := range found {
			if a, err := netip.ParseAddr(text); err == nil {
				addrs = append(addrs, a.Unmap())
			}
		}
	}
	return addrs, last
}
