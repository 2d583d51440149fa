package publish

import (
	"context"
	"fmt"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// Manual publishes by a person who types into a panel. Publish writes nothing:
// it reads the authoritative servers, and returns a *SheetError with what is
// still to be typed, or nil when nothing is.
type Manual struct {
	Client   *resolver.Client // how the authoritative servers are asked
	TTLFloor uint32           // the lowest TTL that the panel takes
}

// Abilities promises nothing: a person is no transaction.
func (p *Manual) Abilities() Abilities { return Abilities{Name: "manual", TTLFloor: p.TTLFloor} }

// Publish returns the sheet.
func (p *Manual) Publish(ctx context.Context, apex string, changes []dnsplan.Change) error {
	apex = zone.Canonical(apex)
	if err := belong(apex, changes); err != nil {
		return err
	}
	servers, err := p.Client.Authoritative(ctx, apex)
	if err != nil {
		return fmt.Errorf("read %s: %w: %w", apex, ErrUnavailable, err)
	}
	var due []live
	for _, c := range changes {
		now, err := p.read(ctx, servers, apex, c)
		if err != nil {
			return err
		}
		switch {
		case zone.Same(now, c.After):
		case !zone.Equal(now, c.Before) && !zone.Equal(now, c.After) && !halfway(now, c) && slip(apex, c.After, now) == "":
			set := c.RRset()
			return &StaleError{Name: set.Name, Type: set.Type, Want: c.Before, Got: now}
		default:
			due = append(due, live{c, now})
		}
	}
	if len(due) == 0 {
		return nil
	}
	return &SheetError{Zone: apex, Sheet: sheet(apex, due)}
}

// read returns what is still different at some server, or what all of them
// show.
func (p *Manual) read(ctx context.Context, servers []resolver.Server, apex string, c dnsplan.Change) (*zone.RRset, error) {
	var first, last *zone.RRset
	var failed error
	heard := false
	key := c.RRset().Key()
	for _, s := range servers {
		now, err := p.Client.Ask(ctx, s, key.Name, key.Type)
		if err == nil && now != nil && !zone.Same(now, c.After) {
			// What only a wildcard says is not there yet.
			now, err = p.Client.Exact(ctx, s, apex, key.Name, key.Type)
		}
		if err != nil {
			failed = err
			continue
		}
		if !heard || !zone.Same(now, c.After) {
			last = now
		}
		if !heard {
			first, heard = now, true
		}
	}
	switch {
	case !heard && failed != nil:
		return nil, fmt.Errorf("read %s: %w: %w", key, ErrUnavailable, failed)
	case !zone.Same(first, c.After):
		return first, nil
	}
	return last, nil
}

// Explain says what was typed wrongly, where that can be told from what the
// servers show.
func (p *Manual) Explain(ctx context.Context, apex string, d resolver.Difference) string {
	apex = zone.Canonical(apex)
	if d.RRset == nil || d.Got != nil {
		return slip(apex, d.RRset, d.Got)
	}
	servers, err := p.Client.Authoritative(ctx, apex)
	if err != nil {
		return ""
	}
	twice := d.Key.Name + apex
	for _, s := range servers {
		if got, err := p.Client.Exact(ctx, s, apex, twice, d.Key.Type); err == nil && got != nil {
			return fmt.Sprintf("there is a record at %s: the panel completes names, so type %s as the name", twice, relative(d.Key.Name, apex, "@"))
		}
	}
	return ""
}
