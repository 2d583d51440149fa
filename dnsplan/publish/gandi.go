package publish

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// Gandi publishes by LiveDNS, RRset by RRset. Each is replaced as a whole and
// without a comparison.
type Gandi struct {
	Token string // a personal access token with the right to manage domains
	API
}

// Abilities reports neither a transaction nor a comparison.
func (p *Gandi) Abilities() Abilities { return Abilities{Name: "gandi", TTLFloor: 300} }

// Publish makes the changes one after the other: what comes is there before
// anything goes.
func (p *Gandi) Publish(ctx context.Context, apex string, changes []dnsplan.Change) error {
	return put(ctx, p, apex, changes)
}

// List reads the zone.
func (p *Gandi) List(ctx context.Context, apex string) (Listing, error) { return list(ctx, p, apex) }

// Check asks for the zone.
func (p *Gandi) Check(ctx context.Context, apex string) error { return check(ctx, p, apex) }

func (p *Gandi) rest() rest {
	return rest{
		API: p.API, vendor: "gandi", root: "https://api.gandi.net/v5/livedns",
		sign: bearer("Bearer", p.Token), secrets: []string{p.Token},
	}
}

type gandiSet struct {
	Name   string   `json:"rrset_name,omitempty"`
	Type   string   `json:"rrset_type,omitempty"`
	TTL    uint32   `json:"rrset_ttl"`
	Values []string `json:"rrset_values"`
}

func (p *Gandi) read(ctx context.Context, apex string) (*book, error) {
	c, b := p.rest(), newBook(apex, bare(apex), p.Abilities().TTLFloor)
	b.origin = apex
	const each = 100
	seen := make(map[[2]string]bool)
	for page := 1; page <= maxPages; page++ {
		var sets []gandiSet
		header, err := c.get(ctx, path("domains", b.id, "records")+fmt.Sprintf("?per_page=%d&page=%d", each, page), &sets)
		if missing(err) {
			return nil, noZone("gandi", apex)
		}
		if err != nil {
			return nil, err
		}
		before := len(seen)
		for _, s := range sets {
			if at := [2]string{s.Name, s.Type}; !seen[at] {
				seen[at] = true
				for _, data := range s.Values {
					b.add(absolute(s.Name, apex), s.Type, record{data: data, ttl: s.TTL})
				}
			}
		}
		// A server that knows no pages gives the same answer again.
		total, err := strconv.Atoi(header.Get("Total-Count"))
		if len(seen) == before || err == nil && len(seen) >= total || err != nil && len(sets) < each {
			return b, nil
		}
	}
	return nil, fmt.Errorf("gandi: %w: a listing without end", ErrUnavailable)
}

func (p *Gandi) write(ctx context.Context, b *book, due []live) error {
	c := p.rest()
	for _, l := range due {
		set := l.RRset()
		at := path("domains", b.id, "records", relative(set.Name, b.Zone.Origin, "@"), set.TypeName())
		var err error
		if l.After == nil {
			_, err = c.call(ctx, http.MethodDelete, at, nil, nil)
		} else {
			_, err = c.call(ctx, http.MethodPut, at, gandiSet{TTL: set.TTL, Values: set.Data}, nil)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", zone.Key{Name: set.Name, Type: set.Type}, err)
		}
	}
	return nil
}
