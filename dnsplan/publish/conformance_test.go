package publish_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/publish"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// sites are all publishers that can be tried here; each passes the whole
// suite.
var sites = []struct {
	name  string
	start func(t *testing.T) site
}{
	{"rfc2136 at the lab", labSite},
	{"rfc2136 at BIND", bindSite},
	{"rfc2136 at Knot", knotSite},
	{"rfc2136 at PowerDNS", powerSite},
	{"file", fileSite},
	{"cloudflare", cloudflareSite},
	{"desec", desecSite},
	{"digitalocean", oceanSite},
	{"gandi", gandiSite},
	{"hetzner", hetznerSite},
	{"ovh", ovhSite},
	{"route53", awsSite},
}

func set(name string, typ uint16, ttl uint32, data ...string) *zone.RRset {
	return &zone.RRset{Name: name, Type: typ, TTL: ttl, Data: data}
}

func update(before, after *zone.RRset) dnsplan.Change {
	c := dnsplan.Change{Zone: "example.org.", Stage: dnsplan.Prepare, Action: dnsplan.Update, Before: before, After: after}
	switch {
	case before == nil:
		c.Action = dnsplan.Create
	case after == nil:
		c.Action = dnsplan.Delete
	}
	return c
}

var (
	oldMX  = set("example.org.", dns.TypeMX, 86400, "10 mail.example.org.")
	newMX  = set("example.org.", dns.TypeMX, 300, "1 smtp.provider.example.", "5 alt.provider.example.")
	oldTXT = set("example.org.", dns.TypeTXT, 3600, `"v=spf1 mx -all"`, `"MS=ms123"`)
	newTXT = set("example.org.", dns.TypeTXT, 300, `"v=spf1 mx include:spf.provider.example ~all"`, `"MS=ms123"`, `"two strings " "kept \"so\""`)
	longK  = set("s1._domainkey.example.org.", dns.TypeTXT, 3600, zone.TXT("v=DKIM1; k=rsa; p="+strings.Repeat("A", 400)))
	oldA   = set("autodiscover.example.org.", dns.TypeA, 3600, "192.0.2.10")
	alias  = set("autodiscover.example.org.", dns.TypeCNAME, 300, "autodiscover.provider.example.")
	cfg    = set("autoconfig.example.org.", dns.TypeCNAME, 300, "autoconfig.provider.example.")
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, s := range sites {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			site := s.start(t)
			// Each step leaves the zone as it found it.
			t.Run("changes and their reverse", func(t *testing.T) { changesAndBack(t, site) })
			t.Run("repeated", func(t *testing.T) { repeated(t, site) })
			t.Run("stale", func(t *testing.T) { stale(t, site) })
			t.Run("stale in one of two", func(t *testing.T) { staleInOne(t, site) })
			t.Run("wrong credentials", func(t *testing.T) { wrongCredentials(t, site) })
			t.Run("not applied", func(t *testing.T) { notApplied(t, site) })
			t.Run("foreign zone", func(t *testing.T) { foreignZone(t, site) })
			t.Run("listing", func(t *testing.T) { listing(t, site) })
			t.Run("two passes", func(t *testing.T) { twoPasses(t, site) })
		})
	}
}

func mustPublish(t *testing.T, s site, changes ...dnsplan.Change) {
	t.Helper()
	if err := s.publisher.Publish(t.Context(), "Example.org", changes); err != nil {
		t.Fatal(err)
	}
}

func reverse(changes []dnsplan.Change) []dnsplan.Change {
	var back []dnsplan.Change
	for _, c := range changes {
		back = append(back, c.Reverse())
	}
	return back
}

// unchanged fails when the zone differs from before in anything but its
// serial.
func unchanged(t *testing.T, s site, before zone.Zone) {
	t.Helper()
	after := s.zone(t)
	if before.Len() != after.Len() {
		t.Errorf("the zone has %d RRsets, had %d", after.Len(), before.Len())
	}
	for _, set := range before.All() {
		if got := after.Get(set.Name, set.Type); set.Type != dns.TypeSOA && !zone.Same(got, &set) {
			t.Errorf("%s is %v, was %v", set.Key(), got, set)
		}
	}
}

func changesAndBack(t *testing.T, s site) {
	before := s.zone(t)
	changes := []dnsplan.Change{
		update(oldMX, newMX), update(oldTXT, newTXT), update(nil, longK),
		update(oldA, nil), update(nil, alias), update(nil, cfg),
	}
	mustPublish(t, s, changes...)
	z := s.zone(t)
	for _, want := range []*zone.RRset{newMX, newTXT, longK, alias, cfg} {
		if got := z.Get(want.Name, want.Type); !zone.Same(got, want) {
			t.Errorf("%s = %v, want %v", want.Key(), got, want)
		}
	}
	if got := z.Get(oldA.Name, dns.TypeA); got != nil {
		t.Errorf("%s is still %v", oldA.Key(), got)
	}
	mustPublish(t, s, reverse(changes)...)
	unchanged(t, s, before)
}

