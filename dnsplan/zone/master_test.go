package zone_test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

func TestReadAround(t *testing.T) {
	t.Parallel()
	const soa = " 3600 IN SOA ns.example.org. h.example.org. 1 2 3 4 5\n"
	tests := []struct{ name, text, around, origin, holds string }{
		{"relative", "@" + soa + "news MX 10 mail\n", "example.org", "example.org.", "news.example.org."},
		{"relative, of a name below", "@" + soa + "@ MX 10 mail\n", "news.example.org", "news.example.org.", "news.example.org."},
		{"with its origin", "$ORIGIN example.org.\n@" + soa + "news MX 10 mail\n", "news.example.org", "example.org.", "news.example.org."},
		{"written out", "Example.org." + soa + "news.example.org. MX 10 mail.example.org.\n", "news.example.org.", "example.org.", "news.example.org."},
		{"a cut below is no apex", "$ORIGIN example.org.\nnews MX 10 mail\n@" + soa, "news.example.org", "example.org.", "news.example.org."},
		{"of somebody else", "example.net." + soa, "example.org", "", ""},
		{"without a SOA", "news.example.org. MX 10 mail.example.org.\n", "example.org", "example.org.", "news.example.org."},
	}
	for _, tt := range tests {
		z, err := zone.ReadAround(strings.NewReader("$TTL 60\n"+tt.text), tt.around, "test")
		if (err == nil) != (tt.origin != "") || err == nil && (z.Origin != tt.origin || z.Get(tt.holds, dns.TypeMX) == nil) {
			t.Errorf("%s: ReadAround = %s with %d sets, %v, want %s with the MX of %s", tt.name, z.Origin, z.Len(), err, tt.origin, tt.holds)
		}
	}
}
