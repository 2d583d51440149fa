package resolver

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

// Zone returns the apex of the zone that holds a name, whether the name itself
// exists or not. The recursive resolver is asked only for the names from which
// the walk down starts; below the first zone found the authoritative servers
// are, so that nobody remembers the absence of a name that is about to come.
func (c *Client) Zone(ctx context.Context, name string) (string, error) {
	name = zone.Canonical(name)
	servers := c.named()
	if len(servers) == 0 {
		apex, err := c.entry(ctx, name)
		if err != nil {
			return "", err
		}
		if apex == name {
			return apex, nil
		}
		if servers, err = c.Authoritative(ctx, apex); err != nil {
			return "", err
		}
	}
	for range dns.CountLabel(name) + 1 {
		cut, authority, err := c.cut(ctx, servers, name)
		if err != nil || authority {
			return cut, err
		}
		if servers, err = c.nameServers(ctx, cut); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("zone of %s: %w: delegations without end", name, ErrNoAnswer)
}

// entry returns the highest zone of at least two labels at or above a name.
func (c *Client) entry(ctx context.Context, name string) (string, error) {
	labels := dns.Split(name)
	for i := max(0, len(labels)-2); i >= 0; i-- {
		suffix := name[labels[i]:]
		in, err := c.recurseAnyway(ctx, suffix, dns.TypeSOA)
		if err != nil {
			return "", err
		}
		if in.Rcode == dns.RcodeNameError {
			return "", fmt.Errorf("zone of %s: %w: %s does not exist", name, ErrNoZone, suffix)
		}
		for _, rr := range slices.Concat(in.Answer, in.Ns) {
			// The SOA of a zone above comes with a denial (RFC 2308).
			if apex := zone.Canonical(rr.Header().Name); rr.Header().Rrtype == dns.TypeSOA && zone.Within(suffix, apex) {
				return apex, nil
			}
		}
	}
	return "", fmt.Errorf("zone of %s: %w", name, ErrNoZone)
}

// cut asks for the zone cut at or above a name. Authority is false where the
// servers refer to somebody else, who holds the zone that is returned.
func (c *Client) cut(ctx context.Context, servers []Server, name string) (apex string, authority bool, err error) {
	var last error
	for _, s := range servers {
		in, err := c.query(ctx, s, dns.Question{Name: name, Qtype: dns.TypeSOA}, direct)
		if err != nil {
			last = err
			continue
		}
		if in.Rcode == dns.RcodeSuccess || in.Rcode == dns.RcodeNameError {
			for _, rr := range slices.Concat(in.Answer, in.Ns) {
				apex, typ := zone.Canonical(rr.Header().Name), rr.Header().Rrtype
				switch {
				case !zone.Within(name, apex):
				case typ == dns.TypeSOA && in.Authoritative:
					return apex, true, nil
				case typ == dns.TypeNS && !in.Authoritative:
					return apex, false, nil
				}
			}
		}
		last = noAnswer(name, dns.TypeSOA, s, cmpErr(authoritative(in), errLame))
	}
	return "", false, last
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// Authoritative returns all addresses of all name servers of a zone, or the
// servers that the user named. A name server without an address is an error
// only when no other has one.
func (c *Client) Authoritative(ctx context.Context, apex string) ([]Server, error) {
	if named := c.named(); len(named) > 0 {
		return named, nil
	}
	return c.nameServers(ctx, zone.Canonical(apex))
}

// named returns the servers that the user named.
func (c *Client) named() []Server {
	var servers []Server
	for _, addr := range c.Servers {
		addr = withPort(addr)
		servers = append(servers, Server{Name: addr, Addr: addr})
	}
	return servers
}

func (c *Client) nameServers(ctx context.Context, apex string) ([]Server, error) {
	names, err := c.lookup(ctx, apex, dns.TypeNS, c.recurseAnyway)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("name servers of %s: %w", apex, ErrNoZone)
	}
	slices.Sort(names)
	var servers []Server
	var last error
	for _, name := range names {
		name = zone.Canonical(name)
		addrs, err := c.addresses(ctx, name)
		last = errors.Join(last, err)
		for _, addr := range addrs {
			servers = append(servers, Server{Name: name, Addr: withPort(addr)})
		}
	}
	if len(servers) == 0 {
		return nil, fmt.Errorf("addresses of the name servers of %s: %w: %w", apex, ErrNoAnswer, cmpErr(last, errors.New("none has one")))
	}
	return servers[:min(len(servers), maxServers)], nil
}

// addresses returns the IPv4 and IPv6 addresses of a host. An error stands
// beside those that were found in spite of it.
func (c *Client) addresses(ctx context.Context, host string) ([]string, error) {
	var addrs []string
	var last error
	for _, typ := range []uint16{dns.TypeA, dns.TypeAAAA} {
		found, err := c.lookup(ctx, host, typ, c.recurseAnyway)
		last = errors.Join(last, err)
		for _, text := range found {
			if addr, err := netip.ParseAddr(strings.TrimSpace(text)); err == nil {
				addrs = append(addrs, addr.String())
			}
		}
	}
	return addrs, last
}