func repeated(t *testing.T, s site) {
	lower := *oldMX
	lower.TTL = 300
	// The wildcard says the same as the A record that goes, and so does the
	// one that comes.
	host := set("www.example.org.", dns.TypeA, 3600, oldA.Data...)
	changes := []dnsplan.Change{update(oldMX, &lower), update(nil, longK), update(oldA, nil), update(nil, host)}
	mustPublish(t, s, changes...)
	serial := s.zone(t).Serial
	mustPublish(t, s, changes...)
	if got := s.zone(t).Serial; got != serial {
		t.Errorf("the serial went from %d to %d although nothing was left to do", serial, got)
	}
	if got := s.zone(t).Get("example.org.", dns.TypeMX); !zone.Same(got, &lower) {
		t.Errorf("MX = %v, want the lower TTL", got)
	}
	mustPublish(t, s, reverse(changes)...)
}

func stale(t *testing.T, s site) {
	before := s.zone(t)
	expected := set("example.org.", dns.TypeMX, 86400, "10 mail.example.org.", "20 backup.example.org.")
	for _, c := range []dnsplan.Change{
		update(expected, newMX),
		update(nil, newMX),
		update(set("example.org.", dns.TypeMX, 86400, "30 elsewhere.example."), nil),
		update(set("new.example.org.", dns.TypeTXT, 60, "x"), set("new.example.org.", dns.TypeTXT, 60, "y")),
	} {
		err := s.publisher.Publish(t.Context(), "example.org", []dnsplan.Change{c})
		stale, ok := errors.AsType[*publish.StaleError](err)
		if !ok {
			t.Errorf("%v: Publish = %v, want a StaleError", c.RRset().Key(), err)
			continue
		}
		live := before.Get(c.RRset().Name, c.RRset().Type)
		if !zone.Equal(stale.Want, c.Before) || !zone.Equal(stale.Got, live) || stale.Type != c.RRset().Type {
			t.Errorf("StaleError = %+v, want %v and %v", stale, c.Before, live)
		}
	}
	unchanged(t, s, before)
}

func staleInOne(t *testing.T, s site) {
	before := s.zone(t)
	// Neither side of the change knows of the record MS=.
	foreign := set("example.org.", dns.TypeTXT, 3600, `"v=spf1 mx -all"`)
	after := set("example.org.", dns.TypeTXT, 300, `"v=spf1 ~all"`)
	err := s.publisher.Publish(t.Context(), "example.org", []dnsplan.Change{update(oldMX, newMX), update(foreign, after)})
	if _, ok := errors.AsType[*publish.StaleError](err); !ok {
		t.Errorf("Publish = %v, want a StaleError", err)
	}
	unchanged(t, s, before)
}

func wrongCredentials(t *testing.T, s site) {
	if s.stranger == nil {
		return // nobody is asked for any
	}
	before := s.zone(t)
	err := s.stranger.Publish(t.Context(), "example.org", []dnsplan.Change{update(oldMX, newMX)})
	if !errors.Is(err, publish.ErrRefused) || strings.Contains(err.Error(), "d3Jvbmc") {
		t.Errorf("Publish = %v, want ErrRefused", err)
	}
	if c, ok := s.stranger.(publish.Checker); ok {
		if err := c.Check(t.Context(), "example.org"); !errors.Is(err, publish.ErrRefused) {
			t.Errorf("Check = %v, want ErrRefused", err)
		}
	}
	if c, ok := s.publisher.(publish.Checker); ok {
		if err := c.Check(t.Context(), "example.org"); err != nil {
			t.Errorf("Check with the right key = %v", err)
		}
	}
	unchanged(t, s, before)
}

// notApplied asks for what a server does not do, and may not say so: a CNAME
// beside other data.
func notApplied(t *testing.T, s site) {
	before := s.zone(t)
	c := update(nil, set("mail.example.org.", dns.TypeCNAME, 300, "host.provider.example."))
	err := s.publisher.Publish(t.Context(), "example.org", []dnsplan.Change{c})
	_, file := errors.AsType[*publish.FileError](err)
	if err == nil || !errors.Is(err, publish.ErrNotApplied) && !errors.Is(err, publish.ErrRefused) && !file {
		t.Errorf("Publish = %v, want ErrNotApplied", err)
	}
	unchanged(t, s, before)
}

func foreignZone(t *testing.T, s site) {
	before := s.zone(t)
	c := update(nil, set("example.net.", dns.TypeTXT, 60, "x"))
	if err := s.publisher.Publish(t.Context(), "example.org", []dnsplan.Change{c}); err == nil {
		t.Error("a change of another zone was taken")
	}
	if c, ok := s.publisher.(publish.Checker); ok {
		if err := c.Check(t.Context(), "example.net"); !errors.Is(err, publish.ErrRefused) {
			t.Errorf("Check of a zone that the server does not hold = %v, want ErrRefused", err)
		}
	}
	unchanged(t, s, before)
}
