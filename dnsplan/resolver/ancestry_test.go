package resolver_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/dnslab"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
)

const orgZone = `
@ 3600 IN SOA a.nic hostmaster 1 7200 600 1209600 60
@ 3600 IN NS a.nic
a.nic 3600 IN A 192.0.2.99
`

// under puts a zone above example.org into a world: its servers are apart from
// those of the zone itself, as they are in life.
func under(t *testing.T, w *world, text string) {
	t.Helper()
	parent := read(t, "org.", orgZone+text)
	above, err := dnslab.Start(dnslab.Options{Zones: []zone.Zone{parent}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { above.Close() })
	if err := w.ns1.Put(read(t, "org.", orgZone)); err != nil {
		t.Fatal(err)
	}
	own := w.client.Dial
	mapped := dial(map[string]string{"192.0.2.99:53": above.Addr()})
	w.client.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr == "192.0.2.99:53" {
			return mapped(ctx, network, addr)
		}
		return own(ctx, network, addr)
	}
}

func TestDelegationDiffers(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, delegation, want string }{
		{"equal", "example 60 IN NS ns2.example\nexample 60 IN NS ns1.example\n", ""},
		{"another server", "example 60 IN NS ns1.example\nexample 60 IN NS ns9.other.example.\n", "MX100 block example.org."},
		{"one missing", "example 60 IN NS ns1.example\n", "MX100 block example.org."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			under(t, w, tt.delegation)
			if got := codes(snapshot(t, w, resolver.Source{}).Findings); got != tt.want {
				t.Errorf("findings = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestUnknownDelegationIsNoFinding(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	under(t, w, "example 60 IN NS ns9.other.example.\n")
	w.outside.Break(dnslab.Fault{Kind: dnslab.Servfail, Name: "org."})
	if got := codes(snapshot(t, w, resolver.Source{}).Findings); got != "" {
		t.Errorf("findings = %q, want none: nobody could tell", got)
	}
}

func TestKeysMissing(t *testing.T) {
	t.Parallel()
	key := &dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: "example.org.", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600},
		Flags: 257, Protocol: 3, Algorithm: dns.ED25519, PublicKey: "l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=",
	}
	ds := key.ToDS(dns.SHA256).String() + "\n"
	other := "@ 3600 IN DS 12345 15 2 " + strings.Repeat("ab", 32) + "\n"
	tests := []struct{ name, extra, want string }{
		{"not signed", "", ""},
		{"signed, and nobody vouches", key.String() + "\n", ""},
		{"signed", key.String() + "\n" + ds, ""},
		{"signed, an old DS beside", key.String() + "\n" + ds + other, ""},
		{"keys of somebody else", key.String() + "\n" + other, "MX101 block example.org."},
		{"no keys", ds, "MX101 block example.org."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			// The lab's resolver answers for the DS from the zone itself.
			w := newWorld(t, read(t, "example.org.", exampleZone+tt.extra))
			if got := codes(snapshot(t, w, resolver.Source{}).Findings); got != tt.want {
				t.Errorf("findings = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestHiddenKeysAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fs := snapshot(t, w, resolver.Source{}).Findings
	if len(fs) != 1 || fs[0].Code != finding.HiddenSelectors || fs[0].Severity != finding.Note {
		t.Errorf("findings = %v, want the note about hidden selectors", fs)
	}
	if fs := snapshot(t, w, resolver.Source{AXFR: w.ns1.Addr(), TSIG: &key}).Findings; len(fs) != 0 {
		t.Errorf("with the whole zone: findings = %v, want none", fs)
	}
}

// TestBogusZoneIsStillRead plans for a zone that validating resolvers refuse:
// its servers are found all the same, and what is wrong is told.
func TestBogusZoneIsStillRead(t *testing.T) {
	t.Parallel()
	key := &dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: "example.org.", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600},
		Flags: 257, Protocol: 3, Algorithm: dns.ED25519, PublicKey: "l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=",
	}
	ds := key.ToDS(dns.SHA256).String() + "\n"
	tests := []struct {
		name, extra string
		faults      []dnslab.Fault
		want        string
	}{
		{"signatures have run out", key.String() + "\n" + ds, []dnslab.Fault{{Kind: dnslab.Bogus}}, "MX106 block example.org."},
		{"vouched for and not signed", ds, []dnslab.Fault{{Kind: dnslab.Bogus}}, "MX101 block example.org."},
		{"one question fails", key.String() + "\n" + ds, []dnslab.Fault{{Kind: dnslab.Bogus, Type: dns.TypeNS}}, ""},
		{"the resolver fails for a moment", key.String() + "\n" + ds, []dnslab.Fault{{Kind: dnslab.Servfail, Type: dns.TypeSOA, Times: 1}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, read(t, "example.org.", exampleZone+tt.extra))
			for _, f := range tt.faults {
				w.outside.Break(f)
			}
			apex, err := w.client.Zone(t.Context(), "example.org")
			if err != nil || apex != "example.org." {
				t.Fatalf("Zone = %q, %v, want example.org.", apex, err)
			}
			snap := snapshot(t, w, resolver.Source{})
			if got := codes(snap.Findings); got != tt.want {
				t.Errorf("findings = %q, want %q", got, tt.want)
			}
			if mx := snap.Zone.Get("example.org.", dns.TypeMX); mx == nil {
				t.Error("the zone was not read from its servers")
			}
		})
	}
}

// A name that validating receivers get no answer for has none for us either:
// SPF is counted as they count it.
func TestLookupValidates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.outside.Break(dnslab.Fault{Kind: dnslab.Bogus})
	if data, err := w.client.Lookup(t.Context(), "provider.example", dns.TypeTXT); !errors.Is(err, resolver.ErrNoAnswer) {
		t.Errorf("Lookup of a bogus name = %v, %v, want ErrNoAnswer", data, err)
	}
}
