// Package probe looks at the world the way a receiver of mail does: it sends
// a marked message through the target, finds it in a mailbox elsewhere, and
// judges it from its bytes: DKIM, SPF, and whether either may speak for the
// domain in the From header. What was not measured is never a success.
package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
)

// A Resolver asks the DNS. Absence is a *net.DNSError with IsNotFound or an
// empty answer; any other error means that nobody knows. The net.Resolver of
// the standard library is one.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error)
	LookupAddr(ctx context.Context, addr string) ([]string, error)
}

// A knower is a Resolver that can tell a name that does not exist from one
// without the record that was asked for.
type knower interface {
	Exists(ctx context.Context, name string) (bool, error)
}

// maxQueries bounds what one message may make us ask. Ten signatures, eight
// queries a walk and ten SPF terms of ten hosts stay below it.
const maxQueries = 400

var (
	errQueries    = errors.New("too many DNS queries for one message")
	errNoResolver = errors.New("no resolver was given")
)

// An asker stands between the libraries and the resolver. They tell absence
// and failure apart by *net.DNSError alone, so every error leaves as one.
type asker struct {
	resolver Resolver
	left     int
}

func (a *asker) LookupTXT(ctx context.Context, name string) ([]string, error) {
	if err := a.count(name); err != nil {
		return nil, err
	}
	txts, err := a.resolver.LookupTXT(ctx, absolute(name))
	return txts, dnsError(name, err)
}

func (a *asker) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	if err := a.count(name); err != nil {
		return nil, err
	}
	mxs, err := a.resolver.LookupMX(ctx, absolute(name))
	return mxs, dnsError(name, err)
}

func (a *asker) LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error) {
	if err := a.count(host); err != nil {
		return nil, err
	}
	ips, err := a.resolver.LookupIPAddr(ctx, absolute(host))
	return ips, dnsError(host, err)
}

func (a *asker) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	if err := a.count(addr); err != nil {
		return nil, err
	}
	names, err := a.resolver.LookupAddr(ctx, addr)
	return names, dnsError(addr, err)
}

// txt is LookupTXT for the DMARC room, where absence is no error.
func (a *asker) txt(ctx context.Context) dmarc.Lookup {
	return func(name string) ([]string, error) {
		txts, err := a.LookupTXT(ctx, name)
		if notFound(err) {
			return nil, nil
		}
		return txts, err
	}
}

// exists reports whether the DNS knows a name. Of a Resolver that cannot say,
// it asks for what mail uses, which stands in for NXDOMAIN.
func (a *asker) exists(ctx context.Context, name string) (bool, error) {
	if k, ok := a.resolver.(knower); ok {
		if err := a.count(name); err != nil {
			return false, err
		}
		known, err := k.Exists(ctx, absolute(name))
		return known, dnsError(name, err)
	}
	mxs, err := a.LookupMX(ctx, name)
	if len(mxs) > 0 || err != nil && !notFound(err) {
		return len(mxs) > 0, err
	}
	ips, err := a.LookupIPAddr(ctx, name)
	if len(ips) > 0 || err != nil && !notFound(err) {
		return len(ips) > 0, err
	}
	txts, err := a.LookupTXT(ctx, name)
	if notFound(err) {
		err = nil
	}
	return len(txts) > 0, err
}

func (a *asker) count(name string) error {
	if a.resolver == nil {
		return dnsError(name, errNoResolver)
	}
	if a.left--; a.left < 0 {
		return dnsError(name, errQueries)
	}
	return nil
}

// dnsError turns any error that is not absence into a temporary one: what was
// not answered may be answered later.
func dnsError(name string, err error) error {
	if err == nil || notFound(err) {
		return err
	}
	return &net.DNSError{Err: err.Error(), Name: name, IsTemporary: true, UnwrapErr: err}
}

func notFound(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}

// absolute keeps a system's search list out of the question.
func absolute(name string) string {
	if name == "" || strings.HasSuffix(name, ".") {
		return name
	}
	return name + "."
}

// printable makes text from outside fit for a terminal and a report: short,
// and anything but printable ASCII escaped.
func printable(s string, most int) string {
	if len(s) > most {
		s = s[:most] + "..."
	}
	q := strconv.QuoteToASCII(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

// errorText is printable for errors, whose words often come from outside.
func errorText(err error) string { return printable(fmt.Sprint(err), 300) }
