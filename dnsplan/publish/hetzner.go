package publish

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// Hetzner publishes by the DNS of the Hetzner Cloud, RRset by RRset. Each is
// replaced as a whole and without a comparison; the work is done in the
// background and waited for.
type Hetzner struct {
	Token string // of the Cloud project that holds the zone, with read and write
	API
}

// Abilities reports neither a transaction nor a comparison.
func (p *Hetzner) Abilities() Abilities { return Abilities{Name: "hetzner", TTLFloor: 60} }

// Publish makes the changes one after the other: what comes is there before
// anything goes.
func (p *Hetzner) Publish(ctx context.Context, apex string, changes []dnsplan.Change) error {
	return put(ctx, p, apex, changes)
}

// List reads the zone.
func (p *Hetzner) List(ctx context.Context, apex string) (Listing, error) { return list(ctx, p, apex) }

// Check asks for the zone.
func (p *Hetzner) Check(ctx context.Context, apex string) error { return check(ctx, p, apex) }

func (p *Hetzner) rest() rest {
	return rest{
		API: p.API, vendor: "hetzner", root: "https://api.hetzner.cloud/v1",
		sign: bearer("Bearer", p.Token), secrets: []string{p.Token},
	}
}

type hetznerRecord struct {
	Value   string `json:"value"`
	Comment string `json:"comment,omitempty"`
}

type hetznerSet struct {
	Name       string          `json:"name,omitempty"`
	Type       string          `json:"type,omitempty"`
	TTL        *uint32         `json:"ttl,omitempty"` // nil: the zone's
	Records    []hetznerRecord `json:"records,omitempty"`
	Protection *struct {
		Change bool `json:"change"`
	} `json:"protection,omitempty"`
}

// A hetznerAction is work in the background.
type hetznerAction struct {
	Action struct {
		ID     int64  `json:"id"`
		Status string `json:"status"`
		Error  *struct {
			Message string `json:"message"`
		} `json:"error"`
	} `json:"action"`
}

func (p *Hetzner) read(ctx context.Context, apex string) (*book, error) {
	c := p.rest()
	var in struct {
		Zone struct {
			TTL  uint32 `json:"ttl"`
			Mode string `json:"mode"`
		} `json:"zone"`
	}
	if _, err := c.get(ctx, path("zones", bare(apex)), &in); err != nil {
		if missing(err) {
			return nil, fmt.Errorf("%w; one that is still in the old DNS Console has to be migrated to the Hetzner Console first", noZone("hetzner", apex))
		}
		return nil, err
	}
	if in.Zone.Mode == "secondary" {
		return nil, fmt.Errorf("hetzner: %w: %s is a secondary zone; change it at its primary", ErrRefused, apex)
	}
	b := newBook(apex, bare(apex), p.Abilities().TTLFloor)
	b.origin = apex
	return b, p.pages(ctx, c, b, in.Zone.TTL)
}

// pages enters every RRset; one without a TTL has the zone's.
func (p *Hetzner) pages(ctx context.Context, c rest, b *book, ttl uint32) error {
	for page := 1; page <= maxPages; {
		var in struct {
			RRsets []hetznerSet `json:"rrsets"`
			Meta   struct {
				Pagination struct {
					Next int `json:"next_page"`
				} `json:"pagination"`
			} `json:"meta"`
		}
		if _, err := c.get(ctx, path("zones", b.id, "rrsets")+fmt.Sprintf("?per_page=50&page=%d", page), &in); err != nil {
			return err
		}
		for _, s := range in.RRsets {
			hetznerEnter(b, s, ttl)
		}
		if in.Meta.Pagination.Next <= page {
			return nil
		}
		page = in.Meta.Pagination.Next
	}
	return fmt.Errorf("hetzner: %w: a listing without end", ErrUnavailable)
}

func hetznerEnter(b *book, s hetznerSet, ttl uint32) {
	if s.TTL != nil {
		ttl = *s.TTL
	}
	name := absolute(s.Name, b.Zone.Origin)
	for _, r := range s.Records {
		b.add(name, s.Type, record{data: r.Value, ttl: ttl, note: r.Comment})
	}
	if typ, err := zone.ParseType(s.Type); err == nil && s.Protection != nil && s.Protection.Change {
		b.lock(zone.Key{Name: name, Type: typ}, "it is protected against changes; take the protection off in the console first")
	}
}

func (p *Hetzner) write(ctx context.Context, b *book, due []live) error {
	for _, l := range due {
		if err := p.one(ctx, b, l); err != nil {
			set := l.RRset()
			return fmt.Errorf("%s: %w", set.Key(), err)
		}
	}
	return nil
}

// one makes one change. Records and TTL of an RRset that is there are changed
// by two calls; a record that stays keeps its comment.
func (p *Hetzner) one(ctx context.Context, b *book, l live) error {
	set := l.RRset()
	all := path("zones", b.id, "rrsets")
	own := all + path(relative(set.Name, b.Zone.Origin, "@"), set.TypeName())
	body := hetznerSet{}
	s := b.steps(l)
	for _, r := range s.keep {
		body.Records = append(body.Records, hetznerRecord{r.data, r.note})
	}
	for _, data := range s.add {
		body.Records = append(body.Records, hetznerRecord{Value: data})
	}
	switch {
	case l.After == nil:
		return p.act(ctx, http.MethodDelete, own, nil)
	case l.now == nil:
		body.Name, body.Type, body.TTL = relative(set.Name, b.Zone.Origin, "@"), set.TypeName(), &set.TTL
		return p.act(ctx, http.MethodPost, all, body)
	}
	if len(s.add)+len(s.drop) > 0 {
		if err := p.act(ctx, http.MethodPost, own+"/actions/set_records", body); err != nil {
			return err
		}
	}
	if l.now.TTL == set.TTL {
		return nil
	}
	return p.act(ctx, http.MethodPost, own+"/actions/change_ttl", hetznerSet{TTL: &set.TTL})
}

// act makes a request that starts work in the background, and waits for it.
func (p *Hetzner) act(ctx context.Context, method, at string, body any) error {
	c := p.rest()
	var in hetznerAction
	if _, err := c.call(ctx, method, at, body, &in); err != nil {
		return err
	}
	for range 120 {
		switch {
		case in.Action.Status == "error" && in.Action.Error != nil:
			return fmt.Errorf("hetzner: %w: %s", ErrNotApplied, c.shown(in.Action.Error.Message))
		case in.Action.Status != "running":
			return nil // what it did is read back
		}
		if err := c.sleep(ctx, 500*time.Millisecond); err != nil {
			return err
		}
		if _, err := c.get(ctx, path("actions", fmt.Sprint(in.Action.ID)), &in); err != nil {
			return err
		}
	}
	return fmt.Errorf("hetzner: %w: the work in the background does not end", ErrUnavailable)
}
