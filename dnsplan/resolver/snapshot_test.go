package resolver_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/dnslab"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
)

func snapshot(t *testing.T, w *world, from resolver.Source) resolver.Snapshot {
	t.Helper()
	snap, err := w.client.Snapshot(t.Context(), "Example.org", from)
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

func names(z zone.Zone) []string {
	var all []string
	for _, set := range z.All() {
		all = append(all, set.Key().String())
	}
	return all
}

// codes leaves out that the zone of these tests hides a DKIM key, which has a
// test of its own.
func codes(fs []finding.Finding) string {
	var all []string
	for _, f := range fs {
		if f.Code == finding.HiddenSelectors {
			continue
		}
		all = append(all, fmt.Sprintf("%s %s %s", f.Code, f.Severity, f.Subject))
	}
	return strings.Join(all, "; ")
}

func TestSnapshotProbes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	snap := snapshot(t, w, resolver.Source{})
	want := []string{
		"example.org. NS", "example.org. SOA", "example.org. MX", "example.org. TXT", "_dmarc.example.org. TXT",
		"_imaps._tcp.example.org. SRV", "autodiscover.example.org. CNAME",
		"mail.example.org. A", "mail.example.org. AAAA",
	}
	got := names(snap.Zone)
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("found %q\nwant %q", got, want)
	}
	if snap.Zone.Coverage != zone.Probed || snap.Zone.Serial != 50 || !snap.HiddenKeys || codes(snap.Findings) != "" || len(snap.Servers) != 2 {
		t.Errorf("snapshot = %+v", snap)
	}
	for _, q := range w.outside.Queries() {
		if zone.Within(q.Name, "example.org") && q.Name != "example.org." && !strings.HasPrefix(q.Name, "ns") {
			t.Errorf("the shared resolver was asked for %s", q.Name)
		}
	}
}

func TestSnapshotProbesWhatTheCallerNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	snap := snapshot(t, w, resolver.Source{Names: []string{"OLD2019._domainkey.example.org", "alias.example.org", "host.provider.example"}})
	if snap.HiddenKeys || snap.Zone.Get("old2019._domainkey.example.org", dns.TypeTXT) == nil || snap.Zone.Get("alias.example.org", dns.TypeCNAME) == nil {
		t.Errorf("found %q", names(snap.Zone))
	}
	if asked(w.ns1, "host.provider.example.") {
		t.Error("a name of another zone was asked for")
	}
}

func TestSnapshotOfADomainBelowTheApex(t *testing.T) {
	t.Parallel()
	w := newWorld(t, read(t, "example.org.", exampleZone+`
shop 60 IN MX 10 mx.shop
_dmarc.shop 60 IN TXT "v=DMARC1; p=none"
mx.shop 60 IN A 192.0.2.20
_25._tcp.mx.shop 60 IN TLSA 3 1 1 00ff
google._domainkey.shop 60 IN TXT "v=DKIM1; p=abc"
`))
	snap := snapshot(t, w, resolver.Source{Domain: "shop.example.org"})
	for _, key := range []zone.Key{
		{Name: "shop.example.org.", Type: dns.TypeMX}, {Name: "_dmarc.shop.example.org.", Type: dns.TypeTXT},
		{Name: "mx.shop.example.org.", Type: dns.TypeA}, {Name: "_25._tcp.mx.shop.example.org.", Type: dns.TypeTLSA},
		{Name: "google._domainkey.shop.example.org.", Type: dns.TypeTXT}, {Name: "example.org.", Type: dns.TypeMX},
	} {
		if snap.Zone.Get(key.Name, key.Type) == nil {
			t.Errorf("%s was not found", key)
		}
	}
	if snap.HiddenKeys {
		t.Error("the key was found, and yet keys are said to be hidden")
	}
	if _, err := w.client.Snapshot(t.Context(), "example.org", resolver.Source{Domain: "example.net"}); err == nil {
		t.Error("a domain outside the zone is no error")
	}
}

