package publish

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// RFC2136 publishes by dynamic update, one message for all changes of a call:
// the server applies all of it or nothing. Each RRset is written only over
// what was just read, which the message demands as its prerequisite.
type RFC2136 struct {
	Server   string            // the primary, "host:port" or "host"
	TSIG     *resolver.TSIG    // nil: unsigned, which few servers take
	Dial     resolver.DialFunc // nil: net.Dialer
	Timeout  time.Duration     // as in resolver.Client
	TTLFloor uint32            // the lowest TTL that the server is known to keep
	Log      *slog.Logger      // nil: silent
}

// Abilities reports that the server compares and writes as one, and all
// changes at once.
func (p *RFC2136) Abilities() Abilities {
	return Abilities{Name: "rfc2136", Swap: true, Atomic: true, TTLFloor: p.TTLFloor}
}

// Publish sends one update for all changes and reads back what it did: the
// NOERROR of a server proves nothing (BIND ignores a CNAME beside other data
// without a word). A lost answer is settled by reading too.
func (p *RFC2136) Publish(ctx context.Context, apex string, changes []dnsplan.Change) error {
	apex = zone.Canonical(apex)
	if err := belong(apex, changes); err != nil {
		return err
	}
	due, err := p.due(ctx, apex, changes)
	if err != nil || len(due) == 0 {
		return err
	}
	m, err := message(apex, due)
	if err != nil {
		return err
	}
	in, err := p.client().Transact(ctx, p.server(), m, p.TSIG)
	switch {
	case errors.Is(err, resolver.ErrDenied):
		return fmt.Errorf("update %s: %w: %w", apex, ErrRefused, err)
	case err != nil:
		return p.settle(ctx, apex, changes, err)
	}
	p.log().DebugContext(ctx, "dns update", "server", p.Server, "domain", apex)
	if err := p.judge(ctx, apex, changes, in.Rcode); err != nil {
		return err
	}
	return p.confirm(ctx, apex, changes)
}

// Check asks for the right to update a zone, by an update that demands its SOA
// to exist and changes nothing.
func (p *RFC2136) Check(ctx context.Context, apex string) error {
	apex = zone.Canonical(apex)
	rcode, err := p.demand(ctx, apex, zone.Key{Name: apex, Type: dns.TypeSOA})
	if err != nil {
		return err
	}
	return refusal(apex, p.Server, rcode)
}

// A live is a change and the RRset as it was read before it is written.
type live struct {
	dnsplan.Change
	now *zone.RRset
}

// due reads every RRset and returns the changes that are still to be made.
func (p *RFC2136) due(ctx context.Context, apex string, changes []dnsplan.Change) ([]live, error) {
	var due []live
	for _, c := range changes {
		key := c.RRset().Key()
		now, err := p.read(ctx, apex, key)
		if err != nil {
			return nil, err
		}
		switch {
		case zone.Same(now, c.After):
		case !zone.Equal(now, c.Before) && !zone.Equal(now, c.After):
			return nil, &StaleError{Name: key.Name, Type: key.Type, Want: c.Before, Got: now}
		default:
			due = append(due, live{c, now})
		}
	}
	return due, nil
}

// message builds the update: what is there now as prerequisites, record for
// record with the strings of TXT as served, then all deletions, then all
// additions. That order lets a CNAME take the place of other types.
func message(apex string, due []live) (*dns.Msg, error) {
	m := new(dns.Msg)
	m.SetUpdate(apex)
	for _, c := range due {
		set := c.RRset()
		empty := []dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: set.Name, Rrtype: set.Type}}}
		if c.now == nil {
			m.RRsetNotUsed(empty)
			continue
		}
		rrs, err := c.now.RRs()
		if err != nil {
			return nil, fmt.Errorf("update %s: %w", apex, err)
		}
		m.Used(rrs)
		m.RemoveRRset(empty)
	}
	for _, c := range due {
		if c.After == nil {
			continue
		}
		rrs, err := c.After.RRs()
		if err != nil {
			return nil, fmt.Errorf("update %s: %w", apex, err)
		}
		m.Insert(rrs)
	}
	return m, nil
}

// judge turns the server's RCODE into an error, or nil for NOERROR.
func (p *RFC2136) judge(ctx context.Context, apex string, changes []dnsplan.Change, rcode int) error {
	switch rcode {
	case dns.RcodeNXRrset, dns.RcodeYXRrset, dns.RcodeNameError, dns.RcodeYXDomain:
		// Somebody wrote between our look and the update. Look again.
		if _, err := p.due(ctx, apex, changes); err != nil {
			return err
		}
		return fmt.Errorf("update %s: %w: the zone changed meanwhile (%s)", apex, ErrUnavailable, dns.RcodeToString[rcode])
	}
	return refusal(apex, p.Server, rcode)
}

