package migrate

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/dnslab"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/config"
)

// TestZoneFileHoldsOneZone plans several domains with the file of one zone.
func TestZoneFileHoldsOneZone(t *testing.T) {
	t.Parallel()
	const soa = "$TTL 60\n@ SOA ns1 hostmaster 1 2 3 4 60\n"
	tests := []struct{ name, domain, alias, text, want string }{
		{"of the domain", "example.org", "", soa + "@ MX 10 mail\n", "example.org."},
		{"of the zone above", "news.example.org", "", "$ORIGIN example.org.\n" + soa + "news MX 10 mail\n", "example.org."},
		{"a domain below as alias", "example.org", "news.example.org", soa + "@ MX 10 mail\nnews MX 10 mail\n", "example.org. example.org."},
		{"an alias of another zone", "example.org", "example.net", soa + "@ MX 10 mail\n", ""},
	}
	for _, tt := range tests {
		file := filepath.Join(t.TempDir(), "zone")
		if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		m := openedMove(t, Options{}, "dns: {snapshot: {file: "+file+"}}")
		m.Config.Domain = tt.domain
		if tt.alias != "" {
			m.Config.AliasDomains = []config.Alias{{Domain: tt.alias}}
		}
		views, err := m.look(t.Context(), nil, lens{offline: true})
		var got []string
		for _, v := range views {
			got = append(got, v.zone.Origin)
			if v.zone.Get(zone.Canonical(v.domain), dns.TypeMX) == nil {
				t.Errorf("%s: the zone of %s lacks its MX", tt.name, v.domain)
			}
		}
		if _, wrong := errors.AsType[*config.Error](err); strings.Join(got, " ") != tt.want || wrong != (tt.want == "") {
			t.Errorf("%s: zones %q, %v, want %q", tt.name, got, err, tt.want)
		}
	}
}

// An alias domain of another zone is asked for: the file is not its own.
func TestZoneFileIsNotOfTheAlias(t *testing.T) {
	t.Parallel()
	const records = "$TTL 60\n@ SOA ns1 hostmaster 1 2 3 4 60\n@ NS ns1\nns1 A 127.0.0.1\n@ MX 10 "
	var zones []zone.Zone
	for domain, mx := range map[string]string{"example.org.": "mail", "example.net.": "other"} {
		z, err := zone.Read(strings.NewReader(records+mx+"\n"), domain, "test")
		if err != nil {
			t.Fatal(err)
		}
		zones = append(zones, z)
	}
	lab, err := dnslab.Start(dnslab.Options{Zones: zones})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lab.Close() })
	file := filepath.Join(t.TempDir(), "zone")
	if err := os.WriteFile(file, []byte(records+"mail\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := openedMove(t, Options{}, "dns: {servers: [\""+lab.Addr()+"\"], snapshot: {file: "+file+"}}")
	m.Config.AliasDomains = []config.Alias{{Domain: "example.net"}}
	views, err := m.look(t.Context(), nil, lens{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		coverage zone.Coverage
		mx       string
	}{{zone.File, "10 mail.example.org."}, {zone.Probed, "10 other.example.net."}} {
		z := views[i].zone
		if mx := z.Get(z.Origin, dns.TypeMX); z.Coverage != want.coverage || mx == nil || mx.Data[0] != want.mx {
			t.Errorf("%s is known by %s, MX %v; want %s, %s", z.Origin, z.Coverage, mx, want.coverage, want.mx)
		}
	}
}
