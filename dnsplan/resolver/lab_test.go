package resolver_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/dnsplan/dnslab"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

const exampleZone = `
@ 3600 IN SOA ns1 hostmaster 50 7200 600 1209600 60
@ 3600 IN NS ns1
@ 3600 IN NS ns2
@ 86400 IN MX 10 mail
@ 3600 IN TXT "v=spf1 mx" " -all"
@ 3600 IN TXT "MS=ms123"
ns1 3600 IN A 192.0.2.53
ns2 3600 IN A 198.51.100.53
mail 3600 IN A 192.0.2.10
mail 3600 IN AAAA 2001:db8::10
_dmarc 3600 IN TXT "v=DMARC1; p=none"
autodiscover 3600 IN CNAME mail
old2019._domainkey 3600 IN TXT "v=DKIM1; p=abc"
_imaps._tcp 3600 IN SRV 0 1 993 mail
alias 3600 IN CNAME www.provider.example.
`

const providerZone = `
@ 3600 IN SOA ns hostmaster 1 7200 600 1209600 60
@ 3600 IN NS ns
@ 3600 IN TXT "v=spf1 ip4:198.51.100.0/24 -all"
ns 3600 IN A 203.0.113.53
www 60 IN CNAME host
host 60 IN A 203.0.113.1
`

var key = resolver.TSIG{Name: "key", Algorithm: "hmac-sha256", Secret: "c2VjcmV0IHNlY3JldCBzZWNyZXQ="}

func read(t *testing.T, origin, text string) zone.Zone {
	t.Helper()
	z, err := zone.Read(strings.NewReader(text), origin, "test")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// A world is two authoritative servers of example.org and a resolver, behind
// the addresses that the zone names.
type world struct {
	ns1, ns2, outside *dnslab.Lab
	client            *resolver.Client
}

func newWorld(t *testing.T, zones ...zone.Zone) *world {
	t.Helper()
	if len(zones) == 0 {
		zones = []zone.Zone{read(t, "example.org.", exampleZone), read(t, "provider.example.", providerZone)}
	}
	w := &world{}
	var err error
	if w.ns1, err = dnslab.Start(dnslab.Options{Zones: zones, Keys: []dnslab.Key{dnslab.Key(key)}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.ns1.Close() })
	if w.ns2, err = w.ns1.Secondary(0); err != nil {
		t.Fatal(err)
	}
	if w.outside, err = w.ns1.Resolver(); err != nil {
		t.Fatal(err)
	}
	w.client = &resolver.Client{Resolver: "9.9.9.9", Timeout: 100 * time.Millisecond, Dial: dial(map[string]string{
		"9.9.9.9:53":       w.outside.Addr(),
		"192.0.2.53:53":    w.ns1.Addr(),
		"198.51.100.53:53": w.ns2.Addr(),
		"203.0.113.53:53":  w.ns1.Addr(),
	})}
	return w
}

// dial maps addresses to the lab's, as a rehearsal does, and hides the kind of
// the connection behind a type of its own.
func dial(to map[string]string) resolver.DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if there, ok := to[addr]; ok {
			addr = there
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return struct{ net.Conn }{conn}, nil
	}
}

func server(l *dnslab.Lab) resolver.Server { return resolver.Server{Addr: l.Addr()} }

// asked reports whether a lab saw a question for a name.
func asked(l *dnslab.Lab, name string) bool {
	for _, q := range l.Queries() {
		if q.Name == name {
			return true
		}
	}
	return false
}
