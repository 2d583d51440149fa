package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// ErrForbidden says that a name from outside leads to an address that nobody
// outside may lead us to.
var ErrForbidden = errors.New("probe: the address is not one of the public network")

// An Outside connects to hosts whose names come from somebody else's DNS. It
// asks for the addresses itself, leaves out those of this machine and of
// private networks, and connects to what it has looked at: a second answer of
// the DNS cannot lead elsewhere.
type Outside struct {
	Resolver  Resolver
	Dial      func(ctx context.Context, network, addr string) (net.Conn, error) // nil: net.Dialer
	Rehearsed func(addr string) bool                                            // whether Dial leads "host:port" elsewhere by the user's own word; nil: never
	TLS       *tls.Config                                                       // whom to trust; nil: the system's authorities
	Timeout   time.Duration                                                     // for all of one fetch; 0: 15 s
}

const (
	outsideTimeout = 15 * time.Second
	maxAddresses   = 4 // that are tried
)

func (o Outside) timeout() time.Duration {
	if o.Timeout > 0 {
		return o.Timeout
	}
	return outsideTimeout
}

func (o Outside) rehearsed(addr string) bool { return o.Rehearsed != nil && o.Rehearsed(addr) }

func (o Outside) open(ctx context.Context, network, addr string) (net.Conn, error) {
	if o.Dial != nil {
		return o.Dial(ctx, network, addr)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, addr)
}

// client returns an HTTP client that follows no redirect: an answer of one
// host must not send us to another.
func (o Outside) client() *http.Client {
	trust := o.TLS.Clone()
	if trust == nil {
		trust = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: o.dial, TLSClientConfig: trust,
			DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 16 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// dial connects to a host by name.
func (o Outside) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if o.rehearsed(addr) {
		return o.open(ctx, network, addr)
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	addrs, err := o.addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	last := fmt.Errorf("%w: %s has no address", ErrForbidden, host)
	tried := 0
	for _, a := range addrs {
		to := net.JoinHostPort(a.String(), port)
		if forbidden(a) && !o.rehearsed(to) {
			last = fmt.Errorf("%w: %s leads to %s", ErrForbidden, host, a)
			continue
		}
		if tried++; tried > maxAddresses {
			break
		}
		conn, err := o.open(ctx, network, to)
		if err == nil {
			return conn, nil
		}
		last = err
	}
	return nil, last
}

func (o Outside) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if o.Resolver == nil {
		return nil, errNoResolver
	}
	ips, err := o.Resolver.LookupIPAddr(ctx, absolute(host))
	if err != nil {
		return nil, err
	}
	var addrs []netip.Addr
	for _, ip := range ips {
		if a, ok := netip.AddrFromSlice(ip.IP); ok && ip.Zone == "" {
			addrs = append(addrs, a.Unmap())
		}
	}
	return addrs, nil
}

// closed are the networks that are no place outside, besides those that
// netip.Addr knows (RFC 6890). The networks for documentation are not among
// them: nothing is there.
var closed = func() []netip.Prefix {
	var ps []netip.Prefix
	for p := range strings.FieldsSeq("0.0.0.0/8 100.64.0.0/10 192.0.0.0/24 198.18.0.0/15 240.0.0.0/4 fec0::/10 100::/64") {
		ps = append(ps, netip.MustParsePrefix(p))
	}
	return ps
}()

// carriers are networks whose addresses have an IPv4 address inside, which is
// where a packet ends: NAT64 and 6to4.
var carriers = map[netip.Prefix]int{
	netip.MustParsePrefix("64:ff9b::/96"): 12,
	netip.MustParsePrefix("2002::/16"):    2,
}

// forbidden reports whether an address is of this machine, of a private
// network, or of many machines.
func forbidden(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsValid() || a.IsUnspecified() || a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsMulticast() {
		return true
	}
	for _, p := range closed {
		if p.Contains(a) {
			return true
		}
	}
	for p, at := range carriers {
		if p.Contains(a) {
			b := a.As16()
			return forbidden(netip.AddrFrom4([4]byte(b[at : at+4])))
		}
	}
	return false
}
