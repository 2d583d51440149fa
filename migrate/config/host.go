package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// names turns U-labels into A-labels and refuses what no host or mail domain
// is called.
var names = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.BidiRule(),
	idna.VerifyDNSLength(true),
	idna.StrictDomainName(true),
)

// hostName returns a name as an A-label, lower case, without a final dot.
func hostName(s string) (string, bool) {
	s, err := names.ToASCII(strings.TrimSuffix(s, "."))
	if err != nil || s == "" {
		return "", false
	}
	return s, true
}

// domainName is a hostName of at least two labels that is no IP address.
func domainName(s string) (string, bool) {
	s, ok := hostName(s)
	if _, err := netip.ParseAddr(s); err == nil || !strings.Contains(s, ".") {
		return "", false
	}
	return s, ok
}

// host returns a name or an IP address without brackets.
func host(s string) (string, bool) {
	if a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")); err == nil {
		return a.String(), a.Zone() == ""
	}
	return hostName(s)
}

// loopback reports whether a host can only be this machine.
func loopback(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// hostPort splits "host:port", "[v6]:port" or either without the port; a port
// of 0 means that it has to be given.
func hostPort(s string, port int) (string, int, bool) {
	h := s
	_, err := netip.ParseAddr(s)
	bare := err == nil || strings.HasSuffix(s, "]") || !strings.Contains(s, ":")
	if !bare {
		var p string
		if h, p, err = net.SplitHostPort(s); err != nil {
			return "", 0, false
		}
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return "", 0, false
		}
		port = int(n)
	}
	h, ok := host(h)
	return h, port, ok && port != 0
}

func joinPort(host string, port int) string {
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// domain reads a mail domain.
func (r *reader) domain(dst *string) field {
	return func(v value) {
		s, ok := r.line1(v)
		if !ok {
			return
		}
		if *dst, ok = domainName(s); !ok {
			r.fail(v.begin(), quote(s)+" is not a mail domain", "write a name such as example.org")
		}
	}
}

// address reads "host:port" with a default port.
func (r *reader) address(dst *string, port int) field {
	return func(v value) {
		s, ok := r.line1(v)
		if !ok {
			return
		}
		h, p, ok := hostPort(s, port)
		if !ok {
			r.fail(v.begin(), fmt.Sprintf("%q cannot be %s", v.key, quote(s)), fmt.Sprintf("write an address such as 192.0.2.53:%d", port))
			return
		}
		*dst = joinPort(h, p)
	}
}
