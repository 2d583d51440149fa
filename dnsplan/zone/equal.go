package zone

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Equal reports whether a and b say the same: nil is an absent RRset, TXT
// strings are joined, and the order of records, the letter case of names and
// the TTL do not count.
func Equal(a, b *RRset) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	if Canonical(a.Name) != Canonical(b.Name) || a.Type != b.Type {
		return false
	}
	return slices.Equal(a.Data, b.Data) || slices.Equal(normal(*a), normal(*b))
}

// Same reports whether a and b are Equal and have the same TTL.
func Same(a, b *RRset) bool {
	if !Equal(a, b) {
		return false
	}
	return a == nil || a.TTL == b.TTL
}

// EqualData reports whether two records of a type have the same RDATA, by the
// rules of Equal.
func EqualData(typ uint16, a, b string) bool {
	return a == b || normalData(typ, a) == normalData(typ, b)
}

// normal returns the data of s in a form that can be compared: sorted, each
// record once.
func normal(s RRset) []string {
	data := make([]string, 0, len(s.Data))
	for _, d := range s.Data {
		data = append(data, normalData(s.Type, d))
	}
	slices.Sort(data)
	return slices.Compact(data)
}

func normalData(typ uint16, data string) string {
	switch typ {
	case dns.TypeTXT, dns.TypeSPF:
		if text, err := JoinTXT(data); err == nil {
			return text
		}
		return data
	case dns.TypeA, dns.TypeAAAA:
		if addr, err := netip.ParseAddr(data); err == nil {
			return addr.String()
		}
	case dns.TypeMX, dns.TypeCNAME, dns.TypeNS, dns.TypePTR, dns.TypeSRV, dns.TypeDNAME, dns.TypeSOA,
		dns.TypeTLSA, dns.TypeSMIMEA, dns.TypeSSHFP, dns.TypeDS, dns.TypeCDS:
		// Numbers, names and hexadecimal digits only: case means nothing.
		data = asciiLower(data)
	}
	rr, err := parseRR(".", typ, 0, data)
	if err != nil {
		return strings.Join(strings.Fields(data), " ")
	}
	return rdata(rr)
}
