package dnsplan

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/spf"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// errNotMeasured says that neither the zone nor anybody else could answer. It
// never means that there is nothing.
var errNotMeasured = errors.New("dnsplan: not measured")

// maxChain bounds CNAME chains.
const maxChain = 8

// A view is the zones of all domains of the plan at one time, the domain's own
// one first.
type view []zone.Zone

// holder returns the zone that knows a name best, and false when none does.
func (v view) holder(name string) (zone.Zone, bool) {
	var best zone.Zone
	found := false
	for _, z := range v {
		if z.Holds(name) && (!found || len(z.Origin) > len(best.Origin)) {
			best, found = z, true
		}
	}
	return best, found
}

// now is the zones as they stand after the stages so far; of the other domains
// as they are once prepared.
func (m *move) now() view { return append(view{m.z}, m.peers...) }

// first is the zones as they were before the move.
func (m *move) first() view { return append(view{m.in.Origin}, m.origins...) }

// ask answers a question from the zones of the plan where these can know, else
// from the live DNS.
func (m *move) ask(v view, name string, typ uint16) ([]string, error) {
	name = zone.Canonical(name)
	for range maxChain {
		z, ok := v.holder(name)
		if !ok {
			break
		}
		m.read[zone.Key{Name: name, Type: typ}] = true
		if s := z.Get(name, typ); s != nil {
			return s.Data, nil
		}
		c := z.Get(name, dns.TypeCNAME)
		if c == nil {
			if silent(z, name) {
				return nil, nil
			}
			break
		}
		m.read[c.Key()] = true
		name = zone.Canonical(c.Data[0])
	}
	if m.in.Lookup == nil {
		return nil, errNotMeasured
	}
	k := zone.Key{Name: name, Type: typ}
	if a, ok := m.answers[k]; ok {
		return a.data, a.err
	}
	data, err := m.in.Lookup(name, typ)
	if err != nil {
		err = fmt.Errorf("%w: %w", errNotMeasured, err)
	}
	m.answers[k] = answer{data, err}
	return data, err
}

// An answer is kept while a plan is made: each question is asked once, and a
// record that changes meanwhile cannot make the plan contradict itself.
type answer struct {
	data []string
	err  error
}

// silent reports whether the zone's silence about a name means that there is
// nothing: the whole zone is known, and neither a delegation nor a wildcard
// could answer for it. In a zone known only by asking, a name that has other
// data was asked for.
func silent(z zone.Zone, name string) bool {
	if !z.Coverage.Complete() {
		return len(z.At(name)) > 0
	}
	for at := name; at != z.Origin && at != "."; {
		if at != z.Origin && z.Get(at, dns.TypeNS) != nil {
			return false
		}
		_, parent, ok := strings.Cut(at, ".")
		if !ok || parent == "" {
			break
		}
		if len(z.At("*."+parent)) > 0 && len(z.At(name)) == 0 {
			return false
		}
		at = parent
	}
	return true
}

// lookup returns ask on a view as the function that counting takes.
func (m *move) lookup(v view) spf.Lookup {
	return func(name string, typ uint16) ([]string, error) { return m.ask(v, name, typ) }
}

// addresses returns the addresses of a host, sorted.
func (m *move) addresses(v view, host string) ([]netip.Addr, error) {
	var addrs []netip.Addr
	for _, typ := range []uint16{dns.TypeA, dns.TypeAAAA} {
		data, err := m.ask(v, host, typ)
		if err != nil {
			return nil, err
		}
		for _, d := range data {
			if a, err := netip.ParseAddr(d); err == nil {
				addrs = append(addrs, a.Unmap())
			}
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs), nil
}

// An exchangeOf is one record of an MX set.
type exchangeOf struct {
	pref uint16
	host string
}

// exchanges reads an MX set, best first. A null MX has the host ".".
func exchanges(s *zone.RRset) []exchangeOf {
	if s == nil {
		return nil
	}
	rrs, err := s.RRs()
	if err != nil {
		return nil
	}
	var xs []exchangeOf
	for _, rr := range rrs {
		if mx, ok := rr.(*dns.MX); ok {
			xs = append(xs, exchangeOf{mx.Preference, zone.Canonical(mx.Mx)})
		}
	}
	slices.SortFunc(xs, func(a, b exchangeOf) int {
		if a.pref != b.pref {
			return int(a.pref) - int(b.pref)
		}
		return strings.Compare(a.host, b.host)
	})
	return xs
}

// oldHosts returns the hosts that took the mail at first: the exchanges, or
// the domain itself when there were none (RFC 5321, section 5.1). An exchange
// of the provider is none of them, even when it stood among them.
func (m *move) oldHosts() []string {
	if !m.moved {
		return nil
	}
	xs := exchanges(m.in.Origin.Get(m.domain, dns.TypeMX))
	if len(xs) == 0 {
		return []string{m.domain}
	}
	var hosts []string
	for _, x := range xs {
		if x.host != "." && !m.need.Theirs(x.host) && !slices.Contains(hosts, x.host) {
			hosts = append(hosts, x.host)
		}
	}
	return hosts
}

// oldAddresses returns the addresses of the old hosts, as they were at first.
// The second result lists the hosts that could not be measured.
func (m *move) oldAddresses() ([]netip.Addr, []string) {
	var addrs []netip.Addr
	var unknown []string
	for _, host := range m.oldHosts() {
		as, err := m.addresses(m.first(), host)
		if err != nil {
			unknown = append(unknown, host)
			continue
		}
		addrs = append(addrs, as...)
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs), unknown
}
