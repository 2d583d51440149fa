package zone_test

import (
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

func set(typ uint16, ttl uint32, data ...string) *zone.RRset {
	return &zone.RRset{Name: "example.org.", Type: typ, TTL: ttl, Data: data}
}

func TestEqual(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		a, b        *zone.RRset
		equal, same bool
	}{
		{"both absent", nil, nil, true, true},
		{"one absent", set(dns.TypeA, 60, "192.0.2.1"), nil, false, false},
		{"other TTL", set(dns.TypeA, 60, "192.0.2.1"), set(dns.TypeA, 61, "192.0.2.1"), true, false},
		{"other order", set(dns.TypeA, 60, "192.0.2.1", "192.0.2.2"), set(dns.TypeA, 60, "192.0.2.2", "192.0.2.1"), true, true},
		{"one more", set(dns.TypeA, 60, "192.0.2.1", "192.0.2.2"), set(dns.TypeA, 60, "192.0.2.1"), false, false},
		{"case of a name", set(dns.TypeMX, 60, "10 Mail.Example.ORG."), set(dns.TypeMX, 60, "10 mail.example.org."), true, true},
		{"blanks", set(dns.TypeMX, 60, "10  mail.example.org."), set(dns.TypeMX, 60, "10 mail.example.org."), true, true},
		{"preference", set(dns.TypeMX, 60, "10 a."), set(dns.TypeMX, 60, "20 a."), false, false},
		{"split of a text", set(dns.TypeTXT, 60, `"ab" "c"`), set(dns.TypeTXT, 60, `"a" "bc"`), true, true},
		{"case of a text", set(dns.TypeTXT, 60, `"a"`), set(dns.TypeTXT, 60, `"A"`), false, false},
		{"escape", set(dns.TypeTXT, 60, `"a\044"`), set(dns.TypeTXT, 60, `"a,"`), true, true},
		{"blank inside of a text", set(dns.TypeTXT, 60, `"a b"`), set(dns.TypeTXT, 60, `"a" "b"`), false, false},
		{"form of an address", set(dns.TypeAAAA, 60, "2001:DB8:0::1"), set(dns.TypeAAAA, 60, "2001:db8::1"), true, true},
		{"case of a hash", set(dns.TypeTLSA, 60, "3 1 1 ABCD"), set(dns.TypeTLSA, 60, "3 1 1 abcd"), true, true},
		{"CAA text", set(dns.TypeCAA, 60, `0 issue "ca.example"`), set(dns.TypeCAA, 60, `0 issue "CA.example"`), false, false},
		{"other type", set(dns.TypeA, 60, "192.0.2.1"), set(dns.TypeTXT, 60, "192.0.2.1"), false, false},
		{"other name", set(dns.TypeA, 60, "192.0.2.1"), &zone.RRset{Name: "www.example.org.", Type: dns.TypeA, TTL: 60, Data: []string{"192.0.2.1"}}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, pair := range [][2]*zone.RRset{{tt.a, tt.b}, {tt.b, tt.a}} {
				if got := zone.Equal(pair[0], pair[1]); got != tt.equal {
					t.Errorf("Equal(%v, %v) = %v, want %v", pair[0], pair[1], got, tt.equal)
				}
				if got := zone.Same(pair[0], pair[1]); got != tt.same {
					t.Errorf("Same(%v, %v) = %v, want %v", pair[0], pair[1], got, tt.same)
				}
			}
		})
	}
}