func TestSnapshotKeepsDelegations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, read(t, "example.org.", exampleZone+"_tcp 60 IN NS ns.other.example.\n"))
	snap := snapshot(t, w, resolver.Source{})
	if got := data(snap.Zone.Get("_tcp.example.org", dns.TypeNS)); got != "60 ns.other.example." {
		t.Errorf("_tcp NS = %s, want the delegation", got)
	}
	if got := snap.Zone.Get("_imaps._tcp.example.org", dns.TypeSRV); got != nil || codes(snap.Findings) != "" {
		t.Errorf("_imaps._tcp = %s, findings %s; want nothing", data(got), codes(snap.Findings))
	}
}

func TestSnapshotDropsWhatAWildcardGives(t *testing.T) {
	t.Parallel()
	w := newWorld(t, read(t, "example.org.", exampleZone+"* 60 IN CNAME www.provider.example.\n"))
	for _, from := range []resolver.Source{{}, {AXFR: w.ns1.Addr(), TSIG: &key}} {
		snap := snapshot(t, w, from)
		if got := snap.Zone.Get("_mta-sts.example.org", dns.TypeCNAME); got != nil {
			t.Errorf("_mta-sts = %s, want absent", data(got))
		}
		if got := codes(snap.Findings); got != "MX013 note example.org." {
			t.Errorf("findings = %s", got)
		}
	}
}

func TestSnapshotTransfers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.client.TSIG = &key
	snap := snapshot(t, w, resolver.Source{AXFR: w.ns1.Addr()})
	all := w.ns1.Zone("example.org")
	if !slices.Equal(names(snap.Zone), names(all)) || snap.Zone.Coverage != zone.AXFR || snap.Zone.Serial != 50 || snap.HiddenKeys {
		t.Errorf("snapshot = %+v", snap)
	}
	if got := data(snap.Zone.Get("example.org", dns.TypeTXT)); got != `3600 "v=spf1 mx" " -all" | "MS=ms123"` {
		t.Errorf("TXT = %s, want the strings as served", got)
	}
	if codes(snap.Findings) != "" {
		t.Errorf("findings = %v", snap.Findings)
	}
}

func TestTransferOfManyMessages(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString(exampleZone)
	for i := range 1000 {
		fmt.Fprintf(&text, "host%d 60 IN A 192.0.2.1\n", i)
	}
	w := newWorld(t, read(t, "example.org.", text.String()))
	w.client.Timeout = 0 // a thousand records take their time
	z, err := w.client.Transfer(t.Context(), "example.org", w.ns1.Addr(), &key)
	if err != nil || z.Len() != w.ns1.Zone("example.org").Len() {
		t.Errorf("Transfer = %d RRsets, %v; want %d", z.Len(), err, w.ns1.Zone("example.org").Len())
	}
}

func TestTransferIsDenied(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wrong := key
	wrong.Secret = "d3Jvbmc="
	other := key
	other.Name = "other"
	for name, k := range map[string]*resolver.TSIG{"unsigned": nil, "wrong secret": &wrong, "unknown key": &other} {
		_, err := w.client.Transfer(t.Context(), "example.org", w.ns1.Addr(), k)
		if !errors.Is(err, resolver.ErrDenied) || strings.Contains(err.Error(), wrong.Secret) {
			t.Errorf("%s: Transfer = %v, want ErrDenied", name, err)
		}
	}
	w.ns1.Break(dnslab.Fault{Kind: dnslab.Servfail})
	if _, err := w.client.Transfer(t.Context(), "example.org", w.ns1.Addr(), &key); !errors.Is(err, resolver.ErrNoAnswer) {
		t.Errorf("Transfer from a broken server = %v, want ErrNoAnswer", err)
	}
}

func TestSnapshotOfAFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := strings.Replace(exampleZone, "10 mail", "10 older", 1)
	offline := snapshot(t, w, resolver.Source{File: strings.NewReader(old), FileName: "example.org.zone", Offline: true})
	if len(offline.Servers) != 0 || len(w.ns1.Queries()) != 0 || len(w.outside.Queries()) != 0 {
		t.Error("offline, somebody was asked")
	}
	if got := data(offline.Zone.Get("example.org", dns.TypeMX)); got != "86400 10 older.example.org." {
		t.Errorf("MX = %s", got)
	}
	snap := snapshot(t, w, resolver.Source{File: strings.NewReader(old)})
	if got := codes(snap.Findings); got != "MX010 block example.org. MX" {
		t.Errorf("findings = %s", got)
	}
	if _, err := w.client.Snapshot(t.Context(), "example.org", resolver.Source{Offline: true}); err == nil {
		t.Error("offline without a file is no error")
	}
}

func TestSnapshotSeesServersDisagree(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ns2.Freeze()
	if err := w.ns1.Set(zone.RRset{Name: "example.org.", Type: dns.TypeMX, TTL: 60, Data: []string{"1 smtp.provider.example."}}); err != nil {
		t.Fatal(err)
	}
	snap := snapshot(t, w, resolver.Source{})
	if got := codes(snap.Findings); got != "MX014 warn ns2.example.org. (198.51.100.53:53); MX010 block example.org. MX" {
		t.Fatalf("findings = %s", got)
	}
	want := []string{"ns1.example.org. (192.0.2.53:53): 1 smtp.provider.example.", "ns2.example.org. (198.51.100.53:53): 10 mail.example.org."}
	if got := snap.Findings[1].Evidence; !slices.Equal(got, want) {
		t.Errorf("evidence = %q, want %q", got, want)
	}
	if got := data(snap.Zone.Get("example.org", dns.TypeMX)); got != "60 1 smtp.provider.example." {
		t.Errorf("MX = %s, want the primary's", got)
	}
}

func TestSnapshotSeesTheSecondaryAhead(t *testing.T) {
	t.Parallel()
	tests := []struct {
		primary, secondary uint32
		want               string
	}{
		{50, 61, "MX011 block"},
		{4294967290, 5, "MX011 block"},
		{5, 4294967290, "MX014 warn"},
		{61, 61, ""},
	}
	for _, tt := range tests {
		old := strings.Replace(exampleZone, " 50 ", fmt.Sprintf(" %d ", tt.secondary), 1)
		w := newWorld(t, read(t, "example.org.", old))
		w.ns2.Freeze()
		if err := w.ns1.Put(read(t, "example.org.", strings.Replace(exampleZone, " 50 ", fmt.Sprintf(" %d ", tt.primary), 1))); err != nil {
			t.Fatal(err)
		}
		snap := snapshot(t, w, resolver.Source{})
		if got := codes(snap.Findings); !strings.HasPrefix(got, tt.want) || (got == "") != (tt.want == "") {
			t.Errorf("serials %d and %d: %s, want %s", tt.primary, tt.secondary, got, tt.want)
		}
		if tt.primary == 50 && !strings.Contains(snap.Findings[0].Text, "higher serial (61) than ns1.example.org. (192.0.2.53:53) (50): it will not fetch the change") {
			t.Errorf("text = %s", snap.Findings[0].Text)
		}
	}
}

func TestSnapshotWithASilentServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ns1.Break(dnslab.Fault{Kind: dnslab.Refused})
	snap := snapshot(t, w, resolver.Source{})
	if got := codes(snap.Findings); got != "MX012 warn ns1.example.org. (192.0.2.53:53)" || snap.Zone.Get("example.org", dns.TypeMX) == nil {
		t.Errorf("findings = %s", got)
	}
	w.ns2.Break(dnslab.Fault{Kind: dnslab.Servfail, Type: dns.TypeSRV})
	if _, err := w.client.Snapshot(t.Context(), "example.org", resolver.Source{}); !errors.Is(err, resolver.ErrNoAnswer) {
		t.Errorf("with no server left: %v, want ErrNoAnswer", err)
	}
}
