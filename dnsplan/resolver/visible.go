package resolver

import (
	"context"
	"slices"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

// A Want is an RRset that every authoritative server shall show. A nil RRset
// shall be absent.
type Want struct {
	Key   zone.Key
	RRset *zone.RRset
}

// A Difference is a Want that one server does not show yet; Got is what it
// shows instead.
type Difference struct {
	Want
	Got *zone.RRset
}

// A ServerView is what one authoritative server showed. With an Err nothing is
// known of it.
type ServerView struct {
	Server      Server
	Serial      uint32
	Differences []Difference
	Err         error
}

// Shows reports whether the server shows everything that was wanted.
func (v ServerView) Shows() bool { return v.Err == nil && len(v.Differences) == 0 }

// A Visibility is one look at all authoritative servers of a zone.
type Visibility struct {
	Zone    string
	Servers []ServerView
}

// All reports whether every server shows everything. No server at all shows
// nothing.
func (v Visibility) All() bool {
	return len(v.Servers) > 0 && !slices.ContainsFunc(v.Servers, func(s ServerView) bool { return !s.Shows() })
}

// Visible asks every authoritative server of a zone, all at once, whether it
// shows what is wanted: the same data, with a TTL no higher than wanted. It
// looks once; who waits asks again. A server that does not answer stands in
// the result with its error; Visible itself fails only when it cannot learn
// which servers there are.
func (c *Client) Visible(ctx context.Context, apex string, want []Want) (Visibility, error) {
	v := Visibility{Zone: zone.Canonical(apex)}
	servers, err := c.Authoritative(ctx, v.Zone)
	if err != nil {
		return v, err
	}
	v.Servers = make([]ServerView, len(servers))
	var g errgroup.Group
	g.SetLimit(parallel)
	for i, s := range servers {
		g.Go(func() error {
			v.Servers[i] = c.view(ctx, s, v.Zone, want)
			return nil
		})
	}
	_ = g.Wait() // errors stand in the views
	v.Servers = routable(v.Servers, func(s ServerView) (Server, error) { return s.Server, s.Err })
	if ctx.Err() != nil {
		return v, context.Cause(ctx)
	}
	return v, nil
}

func (c *Client) view(ctx context.Context, s Server, apex string, want []Want) ServerView {
	v := ServerView{Server: s}
	if v.Serial, v.Err = c.Serial(ctx, s, apex); v.Err != nil {
		return v
	}
	for _, w := range want {
		got, err := c.shown(ctx, s, apex, w)
		if err != nil {
			v.Err = err
			return v
		}
		if !zone.Equal(got, w.RRset) || got != nil && got.TTL > w.RRset.TTL {
			v.Differences = append(v.Differences, Difference{Want: w, Got: got})
		}
	}
	return v
}

// shown returns what a server shows of what is wanted. A wildcard beside it
// matters only to what shall be absent: what shall be there may well say the
// same as the wildcard.
func (c *Client) shown(ctx context.Context, s Server, apex string, w Want) (*zone.RRset, error) {
	if w.RRset == nil {
		return c.Exact(ctx, s, apex, w.Key.Name, w.Key.Type)
	}
	return c.Ask(ctx, s, w.Key.Name, w.Key.Type)
}

// Serial returns the serial of the zone at one authoritative server.
func (c *Client) Serial(ctx context.Context, s Server, apex string) (uint32, error) {
	apex = zone.Canonical(apex)
	set, err := c.Ask(ctx, s, apex, dns.TypeSOA)
	if err != nil {
		return 0, err
	}
	soa, err := soaOf(set, apex, s)
	if err != nil {
		return 0, err
	}
	return soa.Serial, nil
}

func soaOf(set *zone.RRset, apex string, s Server) (*dns.SOA, error) {
	if set == nil {
		return nil, noAnswer(apex, dns.TypeSOA, s, errLame)
	}
	rrs, err := set.RRs()
	if err != nil {
		return nil, noAnswer(apex, dns.TypeSOA, s, err)
	}
	soa, ok := rrs[0].(*dns.SOA)
	if !ok {
		return nil, noAnswer(apex, dns.TypeSOA, s, errMismatch)
	}
	return soa, nil
}

// newer reports whether serial a comes after b, across the end of 32 bits too
// (RFC 1982, section 3.2).
func newer(a, b uint32) bool { return a != b && int32(a-b) > 0 }
