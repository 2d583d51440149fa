package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/finding"
)

// A view is one domain's zone as it was just seen.
type view struct {
	domain   string
	zone     zone.Zone
	findings []finding.Finding
	floor    uint32 // the lowest TTL that the publisher takes
}

// A lens says how a snapshot is taken.
type lens struct {
	offline bool     // from the zone file alone
	live    bool     // never from a file: the zone as it is served
	names   []string // to ask for besides
	main    string   // zone of the first domain, once it is known: the file holds no other
}

// look takes a snapshot of every domain's zone.
func (m *Move) look(ctx context.Context, p *provider.Provider, l lens) ([]view, error) {
	client, err := m.client()
	if err != nil {
		return nil, err
	}
	var views []view
	for i, domain := range m.domains() {
		var v view
		if i > 0 {
			l.main = views[0].zone.Origin
		}
		if l.offline {
			v, err = m.readZone(domain, l.main)
		} else {
			l := l
			l.names = slices.Concat(l.names, names(domain, p, m.vars(domain)))
			v, err = m.askZone(ctx, client, domain, l)
		}
		if err != nil {
			return nil, err
		}
		v.domain = domain
		views = append(views, v)
	}
	return views, nil
}

// readZone takes the snapshot from a master file and asks nobody. The file
// holds the zone of the first domain; main is that zone for the others.
func (m *Move) readZone(domain, main string) (view, error) {
	file := m.Config.DNS.Snapshot.File
	if file == "" {
		return view{}, &config.Error{File: m.Config.File, Text: "--offline needs a zone file", Fix: "add dns.snapshot.file"}
	}
	if main != "" && !zone.Within(domain, main) {
		return view{}, &config.Error{
			File: m.Config.File, Text: "--offline: the zone file is of " + main + " and does not hold " + domain,
			Fix: "plan without --offline, or plan " + domain + " in a move directory of its own",
		}
	}
	f, err := os.Open(file)
	if err != nil {
		return view{}, &config.Error{File: m.Config.File, Text: "zone file: " + err.Error(), Fix: "name a readable file", Err: err}
	}
	defer f.Close()
	around := domain
	if main != "" {
		around = main
	}
	z, err := zone.ReadAround(f, around, file)
	if err != nil {
		return view{}, &config.Error{File: file, Text: err.Error(), Err: err}
	}
	return view{zone: z, floor: m.floor()}, nil
}

// askZone takes the snapshot the way the configuration says: by transfer, from
// a file, or by asking every authoritative server for the well-known names.
func (m *Move) askZone(ctx context.Context, client *resolver.Client, domain string, l lens) (view, error) {
	apex, err := client.Zone(ctx, domain)
	if err != nil {
		return view{}, err
	}
	src := resolver.Source{AXFR: m.Config.DNS.Snapshot.AXFR, TSIG: client.TSIG, Domain: domain, Names: l.names}
	if file := m.Config.DNS.Snapshot.File; file != "" && !l.live && (l.main == "" || l.main == apex) {
		f, err := os.Open(file)
		if err != nil {
			return view{}, &config.Error{File: m.Config.File, Text: "zone file: " + err.Error(), Fix: "name a readable file", Err: err}
		}
		defer f.Close()
		src.File, src.FileName = f, file
	}
	floor := m.floor()
	if src.AXFR == "" && src.File == nil {
		all, err := m.listing(ctx, client, apex, l)
		if err != nil {
			return view{}, err
		}
		if all != nil {
			src.Listing, floor = &all.Zone, all.TTLFloor
		}
	}
	s, err := client.Snapshot(ctx, apex, src)
	if err != nil {
		return view{}, fmt.Errorf("snapshot of %s: %w", apex, err)
	}
	return view{zone: s.Zone, findings: s.Findings, floor: floor}, nil
}

// names lists the owners that the provider's records will have, so that a
// snapshot without a full copy asks for them too. What is wrong with the
// variables is the planner's to tell.
func names(domain string, p *provider.Provider, vars provider.Vars) []string {
	if p == nil {
		return nil
	}
	records, err := p.Expand(domain, vars)
	if err != nil {
		return nil
	}
	var owners []string
	for _, r := range slices.Concat(records.DKIM, records.Verify, records.Sending, records.Discovery) {
		owners = append(owners, r.Name)
	}
	return owners
}

// vars returns what is configured for one of the domains.
func (m *Move) vars(domain string) provider.Vars {
	for _, a := range m.Config.AliasDomains {
		if a.Domain == domain {
			return provider.Vars(a.Vars)
		}
	}
	return provider.Vars(m.Config.Vars)
}

// origin returns the first snapshot of a zone. While nothing of ours is in
// effect the zone as it is now is the first one.
func (r *run) origin(v view, applied []dnsplan.Change) (zone.Zone, error) {
	if !slices.ContainsFunc(applied, func(c dnsplan.Change) bool { return c.Zone == v.zone.Origin }) {
		return v.zone, nil
	}
	data, err := r.state.FirstSnapshot(v.zone.Origin)
	if errors.Is(err, fs.ErrNotExist) {
		// The state was lost: what undo.json holds takes us back to it.
		return dnsplan.Apply(v.zone, reversed(applied)), nil
	}
	if err != nil {
		return zone.Zone{}, err
	}
	var z zone.Zone
	if err := json.Unmarshal(data, &z); err != nil {
		return zone.Zone{}, fmt.Errorf("first snapshot of %s: %w", v.zone.Origin, err)
	}
	return z, nil
}

// lookup is the live DNS for the planner, each answer remembered: a record
// that several terms name is asked for once.
func lookup(ctx context.Context, client *resolver.Client) func(string, uint16) ([]string, error) {
	type answer struct {
		data []string
		err  error
	}
	var mu sync.Mutex
	seen := make(map[zone.Key]answer)
	return func(name string, typ uint16) ([]string, error) {
		key := zone.Key{Name: zone.Canonical(name), Type: typ}
		mu.Lock()
		defer mu.Unlock()
		a, ok := seen[key]
		if !ok {
			a.data, a.err = client.Lookup(ctx, name, typ)
			seen[key] = a
		}
		return a.data, a.err
	}
}
