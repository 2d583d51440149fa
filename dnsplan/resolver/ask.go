package resolver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

// Ask returns the RRset that one authoritative server serves under a name, or
// nil where the server says with authority that there is none. It does not
// follow a CNAME: the name then has no other type. Everything else, a server
// without authority included, is an error that wraps ErrNoAnswer.
//
// What a wildcard synthesises is returned like any other answer; Exact tells
// the two apart.
func (c *Client) Ask(ctx context.Context, s Server, name string, typ uint16) (*zone.RRset, error) {
	sets, err := c.ask(ctx, s, name, typ)
	if err != nil {
		return nil, err
	}
	return pick(sets, typ), nil
}

// Exact is Ask without the answers that a wildcard of the zone synthesises
// (RFC 4592): what a random name beside this one gets too does not exist under
// this name.
func (c *Client) Exact(ctx context.Context, s Server, apex, name string, typ uint16) (*zone.RRset, error) {
	name = zone.Canonical(name)
	sets, err := c.ask(ctx, s, name, typ)
	if err != nil {
		return nil, err
	}
	if other, ok := sibling(name); ok && len(sets) > 0 && name != zone.Canonical(apex) {
		wild, err := c.ask(ctx, s, other, typ)
		if err != nil {
			return nil, err
		}
		sets = unlike(sets, wild)
	}
	return pick(sets, typ), nil
}

// unlike returns the sets that do not look like what the wildcard gives.
func unlike(sets, wild []zone.RRset) []zone.RRset {
	var kept []zone.RRset
	for _, set := range sets {
		w := pick(wild, set.Type)
		if w != nil {
			same := *w
			same.Name = set.Name
			if zone.Equal(&same, &set) {
				continue
			}
		}
		kept = append(kept, set)
	}
	return kept
}

// sibling returns a name beside the given one that nobody has. Only
// authoritative servers are asked for it.
func sibling(name string) (string, bool) {
	i, end := dns.NextLabel(name, 0)
	if end || strings.HasPrefix(name, "*.") {
		return "", false
	}
	return "mxmove-" + strings.ToLower(rand.Text()[:12]) + "." + name[i:], true
}

func pick(sets []zone.RRset, typ uint16) *zone.RRset {
	for _, set := range sets {
		if set.Type == typ {
			return &set
		}
	}
	return nil
}

// errLame is a server that answers without authority.
var errLame = errors.New("the server has no authority for this name")

// A referral is an answer that sends us to the servers of a zone below.
type referral struct{ cut []zone.RRset }

func (*referral) Error() string { return "the name is delegated to other servers" }

// ask returns the RRsets at exactly this name: of the type, or the CNAME that
// stands in its place.
func (c *Client) ask(ctx context.Context, s Server, name string, typ uint16) ([]zone.RRset, error) {
	name = zone.Canonical(name)
	in, err := c.query(ctx, s, dns.Question{Name: name, Qtype: typ}, direct)
	if err != nil {
		return nil, err
	}
	if err := authoritative(in); err != nil {
		return nil, noAnswer(name, typ, s, err)
	}
	return owned(in.Answer, name, typ), nil
}

// authoritative reports why an answer proves nothing, or nil.
func authoritative(in *dns.Msg) error {
	switch {
	case in.Rcode != dns.RcodeSuccess && in.Rcode != dns.RcodeNameError:
		return errors.New(rcode(in.Rcode))
	case in.Authoritative:
		return nil
	}
	if cut := delegated(in); len(cut) > 0 {
		return &referral{cut}
	}
	return errLame
}

// delegated returns the NS RRset of a referral to a zone that holds the name
// asked for.
func delegated(in *dns.Msg) []zone.RRset {
	var ns []dns.RR
	for _, rr := range in.Ns {
		owner := rr.Header().Name
		if rr.Header().Rrtype == dns.TypeNS && len(in.Question) == 1 && owner != "." && zone.Within(in.Question[0].Name, owner) {
			ns = append(ns, rr)
		}
	}
	return zone.FromRRs(ns)
}

// An rcodeError is an answer with an error for a code.
type rcodeError int

func (e rcodeError) Error() string { return rcode(int(e)) }

func rcode(n int) string {
	if s, ok := dns.RcodeToString[n]; ok {
		return s
	}
	return fmt.Sprintf("RCODE %d", n)
}

// owned groups the records of a name and of the type or CNAME, and leaves the
// rest of the answer alone.
func owned(rrs []dns.RR, name string, typ uint16) []zone.RRset {
	var mine []dns.RR
	for _, rr := range rrs {
		h := rr.Header()
		if h.Class == dns.ClassINET && (h.Rrtype == typ || h.Rrtype == dns.TypeCNAME) && zone.Canonical(h.Name) == name {
			mine = append(mine, rr)
		}
	}
	return zone.FromRRs(mine)
}

func noAnswer(name string, typ uint16, s Server, why error) error {
	return fmt.Errorf("%s from %s: %w: %w", zone.Key{Name: name, Type: typ}, s, ErrNoAnswer, why)
}
