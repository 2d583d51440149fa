package resolver_test

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/dnslab"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

func want(name string, typ uint16, ttl uint32, data ...string) resolver.Want {
	w := resolver.Want{Key: zone.Key{Name: name, Type: typ}}
	if len(data) > 0 {
		w.RRset = &zone.RRset{Name: name, Type: typ, TTL: ttl, Data: data}
	}
	return w
}

func TestVisible(t *testing.T) {
	t.Parallel()
	newMX := zone.RRset{Name: "example.org.", Type: dns.TypeMX, TTL: 300, Data: []string{"1 smtp.provider.example."}}
	wants := []resolver.Want{
		want("example.org.", dns.TypeMX, 300, "1 SMTP.provider.example."),
		want("example.org.", dns.TypeTXT, 3600, `"MS=ms123"`, `"v=spf1 mx -all"`),
		want("autodiscover.example.org.", dns.TypeCNAME, 0),
	}
	w := newWorld(t)
	w.ns2.Freeze()
	look := func() resolver.Visibility {
		t.Helper()
		v, err := w.client.Visible(t.Context(), "example.org", wants)
		if err != nil || len(v.Servers) != 2 {
			t.Fatalf("Visible = %+v, %v; want two servers", v, err)
		}
		return v
	}
	if v := look(); v.All() || len(v.Servers[0].Differences) != 2 {
		t.Errorf("before the change: %+v", v)
	}
	if err := errors.Join(w.ns1.Set(newMX), w.ns1.Delete("autodiscover.example.org", dns.TypeCNAME)); err != nil {
		t.Fatal(err)
	}
	v := look()
	if v.All() || !v.Servers[0].Shows() || v.Servers[1].Shows() || v.Servers[0].Serial != 52 || v.Servers[1].Serial != 50 {
		t.Errorf("with the secondary behind: %+v", v)
	}
	if got := data(v.Servers[1].Differences[0].Got); got != "86400 10 mail.example.org." {
		t.Errorf("the secondary's MX = %s", got)
	}
	w.ns2.SetLag(0)
	if v := look(); !v.All() {
		t.Errorf("with both up to date: %+v", v)
	}
	newMX.TTL = 301
	if err := w.ns1.Set(newMX); err != nil {
		t.Fatal(err)
	}
	if v := look(); v.All() {
		t.Error("a TTL above the wanted one counts as visible")
	}
	newMX.TTL = 60
	if err := w.ns1.Set(newMX); err != nil {
		t.Fatal(err)
	}
	w.ns2.Break(dnslab.Fault{Kind: dnslab.Servfail, Type: dns.TypeTXT})
	if v := look(); v.All() || !errors.Is(v.Servers[1].Err, resolver.ErrNoAnswer) {
		t.Errorf("with a server that fails: %+v", v)
	}
}

func TestVisibleSeesThroughAWildcard(t *testing.T) {
	t.Parallel()
	w := newWorld(t, read(t, "example.org.", exampleZone+"* 60 IN A 192.0.2.99\n"))
	v, err := w.client.Visible(t.Context(), "example.org", []resolver.Want{want("autoconfig.example.org.", dns.TypeA, 0)})
	if err != nil || !v.All() {
		t.Errorf("Visible = %+v, %v; want the name absent everywhere", v, err)
	}
}

func TestVisibleOfNoServers(t *testing.T) {
	t.Parallel()
	if (resolver.Visibility{}).All() {
		t.Error("no server shows everything")
	}
	w := newWorld(t)
	w.outside.Break(dnslab.Fault{Kind: dnslab.Drop})
	if _, err := w.client.Visible(t.Context(), "example.org", nil); !errors.Is(err, resolver.ErrNoAnswer) {
		t.Errorf("Visible = %v, want ErrNoAnswer", err)
	}
}

func TestAddressesWithoutRoute(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		glue    string
		servers int
		all     bool
	}{
		{"a server with another address", "ns2 60 IN AAAA 2001:db8::53\n", 2, true},
		{"a server with that address only", "@ 3600 IN NS ns3\nns3 60 IN AAAA 2001:db8::53\n", 3, false},
	}
	for _, tt := range tests {
		w := newWorld(t, read(t, "example.org.", exampleZone+tt.glue))
		mapped := w.client.Dial
		w.client.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr == "[2001:db8::53]:53" {
				return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}
			}
			return mapped(ctx, network, addr)
		}
		v, err := w.client.Visible(t.Context(), "example.org", []resolver.Want{want("example.org.", dns.TypeMX, 86400, "10 mail.example.org.")})
		if err != nil || len(v.Servers) != tt.servers || v.All() != tt.all {
			t.Errorf("%s: Visible = %+v, %v; want %d servers, all %v", tt.name, v, err, tt.servers, tt.all)
		}
		snap := snapshot(t, w, resolver.Source{})
		if len(snap.Servers) != tt.servers || (codes(snap.Findings) == "") != tt.all {
			t.Errorf("%s: Snapshot = %+v, %s", tt.name, snap.Servers, codes(snap.Findings))
		}
	}
}
