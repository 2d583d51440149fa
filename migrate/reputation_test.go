package migrate

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/dnslab"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/config"
)

const senderZone = `
$TTL 60
@ MX 10 mail
@ MX 20 backup.hoster.example.
@ TXT "v=spf1 mx a a:web.example.org a:crm.example.com ip4:192.0.2.77 ip4:198.51.100.0/24 -ip4:192.0.2.66 include:_spf.news.example -all"
@ TXT "not spf"
@ A 192.0.2.1
mail A 192.0.2.10
mail AAAA 2001:db8::10
web A 192.0.2.80
ns A 192.0.2.53
`

// TestSender wants the old server's own addresses and nobody else's: the lists
// learn of every one that is asked for.
func TestSender(t *testing.T) {
	t.Parallel()
	z, err := zone.Read(strings.NewReader(senderZone), "example.org.", "test")
	if err != nil {
		t.Fatal(err)
	}
	probed := zone.New("example.org.", zone.Probed)
	for _, set := range z.All() {
		if set.Name == "example.org." {
			probed.Put(set)
		}
	}
	lab, err := dnslab.Start(dnslab.Options{Zones: []zone.Zone{z}, Recursive: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	var want []netip.Addr
	for _, text := range []string{"192.0.2.1", "192.0.2.10", "192.0.2.77", "192.0.2.80", "2001:db8::10"} {
		want = append(want, netip.MustParseAddr(text))
	}
	for _, known := range []zone.Zone{z, probed} {
		s := sender(t.Context(), &resolver.Client{Resolver: lab.Addr()}, []dnsplan.Input{{Domain: "example.org", Origin: known}})
		slices.SortFunc(s.Addresses, netip.Addr.Compare)
		if !slices.Equal(s.Addresses, want) {
			t.Errorf("addresses of a zone by %s = %v, want %v", known.Coverage, s.Addresses, want)
		}
		if !slices.Equal(s.Hosts, []string{"mail.example.org."}) || !slices.Equal(s.Domains, []string{"example.org"}) {
			t.Errorf("hosts %q, domains %q", s.Hosts, s.Domains)
		}
	}
	for _, q := range lab.Queries() {
		if !zone.Within(q.Name, "example.org.") || q.Name == "ns.example.org." {
			t.Errorf("asked for %s", q.Name)
		}
	}
}

func TestRehearsalKnocksAtNoStranger(t *testing.T) {
	t.Parallel()
	m := &Move{Config: &config.Config{Rehearsal: &config.Rehearsal{Connect: map[string]string{"mx.example.org:25": "127.0.0.1:2525"}}}}
	if conn, err := m.knock(t.Context(), "tcp", "mail.example.org:25"); !errors.Is(err, errNotRehearsed) {
		t.Errorf("knock = %v, %v, want a refusal", conn, err)
	}
}
