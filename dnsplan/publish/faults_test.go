package publish_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/publish"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// panels are the sites behind an API.
func panels(t *testing.T, run func(t *testing.T, start func(t *testing.T) site)) {
	t.Parallel()
	for _, s := range sites {
		if !slices.Contains([]string{"cloudflare", "desec", "digitalocean", "gandi", "hetzner", "ovh", "route53"}, s.name) {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			run(t, s.start)
		})
	}
}

// hasty is the same publisher with a short patience and a pause that is
// written down instead of taken.
func hasty(s site, timeout time.Duration, pauses *[]time.Duration) publish.Publisher {
	api := s.panel.api()
	api.Timeout = timeout
	api.Sleep = func(ctx context.Context, d time.Duration) error {
		*pauses = append(*pauses, d)
		return ctx.Err()
	}
	switch p := s.publisher.(type) {
	case *publish.Cloudflare:
		p.API = api
	case *publish.DeSEC:
		p.API = api
	case *publish.DigitalOcean:
		p.API = api
	case *publish.Gandi:
		p.API = api
	case *publish.Hetzner:
		p.API = api
	case *publish.OVH:
		p.API = api
	case *publish.Route53:
		p.API = api
	}
	return s.publisher
}

var someChanges = []dnsplan.Change{update(oldMX, newMX), update(oldTXT, newTXT), update(oldA, nil), update(nil, alias)}

// TestFaults breaks the first request that writes in every way, and then lets
// the same call be right.
func TestFaults(t *testing.T) {
	panels(t, func(t *testing.T, start func(t *testing.T) site) {
		for _, kind := range []string{"500 before", "500 after", "hang before", "hang after"} {
			s := start(t)
			before := s.zone(t)
			p := hasty(s, 150*time.Millisecond, new([]time.Duration))
			s.panel.breaks(fault{from: 1, times: 1, kind: kind})
			err := p.Publish(t.Context(), "example.org", someChanges)
			abilities := p.Abilities()
			switch {
			case err == nil && strings.HasSuffix(kind, "before"):
				t.Errorf("%s: Publish = nil, and nothing was written", kind)
			case err != nil && !errors.Is(err, publish.ErrUnavailable):
				t.Errorf("%s: Publish = %v, want ErrUnavailable", kind, err)
			case err != nil && abilities.Atomic && abilities.Name != "ovh" && strings.HasSuffix(kind, "after"):
				t.Errorf("%s: Publish = %v, although all took effect", kind, err)
			}
			if strings.HasSuffix(kind, "before") {
				unchanged(t, s, before)
			}
			hasty(s, 20*time.Second, new([]time.Duration)) // a slow machine is no fault
			mustPublish(t, s, someChanges...)
			mustPublish(t, s, reverse(someChanges)...)
			unchanged(t, s, before)
		}
	})
}

// TestCutAnywhere lets a run die at every request that writes, and another
// one go on; mail finds an MX at every moment.
func TestCutAnywhere(t *testing.T) {
	panels(t, func(t *testing.T, start func(t *testing.T) site) {
		for n := 1; ; n++ {
			s := start(t)
			before := s.zone(t)
			s.panel.breaks(fault{from: n, times: 1000, kind: "500 before"})
			err := s.publisher.Publish(t.Context(), "example.org", someChanges)
			s.panel.breaks(fault{})
			mustPublish(t, s, someChanges...)
			mustPublish(t, s, reverse(someChanges)...)
			unchanged(t, s, before)
			if s.panel.noMX {
				t.Errorf("cut at request %d: there was a moment without an MX", n)
			}
			if err == nil {
				return
			}
			if !errors.Is(err, publish.ErrUnavailable) {
				t.Errorf("cut at request %d: Publish = %v, want ErrUnavailable", n, err)
			}
		}
	})
}

func TestThrottled(t *testing.T) {
	panels(t, func(t *testing.T, start func(t *testing.T) site) {
		s := start(t)
		before := s.zone(t)
		var pauses []time.Duration
		p := hasty(s, time.Second, &pauses)
		s.panel.breaks(fault{from: 1, times: 2, kind: "429", after: "7"})
		if err := p.Publish(t.Context(), "example.org", someChanges); err != nil {
			t.Fatalf("throttled twice: Publish = %v", err)
		}
		if p.Abilities().Name != "route53" { // which has no such header
			if len(pauses) < 2 || pauses[0] != 7*time.Second || pauses[1] != 7*time.Second {
				t.Errorf("throttled twice: pauses of %v, want 7s twice", pauses)
			}
		}
		mustPublish(t, s, reverse(someChanges)...)
		for _, after := range []string{"1", "86400"} {
			s.panel.breaks(fault{from: 1, times: 1000, kind: "429", after: after})
			if err := p.Publish(t.Context(), "example.org", someChanges); !errors.Is(err, publish.ErrUnavailable) {
				t.Errorf("throttled for %s s and ever: Publish = %v, want ErrUnavailable", after, err)
			}
			unchanged(t, s, before)
		}
	})
}

