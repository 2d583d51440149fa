package resolver

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

// A view is what one authoritative server answers to the questions of a
// snapshot.
type view struct {
	client *Client
	server Server
	apex   string
	domain string
	soa    *dns.SOA
	keys   bool // _domainkey exists
	err    error

	mu    sync.Mutex
	asked map[zone.Key]bool
	found map[zone.Key]zone.RRset
	wild  map[zone.Key][]zone.RRset // answers for a random name below a parent
	drops []zone.RRset              // synthesised, left out of found
}

// begin asks for the SOA and whether any DKIM selector exists: a name without
// data of its own still exists when something lies below it (RFC 8020).
func (v *view) begin(ctx context.Context) {
	v.asked = make(map[zone.Key]bool)
	v.found = make(map[zone.Key]zone.RRset)
	v.wild = make(map[zone.Key][]zone.RRset)
	set, err := v.client.Ask(ctx, v.server, v.apex, dns.TypeSOA)
	if err == nil {
		v.soa, err = soaOf(set, v.apex, v.server)
	}
	if v.err = err; err != nil {
		return
	}
	v.found[set.Key()] = *set
	v.asked[set.Key()] = true
	q := dns.Question{Name: "_domainkey." + v.domain, Qtype: dns.TypeTXT}
	in, err := v.client.query(ctx, v.server, q, direct)
	if v.err = err; err == nil {
		v.keys = in.Rcode != dns.RcodeNameError
	}
}

// ask puts the probes to the server, a few at a time, each only once.
func (v *view) ask(ctx context.Context, probes []probe) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, p := range probes {
		for _, typ := range p.types {
			if key := (zone.Key{Name: p.name, Type: typ}); v.claim(key) {
				g.Go(func() error { return v.one(ctx, key) })
			}
		}
	}
	v.err = g.Wait()
}

func (v *view) claim(key zone.Key) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	fresh := !v.asked[key]
	v.asked[key] = true
	return fresh
}

func (v *view) one(ctx context.Context, key zone.Key) error {
	sets, err := v.client.ask(ctx, v.server, key.Name, key.Type)
	if below, ok := errors.AsType[*referral](err); ok {
		return v.cut(below, err)
	}
	if err != nil || len(sets) == 0 {
		return err
	}
	var wild []zone.RRset
	if key.Name != v.apex {
		if wild, err = v.synthesised(ctx, key); err != nil {
			return err
		}
	}
	kept := unlike(sets, wild)
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, set := range kept {
		v.found[set.Key()] = set
	}
	if len(kept) < len(sets) {
		v.drops = append(v.drops, sets...)
	}
	return nil
}

// cut keeps the delegation that a name lies behind: what is written there is
// hidden from everybody.
func (v *view) cut(below *referral, err error) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, set := range below.cut {
		if set.Name == v.apex || !zone.Within(set.Name, v.apex) {
			return err // a referral up or sideways is a lame server
		}
		v.found[set.Key()] = set
	}
	return nil
}

// synthesised returns what a name that nobody has gets beside this one.
func (v *view) synthesised(ctx context.Context, key zone.Key) ([]zone.RRset, error) {
	i, end := dns.NextLabel(key.Name, 0)
	other, ok := sibling(key.Name)
	if end || !ok {
		return nil, nil
	}
	memo := zone.Key{Name: key.Name[i:], Type: key.Type}
	v.mu.Lock()
	sets, known := v.wild[memo]
	v.mu.Unlock()
	if known {
		return sets, nil
	}
	sets, err := v.client.ask(ctx, v.server, other, key.Type)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.wild[memo] = sets
	return sets, nil
}

// all returns what was found, sorted.
func (v *view) all() []zone.RRset {
	var sets []zone.RRset
	for _, set := range v.found {
		sets = append(sets, set)
	}
	slices.SortFunc(sets, zone.Compare)
	return sets
}

// dropped reports whether the server synthesised an answer for a key.
func (v *view) dropped(key zone.Key) bool {
	return slices.ContainsFunc(v.drops, func(set zone.RRset) bool { return set.Key() == key })
}

// synthetic returns the synthesised answers, one line each. A record that says
// the same as the wildcard beside it is known by the whole zone only.
func (v *view) synthetic(base *zone.Zone) []string {
	names := make(map[string]bool)
	for _, set := range v.drops {
		if base == nil || base.Get(set.Name, set.Type) == nil {
			names[set.Key().String()+": "+line(&set)] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// get returns what was found under a key, or nil.
func (v *view) get(key zone.Key) *zone.RRset {
	if set, ok := v.found[key]; ok {
		return &set
	}
	return nil
}

// line returns an RRset as evidence, in one line of bounded length.
func line(set *zone.RRset) string {
	if set == nil {
		return "nothing"
	}
	const most = 300
	s := strings.Join(set.Data, " | ")
	if len(s) > most {
		s = s[:most] + "..."
	}
	return s
}
