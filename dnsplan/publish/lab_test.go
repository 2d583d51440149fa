package publish_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/dnsplan/dnslab"
	"github.com/mxmove/mxmove/dnsplan/publish"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

const exampleZone = `
@ 3600 IN SOA ns1 hostmaster 50 7200 600 1209600 60
@ 3600 IN NS ns1
@ 86400 IN MX 10 mail
@ 3600 IN TXT "v=spf1 mx" " -all"
@ 3600 IN TXT "MS=ms123"
ns1 3600 IN A 127.0.0.1
mail 3600 IN A 192.0.2.10
autodiscover 3600 IN A 192.0.2.10
* 60 IN A 192.0.2.10
`

var key = resolver.TSIG{Name: "key.", Algorithm: "hmac-sha256", Secret: "c2VjcmV0IHNlY3JldCBzZWNyZXQ="}

func read(t *testing.T, text string) zone.Zone {
	t.Helper()
	z, err := zone.Read(strings.NewReader(text), "example.org.", "test")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// A site is one way to serve a zone: a publisher for it, a publisher whose
// credentials are wrong where there are any, and the zone as it stands.
type site struct {
	publisher, stranger publish.Publisher
	zone                func(t *testing.T) zone.Zone
	panel               *panel // behind an API, or nil
}

func labSite(t *testing.T) site {
	t.Helper()
	lab := startLab(t)
	return rfc2136Site(lab.Addr())
}

func startLab(t *testing.T) *dnslab.Lab {
	t.Helper()
	lab, err := dnslab.Start(dnslab.Options{Zones: []zone.Zone{read(t, exampleZone)}, Keys: []dnslab.Key{dnslab.Key(key)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lab.Close() })
	return lab
}

func rfc2136Site(addr string) site {
	wrong := key
	wrong.Secret = "d3JvbmcgYnV0IGxvbmcgZW5vdWdo"
	return site{
		publisher: &publish.RFC2136{Server: addr, TSIG: &key, Timeout: time.Second},
		stranger:  &publish.RFC2136{Server: addr, TSIG: &wrong, Timeout: time.Second},
		zone:      func(t *testing.T) zone.Zone { return transfer(t, addr) },
	}
}

func transfer(t *testing.T, addr string) zone.Zone {
	t.Helper()
	c := resolver.Client{TSIG: &key}
	z, err := c.Transfer(t.Context(), "example.org", addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func noSleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }
