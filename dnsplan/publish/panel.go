package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// A console is the API of one DNS host. The functions below drive all of them
// the same way: read the zone, compare, write what is due, read it back.
type console interface {
	// read lists the whole zone.
	read(ctx context.Context, apex string) (*book, error)
	// write makes changes over what was just read, and stops at the first
	// that goes wrong.
	write(ctx context.Context, b *book, due []live) error
	Abilities() Abilities
}

// A stager is a console whose writes take effect at a word of their own. The
// word may be said again.
type stager interface {
	commit(ctx context.Context, b *book) error
}

// A stepper is a console that changes an RRset record by record: what a run
// that was cut short left behind is its own, and the next one goes on.
type stepper interface {
	steps()
}

// put publishes by a console.
func put(ctx context.Context, c console, apex string, changes []dnsplan.Change) error {
	apex = zone.Canonical(apex)
	if err := belong(apex, changes); err != nil {
		return err
	}
	b, err := c.read(ctx, apex)
	if err != nil {
		return fmt.Errorf("read %s: %w", apex, err)
	}
	due, err := b.due(c.Abilities(), steps(c), changes)
	if err != nil {
		return err
	}
	if len(due) > 0 {
		if err := c.write(ctx, b, inOrder(due)); err != nil {
			return settle(ctx, c, apex, changes, err)
		}
	}
	if err := commit(ctx, c, b); err != nil || len(due) == 0 {
		return err
	}
	return proven(ctx, c, apex, changes)
}

func commit(ctx context.Context, c console, b *book) error {
	s, ok := c.(stager)
	if !ok {
		return nil
	}
	if err := s.commit(ctx, b); err != nil {
		return fmt.Errorf("update %s: %w", b.Zone.Origin, err)
	}
	return nil
}

// settle finds out what became of a write that ended with an error: a lost
// answer may hide a success, and a refusal may come from somebody who edited
// the zone meanwhile.
func settle(ctx context.Context, c console, apex string, changes []dnsplan.Change, failed error) error {
	failed = fmt.Errorf("update %s: %w", apex, failed)
	if denied(failed) || ctx.Err() != nil {
		return failed
	}
	b, err := c.read(ctx, apex)
	if err != nil {
		return failed
	}
	due, err := b.due(c.Abilities(), steps(c), changes)
	switch {
	case err != nil:
		return err
	case len(due) > 0:
		return failed
	}
	return commit(ctx, c, b)
}

// proven reads the zone back: what an API answers proves nothing.
func proven(ctx context.Context, c console, apex string, changes []dnsplan.Change) error {
	b, err := c.read(ctx, apex)
	if err != nil {
		return fmt.Errorf("read back %s: %w", apex, err)
	}
	for _, change := range changes {
		key := change.RRset().Key()
		if now := b.Zone.Get(key.Name, key.Type); !zone.Same(now, change.After) {
			return fmt.Errorf("update %s: %w: %s: want %s, got %s", apex, ErrNotApplied, key, brief(change.After), brief(now))
		}
	}
	return nil
}

// list reads the zone for a snapshot.
func list(ctx context.Context, c console, apex string) (Listing, error) {
	apex = zone.Canonical(apex)
	b, err := c.read(ctx, apex)
	if err != nil {
		return Listing{}, fmt.Errorf("list %s: %w", apex, err)
	}
	for _, typ := range []uint16{dns.TypeNS, dns.TypeSOA} {
		// Most panels keep these to themselves.
		if b.Zone.Get(apex, typ) == nil {
			b.opaque(zone.Key{Name: apex, Type: typ}, "the DNS host writes it itself")
		}
	}
	return b.Listing, nil
}

// check asks for nothing but the zone: no API tells of the right to write
// without a write.
func check(ctx context.Context, c console, apex string) error {
	apex = zone.Canonical(apex)
	if _, err := c.read(ctx, apex); err != nil {
		return fmt.Errorf("read %s: %w", apex, err)
	}
	return nil
}

func steps(c console) bool {
	_, ok := c.(stepper)
	return ok
}

// due compares the zone with the changes and returns those still to be made.
func (b *book) due(a Abilities, steps bool, changes []dnsplan.Change) ([]live, error) {
	var due []live
	for _, change := range changes {
		key := change.RRset().Key()
		now := b.Zone.Get(key.Name, key.Type)
		switch {
		case b.locked[key] != "":
			return nil, fmt.Errorf("update %s: %w: %s: %s", b.Zone.Origin, ErrRefused, key, b.locked[key])
		case zone.Same(now, change.After):
			continue
		case !zone.Equal(now, change.Before) && !zone.Equal(now, change.After) && !(steps && halfway(now, change)):
			return nil, &StaleError{Name: key.Name, Type: key.Type, Want: change.Before, Got: now}
		case change.After != nil && change.After.TTL < b.TTLFloor:
			return nil, fmt.Errorf("update %s: %w: %s: the TTL %d is below the %d that %s takes; plan again",
				b.Zone.Origin, ErrRefused, key, change.After.TTL, b.TTLFloor, a.Name)
		}
		due = append(due, live{change, now})
	}
	return due, nil
}

// halfway reports whether an RRset is on its way from one side of a change to
// the other: all new records are added before the first old one goes.
func halfway(now *zone.RRset, c dnsplan.Change) bool {
	if now == nil {
		return false
	}
	within := func(data string, s *zone.RRset) bool {
		return s != nil && slices.ContainsFunc(s.Data, func(d string) bool { return zone.EqualData(now.Type, d, data) })
	}
	for _, data := range now.Data {
		if !within(data, c.Before) && !within(data, c.After) {
			return false
		}
	}
	whole := func(s *zone.RRset) bool {
		return s == nil || !slices.ContainsFunc(s.Data, func(d string) bool { return !within(d, now) })
	}
	return whole(c.Before) || whole(c.After)
}

// inOrder sorts changes for a host that takes them one by one: what comes is
// there before anything goes, so that mail always finds its way. Only a name
// that gets a CNAME, or loses one, has to be empty in between.
func inOrder(due []live) []live {
	var sorted []live
	done := make(map[zone.Key]bool)
	add := func(l live) {
		if key := l.RRset().Key(); !done[key] {
			done[key] = true
			sorted = append(sorted, l)
		}
	}
	for _, l := range due {
		if l.After == nil {
			continue
		}
		for _, other := range due {
			if other.After == nil && other.Before.Name == l.After.Name && (other.Before.Type == dns.TypeCNAME || l.After.Type == dns.TypeCNAME) {
				add(other)
			}
		}
		add(l)
	}
	for _, l := range due {
		add(l)
	}
	return sorted
}

// noZone is the error for a zone that the account does not hold.
func noZone(vendor, apex string) error {
	return fmt.Errorf("%s: %w: the account holds no zone %s", vendor, ErrRefused, apex)
}

// missing reports whether an answer says that there is no such thing.
func missing(err error) bool {
	status, ok := errors.AsType[*statusError](err)
	return ok && status.code == 404
}