// TestLocked lets somebody else be at work in the zone when we want to write:
// nothing was done, so the same request is right in a moment.
func TestLocked(t *testing.T) {
	panels(t, func(t *testing.T, start func(t *testing.T) site) {
		s := start(t)
		before := s.zone(t)
		s.panel.breaks(fault{from: 1, times: 2, kind: "423"})
		err := s.publisher.Publish(t.Context(), "example.org", someChanges)
		if s.publisher.Abilities().Name == "route53" { // which knows no such answer
			return
		}
		if err != nil {
			t.Fatalf("locked twice: Publish = %v", err)
		}
		mustPublish(t, s, reverse(someChanges)...)
		s.panel.breaks(fault{from: 1, times: 1000, kind: "423"})
		if err := s.publisher.Publish(t.Context(), "example.org", someChanges); !errors.Is(err, publish.ErrUnavailable) {
			t.Errorf("locked for ever: Publish = %v, want ErrUnavailable", err)
		}
		unchanged(t, s, before)
	})
}

// TestSomebodyEdits changes the MX in the panel between our look and our
// write. Whoever compares and writes in one refuses; the others may lose the
// edit, and never say that all is well when it is not.
func TestSomebodyEdits(t *testing.T) {
	foreign := set("example.org.", dns.TypeMX, 600, "5 other.example.")
	panels(t, func(t *testing.T, start func(t *testing.T) site) {
		s := start(t)
		s.panel.edit = func(p *panel) { p.set("example.org.", "MX", foreign.TTL, foreign.Data...) }
		err := s.publisher.Publish(t.Context(), "example.org", []dnsplan.Change{update(oldMX, newMX)})
		got := s.zone(t).Get("example.org.", dns.TypeMX)
		stale, isStale := errors.AsType[*publish.StaleError](err)
		switch {
		case err == nil && !zone.Same(got, newMX):
			t.Errorf("Publish = nil, and the MX is %v", got)
		case isStale && (stale.Got == nil || !slices.Contains(stale.Got.Data, foreign.Data[0])):
			t.Errorf("StaleError names %v, which lacks the foreign MX", stale.Got)
		case s.publisher.Abilities().Swap && (!isStale || !zone.Same(got, foreign)):
			t.Errorf("Publish = %v, want a StaleError and the foreign MX untouched, not %v", err, got)
		}
	})
}

// TestReadingIsRepeated lets the first requests that read fail.
func TestReadingIsRepeated(t *testing.T) {
	t.Parallel()
	fails := 2
	p := newPanel(t, func(p *panel) http.Handler {
		inner := desecAPI(60)(p)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if fails > 0 {
				fails--
				http.Error(w, "no", http.StatusBadGateway)
				return
			}
			inner.ServeHTTP(w, r)
		})
	})
	mustPublish(t, desecOf(p), update(oldMX, newMX))
	fails = 100
	if err := desecOf(p).publisher.Publish(t.Context(), "example.org", nil); !errors.Is(err, publish.ErrUnavailable) {
		t.Errorf("Publish = %v, want ErrUnavailable", err)
	}
}

// TestTheTokenStaysHere sends no token in the clear, nor to another place.
func TestTheTokenStaysHere(t *testing.T) {
	t.Parallel()
	seen := ""
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen += r.Header.Get("Authorization") + "!" }))
	defer elsewhere.Close()
	redirect := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer redirect.Close()
	for _, base := range []string{redirect.URL, "http://192.0.2.1", "http://localhost.example", "ftp://127.0.0.1", "https://user:pass word@x"} {
		for _, p := range []publish.Publisher{
			&publish.DeSEC{Token: rightToken, API: publish.API{Base: base, Sleep: noSleep}},
			&publish.Route53{AccessKey: "a", SecretKey: rightToken, API: publish.API{Base: base, Sleep: noSleep}},
		} {
			err := p.Publish(t.Context(), "example.org", nil)
			if err == nil || strings.Contains(err.Error(), rightToken) {
				t.Errorf("%T at %s: Publish = %v", p, base, err)
			}
		}
	}
	if seen != "" {
		t.Errorf("the place that a redirect leads to has seen %q", seen)
	}
}

// TestHostileAnswers sends what no API would: the publisher refuses, and puts
// nothing of it on a terminal.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"", "null", "[]", "{", `{"minimum_ttl": -1}`, `{"minimum_ttl": 1e99}`, "\x1b[2J", strings.Repeat("[", 100_000),
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, body)
		}))
		api := publish.API{Base: server.URL, Sleep: noSleep}
		for _, p := range []publish.Publisher{
			&publish.Cloudflare{API: api}, &publish.DeSEC{API: api}, &publish.DigitalOcean{API: api}, &publish.Gandi{API: api},
			&publish.Hetzner{API: api}, &publish.OVH{API: api}, &publish.Route53{AccessKey: "a", SecretKey: "b", API: api},
		} {
			err := p.Publish(t.Context(), "example.org", []dnsplan.Change{update(oldMX, newMX)})
			if err == nil || strings.ContainsRune(err.Error(), '\x1b') {
				t.Errorf("%T given %.20q: Publish = %q", p, body, err)
			}
		}
		server.Close()
	}
}
