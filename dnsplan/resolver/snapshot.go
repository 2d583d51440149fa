package resolver

import (
	"context"
	"fmt"
	"slices"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"

	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
)

// A ServerState is what one authoritative server was like when the snapshot
// was taken. With an Err nothing is known of it.
type ServerState struct {
	Server Server
	Serial uint32
	Err    error
}

// A Snapshot is a zone as it was at one moment, and what was noticed about its
// servers. Offline, there are no servers.
type Snapshot struct {
	Zone       zone.Zone
	Servers    []ServerState
	HiddenKeys bool // _domainkey exists, but no selector below it was found
	Findings   []finding.Finding
}

// Snapshot reads a zone from its source and compares the authoritative servers
// with it and with one another. Servers that disagree are findings; only when
// none of them answers at all is that an error, which wraps ErrNoAnswer.
func (c *Client) Snapshot(ctx context.Context, apex string, from Source) (Snapshot, error) {
	apex = zone.Canonical(apex)
	domain := apex
	if from.Domain != "" {
		domain = zone.Canonical(from.Domain)
	}
	if !zone.Within(domain, apex) {
		return Snapshot{}, fmt.Errorf("snapshot of %s: %s lies outside", apex, domain)
	}
	base, err := c.base(ctx, apex, from)
	if err != nil {
		return Snapshot{}, err
	}
	if from.Offline {
		if base == nil {
			return Snapshot{}, fmt.Errorf("snapshot of %s: %w: offline, and neither file nor listing", apex, ErrNoAnswer)
		}
		return Snapshot{Zone: *base}, nil
	}
	servers, err := c.Authoritative(ctx, apex)
	if err != nil {
		return Snapshot{}, fmt.Errorf("snapshot of %s: %w", apex, err)
	}
	seen, err := c.survey(ctx, apex, domain, servers, base, from.Names)
	if err != nil {
		return Snapshot{}, fmt.Errorf("snapshot of %s: %w", apex, err)
	}
	snap := seen.snapshot(apex, base)
	snap.Findings = append(snap.Findings, c.ancestry(ctx, apex, seen.primary)...)
	return snap, nil
}

// base returns the whole zone where the source has it, or nil.
func (c *Client) base(ctx context.Context, apex string, from Source) (*zone.Zone, error) {
	switch {
	case from.File != nil:
		z, err := zone.Read(from.File, apex, from.FileName)
		return &z, err
	case from.Listing != nil:
		z := from.Listing.Clone()
		return &z, nil
	case from.AXFR != "":
		z, err := c.Transfer(ctx, apex, from.AXFR, from.TSIG)
		return &z, err
	}
	return nil, nil
}

// survey asks every server for the well-known names, and then for the hosts
// that these lead to, the same ones everywhere.
func (c *Client) survey(ctx context.Context, apex, domain string, servers []Server, base *zone.Zone, names []string) (survey, error) {
	views := make([]*view, len(servers))
	for i, s := range servers {
		views[i] = &view{server: s, client: c, apex: apex, domain: domain}
	}
	c.each(ctx, views, func(ctx context.Context, v *view) { v.begin(ctx) })
	probes := slices.Concat(wellKnown(domain), further(apex, append([]string{apex}, names...)))
	if slices.ContainsFunc(views, func(v *view) bool { return v.keys }) {
		probes = append(probes, keys(domain)...)
	}
	c.each(ctx, views, func(ctx context.Context, v *view) { v.ask(ctx, probes) })
	var known []zone.RRset
	if base != nil {
		known = base.All()
	}
	for _, v := range views {
		known = append(known, v.all()...)
	}
	c.each(ctx, views, func(ctx context.Context, v *view) { v.ask(ctx, targets(apex, known)) })
	if ctx.Err() != nil {
		return survey{}, context.Cause(ctx)
	}
	views = routable(views, func(v *view) (Server, error) { return v.server, v.err })
	if i := slices.IndexFunc(views, func(v *view) bool { return v.err == nil }); i < 0 {
		return survey{}, views[0].err
	}
	return order(views), nil
}

// each lets every view that still has an answering server do something.
func (c *Client) each(ctx context.Context, views []*view, do func(context.Context, *view)) {
	var g errgroup.Group
	g.SetLimit(parallel)
	for _, v := range views {
		if v.err == nil {
			g.Go(func() error { do(ctx, v); return nil })
		}
	}
	_ = g.Wait() // errors stand in the views
}

// order puts the primary first: the server that the SOA names, else the first
// that answers.
func order(views []*view) survey {
	first := slices.IndexFunc(views, func(v *view) bool { return v.err == nil })
	for i, v := range views {
		if v.err == nil && v.soa != nil && v.server.Name == zone.Canonical(v.soa.Ns) {
			first = i
			break
		}
	}
	return survey{primary: views[first], views: views}
}

// snapshot makes one picture of all views.
func (s survey) snapshot(apex string, base *zone.Zone) Snapshot {
	snap := Snapshot{Findings: s.findings(base)}
	if base != nil {
		snap.Zone = *base
	} else {
		snap.Zone = zone.New(apex, zone.Probed)
		snap.Zone.Serial = s.primary.soa.Serial
		for _, set := range s.primary.all() {
			snap.Zone.Put(set)
		}
	}
	for _, v := range s.views {
		state := ServerState{Server: v.server, Err: v.err}
		if v.soa != nil {
			state.Serial = v.soa.Serial
		}
		snap.Servers = append(snap.Servers, state)
	}
	snap.HiddenKeys = s.primary.keys && !slices.ContainsFunc(snap.Zone.All(), func(set zone.RRset) bool {
		return zone.Within(set.Name, "_domainkey."+s.primary.domain) && (set.Type == dns.TypeTXT || set.Type == dns.TypeCNAME || set.Type == dns.TypeNS)
	})
	if snap.HiddenKeys {
		snap.Findings = append(snap.Findings, hiddenKeys(s.primary.domain))
	}
	return snap
}
