package publish

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// DigitalOcean publishes by the API v2 of DigitalOcean, record by record:
// there is neither a transaction nor an RRset. New records are added before
// old ones go, so that for a moment both are there.
type DigitalOcean struct {
	Token string
	API
}

// Abilities reports neither a transaction nor a comparison.
func (p *DigitalOcean) Abilities() Abilities { return Abilities{Name: "digitalocean", TTLFloor: 30} }

// Publish makes the changes. One that was cut short is gone on with.
func (p *DigitalOcean) Publish(ctx context.Context, apex string, changes []dnsplan.Change) error {
	return put(ctx, p, apex, changes)
}

// List reads the zone.
func (p *DigitalOcean) List(ctx context.Context, apex string) (Listing, error) {
	return list(ctx, p, apex)
}

// Check asks for the zone.
func (p *DigitalOcean) Check(ctx context.Context, apex string) error { return check(ctx, p, apex) }

func (p *DigitalOcean) steps() {}

func (p *DigitalOcean) rest() rest {
	return rest{
		API: p.API, vendor: "digitalocean", root: "https://api.digitalocean.com/v2",
		sign: bearer("Bearer", p.Token), secrets: []string{p.Token},
	}
}

type oceanRecord struct {
	ID       int64   `json:"id,omitempty"`
	Type     string  `json:"type"`
	Name     string  `json:"name,omitempty"`
	Data     string  `json:"data,omitempty"`
	Priority *uint16 `json:"priority,omitempty"`
	Port     *uint16 `json:"port,omitempty"`
	Weight   *uint16 `json:"weight,omitempty"`
	Flags    *uint8  `json:"flags,omitempty"`
	Tag      string  `json:"tag,omitempty"`
	TTL      uint32  `json:"ttl,omitempty"`
}

func (p *DigitalOcean) read(ctx context.Context, apex string) (*book, error) {
	c, b := p.rest(), newBook(apex, bare(apex), p.Abilities().TTLFloor)
	for page := 1; page <= maxPages; page++ {
		var in struct {
			Records []oceanRecord `json:"domain_records"`
			Links   struct {
				Pages struct {
					Next string `json:"next"`
				} `json:"pages"`
			} `json:"links"`
		}
		_, err := c.get(ctx, path("domains", b.id, "records")+fmt.Sprintf("?per_page=200&page=%d", page), &in)
		if missing(err) {
			return nil, noZone("digitalocean", apex)
		}
		if err != nil {
			return nil, err
		}
		for _, r := range in.Records {
			if r.Type != "SOA" { // its data is a TTL and nothing else
				b.add(absolute(r.Name, apex), r.Type, record{id: fmt.Sprint(r.ID), data: r.rdata(apex), ttl: r.TTL})
			}
		}
		if in.Links.Pages.Next == "" {
			return b, nil
		}
	}
	return nil, fmt.Errorf("digitalocean: %w: a listing without end", ErrUnavailable)
}

// rdata puts the fields of a record together. Names come without the final
// dot, and the apex as @.
func (r oceanRecord) rdata(apex string) string {
	name := func() string {
		if r.Data == "@" {
			return apex
		}
		return zone.Canonical(r.Data)
	}
	number := func(n *uint16) uint16 {
		if n == nil {
			return 0
		}
		return *n
	}
	switch r.Type {
	case "TXT":
		return zone.TXT(r.Data) // never quoted, however long
	case "CNAME", "NS":
		return name()
	case "MX":
		return fmt.Sprintf("%d %s", number(r.Priority), name())
	case "SRV":
		return fmt.Sprintf("%d %d %d %s", number(r.Priority), number(r.Weight), number(r.Port), name())
	case "CAA":
		flags := uint8(0)
		if r.Flags != nil {
			flags = *r.Flags
		}
		return fmt.Sprintf(`%d %s "%s"`, flags, r.Tag, zone.Escape(strings.TrimSuffix(r.Data, ".")))
	}
	return r.Data
}

func (p *DigitalOcean) write(ctx context.Context, b *book, due []live) error {
	for _, l := range due {
		if err := p.one(ctx, b, l); err != nil {
			set := l.RRset()
			return fmt.Errorf("%s: %w", set.Key(), err)
		}
	}
	return nil
}

func (p *DigitalOcean) one(ctx context.Context, b *book, l live) error {
	c, s, all := p.rest(), b.steps(l), path("domains", b.id, "records")
	typ := l.RRset().TypeName()
	if typ == "CNAME" && len(s.add) == 1 && len(s.drop) == 1 {
		// Two of them cannot stand side by side.
		r, err := oceanFields(*l.After, s.add[0])
		if err == nil {
			_, err = c.call(ctx, http.MethodPatch, all+path(s.drop[0].id), r, nil)
		}
		return err
	}
	for _, data := range s.add {
		r, err := oceanFields(*l.After, data)
		if err != nil {
			return err
		}
		r.Name = relative(l.After.Name, b.Zone.Origin, "@")
		if _, err := c.call(ctx, http.MethodPost, all, r, nil); err != nil {
			return err
		}
	}
	for _, r := range s.keep {
		if r.ttl == l.After.TTL {
			continue
		}
		if _, err := c.call(ctx, http.MethodPatch, all+path(r.id), oceanRecord{Type: typ, TTL: l.After.TTL}, nil); err != nil {
			return err
		}
	}
	for _, r := range s.drop {
		if _, err := c.call(ctx, http.MethodDelete, all+path(r.id), nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// oceanFields writes one record in the API's own fields, without its name.
func oceanFields(set zone.RRset, data string) (oceanRecord, error) {
	r := oceanRecord{Type: set.TypeName(), TTL: set.TTL, Data: data}
	set.Data = []string{data}
	rrs, err := set.RRs()
	if err != nil {
		return r, fmt.Errorf("digitalocean: %w", err)
	}
	switch rr := rrs[0].(type) {
	case *dns.A, *dns.AAAA:
	case *dns.CNAME:
		r.Data = rr.Target
	case *dns.NS:
		r.Data = rr.Ns
	case *dns.MX:
		r.Data, r.Priority = rr.Mx, &rr.Preference
	case *dns.TXT:
		r.Data, err = zone.JoinTXT(data)
	case *dns.SRV:
		r.Data, r.Priority, r.Weight, r.Port = rr.Target, &rr.Priority, &rr.Weight, &rr.Port
	case *dns.CAA:
		// The API wants a final dot here too, and does not show it.
		r.Data, r.Flags, r.Tag = rr.Value+".", &rr.Flag, rr.Tag
	default:
		err = fmt.Errorf("digitalocean: %w: it takes no records of type %s", ErrRefused, set.TypeName())
	}
	return r, err
}