// refusal classifies the RCODEs that do not depend on the zone's content.
func refusal(apex, server string, rcode int) error {
	kind := ErrUnavailable
	switch rcode {
	case dns.RcodeSuccess:
		return nil
	case dns.RcodeRefused, dns.RcodeNotAuth, dns.RcodeNotZone, dns.RcodeNotImplemented:
		kind = ErrRefused
	case dns.RcodeFormatError:
		return fmt.Errorf("update %s: %s answered FORMERR", apex, server)
	}
	name, ok := dns.RcodeToString[rcode]
	if !ok {
		name = fmt.Sprintf("RCODE %d", rcode)
	}
	return fmt.Errorf("update %s: %w: %s answered %s", apex, kind, server, name)
}

// settle finds out what became of an update whose answer was lost.
func (p *RFC2136) settle(ctx context.Context, apex string, changes []dnsplan.Change, lost error) error {
	if p.confirm(ctx, apex, changes) == nil {
		return nil
	}
	return fmt.Errorf("update %s: %w: %w", apex, ErrUnavailable, lost)
}

// confirm reads every RRset back from the primary.
func (p *RFC2136) confirm(ctx context.Context, apex string, changes []dnsplan.Change) error {
	for _, c := range changes {
		key := c.RRset().Key()
		now, err := p.read(ctx, apex, key)
		if err != nil {
			return err
		}
		if !zone.Same(now, c.After) {
			return fmt.Errorf("update %s: %w: %s: want %s, got %s", apex, ErrNotApplied, key, brief(c.After), brief(now))
		}
	}
	return nil
}

// read returns the RRset as it stands in the zone. Where a wildcard would give
// the same answer only the update protocol can tell the two apart.
func (p *RFC2136) read(ctx context.Context, apex string, key zone.Key) (*zone.RRset, error) {
	now, err := p.client().Ask(ctx, p.server(), key.Name, key.Type)
	if err == nil && now != nil {
		exact, err2 := p.client().Exact(ctx, p.server(), apex, key.Name, key.Type)
		if err2 == nil && exact == nil {
			return p.explicit(ctx, apex, now)
		}
		now, err = exact, err2
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w: %w", key, ErrUnavailable, err)
	}
	return now, nil
}

// explicit returns the RRset if the zone has it by that name, and nil if only
// a wildcard answers.
func (p *RFC2136) explicit(ctx context.Context, apex string, set *zone.RRset) (*zone.RRset, error) {
	rcode, err := p.demand(ctx, apex, set.Key())
	if err != nil {
		return nil, err
	}
	if rcode == dns.RcodeNXRrset {
		return nil, nil
	}
	return set, refusal(apex, p.Server, rcode)
}

// demand sends an update that demands an RRset to exist and changes nothing.
func (p *RFC2136) demand(ctx context.Context, apex string, key zone.Key) (int, error) {
	m := new(dns.Msg)
	m.SetUpdate(apex)
	m.RRsetUsed([]dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: key.Name, Rrtype: key.Type}}})
	in, err := p.client().Transact(ctx, p.server(), m, p.TSIG)
	switch {
	case errors.Is(err, resolver.ErrDenied):
		return 0, fmt.Errorf("update %s: %w: %w", apex, ErrRefused, err)
	case err != nil:
		return 0, fmt.Errorf("update %s: %w: %w", apex, ErrUnavailable, err)
	}
	return in.Rcode, nil
}

// belong refuses changes that are not of this zone, before anything is read.
func belong(apex string, changes []dnsplan.Change) error {
	var seen []zone.Key
	for _, c := range changes {
		if c.Before == nil && c.After == nil {
			return fmt.Errorf("update %s: a change without an RRset", apex)
		}
		key := c.RRset().Key()
		if !zone.Within(key.Name, apex) || c.Zone != "" && zone.Canonical(c.Zone) != apex {
			return fmt.Errorf("update %s: %s belongs to zone %s", apex, key, c.Zone)
		}
		if slices.Contains(seen, key) {
			return fmt.Errorf("update %s: %s is changed twice", apex, key)
		}
		seen = append(seen, key)
	}
	return nil
}

func (p *RFC2136) client() *resolver.Client {
	return &resolver.Client{Dial: p.Dial, Timeout: p.Timeout, TCP: true, Log: p.Log}
}

func (p *RFC2136) server() resolver.Server {
	addr := p.Server
	if _, _, err := net.SplitHostPort(addr); err != nil {
		addr = net.JoinHostPort(addr, "53")
	}
	return resolver.Server{Name: p.Server, Addr: addr}
}

func (p *RFC2136) log() *slog.Logger {
	if p.Log != nil {
		return p.Log
	}
	return slog.New(slog.DiscardHandler)
}
