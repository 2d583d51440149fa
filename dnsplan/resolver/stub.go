package resolver

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

// A Stub offers a Client's recursive lookups under the names that SPF and DKIM
// libraries expect of a net.Resolver. Absence is a *net.DNSError with
// IsNotFound, everything else one with IsTemporary, so that silence is never
// taken for a missing record.
type Stub struct{ Client *Client }

// TXT returns a lookup function bound to a context, as go-msgauth takes it.
func (s Stub) TXT(ctx context.Context) func(name string) ([]string, error) {
	return func(name string) ([]string, error) { return s.LookupTXT(ctx, name) }
}

// LookupTXT returns the TXT records of a name, each with its strings joined.
func (s Stub) LookupTXT(ctx context.Context, name string) ([]string, error) {
	data, err := s.look(ctx, name, dns.TypeTXT)
	if err != nil {
		return nil, err
	}
	texts := make([]string, 0, len(data))
	for _, d := range data {
		if d == "" {
			continue // no string at all is no text, and no reason to miss the others
		}
		text, err := zone.JoinTXT(d)
		if err != nil {
			return nil, temporary(name, err)
		}
		texts = append(texts, text)
	}
	if len(texts) == 0 {
		return nil, missing(name)
	}
	return texts, nil
}

// LookupMX returns the MX records of a name as they stand in the DNS.
func (s Stub) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	data, err := s.look(ctx, name, dns.TypeMX)
	if err != nil {
		return nil, err
	}
	var mxs []*net.MX
	for _, d := range data {
		pref, host, _ := strings.Cut(d, " ")
		n, err := strconv.ParseUint(pref, 10, 16)
		if err != nil {
			return nil, temporary(name, err)
		}
		mxs = append(mxs, &net.MX{Host: host, Pref: uint16(n)})
	}
	return mxs, nil
}

// LookupIPAddr returns the IPv4 and IPv6 addresses of a host. Both questions
// have to be answered.
func (s Stub) LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error) {
	addrs, err := s.Client.addresses(ctx, host)
	if err != nil {
		return nil, temporary(host, err)
	}
	if len(addrs) == 0 {
		return nil, missing(host)
	}
	ips := make([]net.IPAddr, len(addrs))
	for i, a := range addrs {
		ips[i].IP = net.ParseIP(a)
	}
	return ips, nil
}

// LookupAddr returns the names that an address claims (PTR).
func (s Stub) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	name, err := dns.ReverseAddr(addr)
	if err != nil {
		return nil, &net.DNSError{Err: "not an address", Name: addr, IsNotFound: true}
	}
	return s.look(ctx, name, dns.TypePTR)
}

// Exists reports whether the DNS knows a name, whatever stands there.
func (s Stub) Exists(ctx context.Context, name string) (bool, error) {
	known, err := s.Client.Exists(ctx, name)
	if err != nil {
		return false, temporary(name, err)
	}
	return known, nil
}

func (s Stub) look(ctx context.Context, name string, typ uint16) ([]string, error) {
	data, err := s.Client.Lookup(ctx, name, typ)
	if err != nil {
		return nil, temporary(name, err)
	}
	if len(data) == 0 {
		return nil, missing(name)
	}
	return data, nil
}

func missing(name string) error {
	return &net.DNSError{Err: "no such record", Name: name, IsNotFound: true}
}

func temporary(name string, err error) error {
	return &net.DNSError{Err: fmt.Sprint(err), UnwrapErr: err, Name: name, IsTemporary: true}
}
