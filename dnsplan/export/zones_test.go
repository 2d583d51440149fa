package export_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/export"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// TestSeveralZones writes a stage that changes two zones: each is said once
// and by itself, also where two domains lie in one of them.
func TestSeveralZones(t *testing.T) {
	t.Parallel()
	p := dnsplan.Plan{Version: 1, Domain: "example.org", AliasDomains: []string{"example.net", "sub.example.org"}, Provider: "fastmail", Made: made}
	for _, c := range []struct{ zone, name string }{
		{"example.org.", "example.org."}, {"example.net.", "example.net."}, {"example.org.", "sub.example.org."},
	} {
		p.Changes = append(p.Changes, dnsplan.Change{
			Zone: c.zone, Stage: dnsplan.Switch, Action: dnsplan.Create, After: rrset(c.name, dns.TypeMX, "10 mx.provider.example."),
		})
	}
	org, net := zone.New("example.org.", zone.AXFR), zone.New("example.net.", zone.Listing)
	want := map[export.Format]string{
		export.Fragment: "; zone ", export.NSUpdate: "send\n", export.DNSControl: "\nD(", export.OctoDNS: "---\n",
	}
	for format, mark := range want {
		var b bytes.Buffer
		if err := export.Write(&b, format, p, dnsplan.Switch, []zone.Zone{org, net, org}); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(b.String(), mark); n != 2 {
			t.Errorf("%s: %d zones, want 2:\n%s", format, n, b.String())
		}
		if n := strings.Count(b.String(), "mx.provider.example."); n != 3 {
			t.Errorf("%s: %d exchanges, want 3:\n%s", format, n, b.String())
		}
	}
	var b bytes.Buffer
	if err := export.Write(&b, export.Terraform, p, dnsplan.Switch, nil); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{`"example_org"`, `"example_net"`, `"sub_example_org"`, `zone = "example.net."`, `name = "sub"`} {
		if strings.Count(b.String(), line) != 1 {
			t.Errorf("terraform lacks %s:\n%s", line, b.String())
		}
	}
}
