package resolver

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
)

// ancestry compares what the zone above says of a zone with the zone itself.
// What the zone above does not tell is left out: it proves nothing.
func (c *Client) ancestry(ctx context.Context, apex string, primary *view) []finding.Finding {
	if c.Resolver == "" && len(c.Servers) > 0 {
		return nil // the servers were named: nobody said that the world sees them
	}
	var found []finding.Finding
	if set := primary.get(zone.Key{Name: apex, Type: dns.TypeNS}); set != nil {
		above, err := c.delegation(ctx, apex)
		if err == nil && above != nil && !zone.Equal(above, set) {
			found = append(found, strangers(apex, above, set))
		}
	}
	return append(found, c.signatures(ctx, apex, primary)...)
}

// signatures asks whether those who validate can trust what the zone says.
func (c *Client) signatures(ctx context.Context, apex string, primary *view) []finding.Finding {
	ds, err := c.lookup(ctx, apex, dns.TypeDS, c.recurseAnyway)
	if err != nil || len(ds) == 0 {
		return nil
	}
	keys, err := c.Ask(ctx, primary.server, apex, dns.TypeDNSKEY)
	switch {
	case err == nil && !vouched(apex, ds, keys):
		return []finding.Finding{keysMissing(apex, ds, keys)}
	case c.bogus(ctx, apex):
		return []finding.Finding{bogus(apex)}
	}
	return nil
}

// delegation asks the servers of the zone above for the NS RRset of a zone. It
// returns nil where they hold both zones and so know only the zone's own.
func (c *Client) delegation(ctx context.Context, apex string) (*zone.RRset, error) {
	const most = 3 // servers of the zone above
	servers, err := c.above(ctx, apex)
	if err != nil {
		return nil, err
	}
	var last error
	for _, s := range servers[:min(len(servers), most)] {
		in, err := c.query(ctx, s, dns.Question{Name: apex, Qtype: dns.TypeNS}, direct)
		if err != nil {
			last = err
			continue
		}
		for _, set := range delegated(in) {
			if set.Name == apex && !in.Authoritative {
				return &set, nil
			}
		}
		return nil, nil
	}
	return nil, last
}

// above returns the servers of the zone above a zone.
func (c *Client) above(ctx context.Context, apex string) ([]Server, error) {
	for name := apex; name != "."; {
		i, end := dns.NextLabel(name, 0)
		if name = name[i:]; end {
			name = "."
		}
		ns, err := c.Lookup(ctx, name, dns.TypeNS)
		if err != nil {
			return nil, err
		}
		if len(ns) > 0 {
			return c.nameServers(ctx, name)
		}
	}
	return nil, nil
}

// vouched reports whether one of the DS records fits one of the keys.
func vouched(apex string, ds []string, keys *zone.RRset) bool {
	if keys == nil {
		return false
	}
	rrs, err := keys.RRs()
	if err != nil {
		return false
	}
	want := zone.RRset{Name: apex, Type: dns.TypeDS}
	for _, rr := range rrs {
		key, ok := rr.(*dns.DNSKEY)
		if !ok {
			continue
		}
		for _, digest := range []uint8{dns.SHA1, dns.SHA256, dns.SHA384} {
			if d := key.ToDS(digest); d != nil {
				want.Data = append(want.Data, strings.TrimPrefix(d.String(), d.Hdr.String()))
			}
		}
	}
	return slices.ContainsFunc(ds, func(d string) bool {
		return slices.ContainsFunc(want.Data, func(w string) bool { return zone.EqualData(dns.TypeDS, d, w) })
	})
}

func strangers(apex string, above, own *zone.RRset) finding.Finding {
	return finding.Finding{
		Severity: finding.Block, Code: finding.DelegationDiffers, Subject: apex,
		Text:     fmt.Sprintf("the zone above names other servers for %s than the zone itself: a change may reach only part of them", apex),
		Evidence: []string{"above: " + line(sorted(above)), "zone: " + line(sorted(own))},
		Fix:      "make both equal at the registrar or in the zone, wait for the TTL of the NS records, and plan again",
	}
}

func sorted(set *zone.RRset) *zone.RRset {
	s := *set
	s.Data = slices.Sorted(slices.Values(set.Data))
	return &s
}

func bogus(apex string) finding.Finding {
	return finding.Finding{
		Severity: finding.Block, Code: finding.Bogus, Subject: apex,
		Text:     "the signatures of " + apex + " do not hold: validating resolvers get no answer about the domain",
		Evidence: []string{apex + " SOA: the resolver fails, and answers when it is told not to validate"},
		Fix:      "sign the zone anew and see that every server serves the new signatures, or have the DS records taken out at the registrar",
	}
}

func keysMissing(apex string, ds []string, keys *zone.RRset) finding.Finding {
	text := "the zone above vouches for keys of " + apex + " that its servers do not have: validating resolvers get no answer about the domain"
	if keys == nil {
		text = "the zone above says that " + apex + " is signed, and it is not: validating resolvers get no answer about the domain"
	}
	evidence := make([]string, 0, len(ds))
	for _, d := range ds {
		evidence = append(evidence, "DS "+d)
	}
	return finding.Finding{
		Severity: finding.Block, Code: finding.KeysMissing, Subject: apex, Text: text, Evidence: evidence,
		Fix: "sign the zone with that key again, or have the DS records taken out at the registrar",
	}
}
