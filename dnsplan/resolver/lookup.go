package resolver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

const (
	resolvConf = "/etc/resolv.conf"
	maxChain   = 8 // aliases in a row
)

// Lookup asks the recursive resolver, as the world outside would, and follows
// aliases. It returns RDATA in presentation form; none without an error means
// that the record is proven not to exist. Names that may not exist yet are
// better not asked here: the resolver would remember their absence, just when
// the provider comes looking (RFC 2308).
func (c *Client) Lookup(ctx context.Context, name string, typ uint16) ([]string, error) {
	return c.lookup(ctx, name, typ, c.recurse)
}

// An askFunc puts a question to the resolvers.
type askFunc func(ctx context.Context, name string, typ uint16) (*dns.Msg, error)

func (c *Client) lookup(ctx context.Context, name string, typ uint16, ask askFunc) ([]string, error) {
	asked, ok := askable(name)
	if !ok {
		return nil, nil // what cannot be asked for cannot exist
	}
	next := asked
	for range maxChain {
		in, err := ask(ctx, next, typ)
		if err != nil {
			return nil, err
		}
		end := follow(in.Answer, next, typ)
		if set := pick(owned(in.Answer, end, typ), typ); set != nil {
			return set.Data, nil
		}
		if end == next || in.Rcode == dns.RcodeNameError {
			return nil, nil
		}
		next = end
	}
	return nil, fmt.Errorf("%s %s: %w: more than %d aliases in a row", asked, dns.TypeToString[typ], ErrNoAnswer, maxChain)
}

// askable spells a name as an answer will spell it, since an answer to another
// question is not taken for one to this. Names are not always ours: the local
// part of a sender may stand in what an SPF record asks for, with apostrophes
// and blanks.
func askable(name string) (string, bool) {
	name = zone.Canonical(name)
	if _, ok := dns.IsDomainName(name); !ok {
		return "", false
	}
	var wire [256]byte
	n, err := dns.PackDomainName(name, wire[:], 0, nil, false)
	if err != nil {
		return "", false
	}
	spelt, _, err := dns.UnpackDomainName(wire[:n], 0)
	return zone.Canonical(spelt), err == nil
}

// Exists asks the recursive resolver whether the DNS knows a name: anything at
// it or below it, as RFC 8020 has it, and an alias that leads nowhere, too.
func (c *Client) Exists(ctx context.Context, name string) (bool, error) {
	asked, ok := askable(name)
	if !ok {
		return false, nil
	}
	in, err := c.recurse(ctx, asked, dns.TypeA)
	if err != nil {
		return false, err
	}
	return in.Rcode == dns.RcodeSuccess || len(in.Answer) > 0, nil
}

// follow walks the aliases of one answer to their end.
func follow(rrs []dns.RR, name string, typ uint16) string {
	if typ == dns.TypeCNAME {
		return name
	}
	for range maxChain {
		i := slices.IndexFunc(rrs, func(rr dns.RR) bool {
			return rr.Header().Rrtype == dns.TypeCNAME && zone.Canonical(rr.Header().Name) == name
		})
		if i < 0 {
			break
		}
		name = zone.Canonical(rrs[i].(*dns.CNAME).Target)
	}
	return name
}

// recurse asks the resolvers in turn until one knows.
func (c *Client) recurse(ctx context.Context, name string, typ uint16) (*dns.Msg, error) {
	return c.resolve(ctx, name, typ, recursion)
}

// recurseAnyway is recurse for the way to the servers of a zone. A resolver
// that validates fails where signatures do not hold (RFC 4035, section 5.5),
// and the servers still know what is in their zone: it is asked once more, not
// to look at them.
func (c *Client) recurseAnyway(ctx context.Context, name string, typ uint16) (*dns.Msg, error) {
	in, err := c.recurse(ctx, name, typ)
	if !failed(err) {
		return in, err
	}
	if in, again := c.resolve(ctx, name, typ, unchecked); again == nil {
		return in, nil
	}
	return nil, err
}

// bogus reports whether resolvers fail for a name only because of signatures.
func (c *Client) bogus(ctx context.Context, name string) bool {
	_, err := c.recurse(ctx, name, dns.TypeSOA)
	if !failed(err) {
		return false
	}
	_, err = c.resolve(ctx, name, dns.TypeSOA, unchecked)
	return err == nil
}

// failed reports whether a resolver has answered that it could not resolve.
func failed(err error) bool {
	code, ok := errors.AsType[rcodeError](err)
	return ok && code == dns.RcodeServerFailure
}

func (c *Client) resolve(ctx context.Context, name string, typ uint16, as manner) (*dns.Msg, error) {
	resolvers, err := c.resolvers()
	if err != nil {
		return nil, err
	}
	var last error
	for _, addr := range resolvers {
		s := Server{Name: "resolver", Addr: addr}
		in, err := c.query(ctx, s, dns.Question{Name: name, Qtype: typ}, as)
		if err == nil {
			if err = recursive(in); err == nil {
				return in, nil
			}
			err = noAnswer(name, typ, s, err)
		}
		if ctx.Err() != nil {
			return nil, err
		}
		last = err
	}
	return nil, last
}

// recursive reports why an answer of a resolver proves nothing, or nil.
func recursive(in *dns.Msg) error {
	switch {
	case in.Rcode != dns.RcodeSuccess && in.Rcode != dns.RcodeNameError:
		return rcodeError(in.Rcode)
	case !in.RecursionAvailable && !in.Authoritative:
		return errors.New("the server does not resolve for others")
	}
	return nil
}

func (c *Client) resolvers() ([]string, error) {
	if c.Resolver != "" {
		return []string{withPort(c.Resolver)}, nil
	}
	conf, err := dns.ClientConfigFromFile(resolvConf)
	if err != nil {
		return nil, fmt.Errorf("system resolver: %w: %w", ErrNoAnswer, err)
	}
	if len(conf.Servers) == 0 {
		return nil, fmt.Errorf("system resolver: %w: %s names none", ErrNoAnswer, resolvConf)
	}
	var addrs []string
	for _, host := range conf.Servers[:min(3, len(conf.Servers))] {
		addrs = append(addrs, net.JoinHostPort(host, "53"))
	}
	return addrs, nil
}

func withPort(addr string) string {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return net.JoinHostPort(addr, "53")
	}
	return addr
}
