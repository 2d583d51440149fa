package publish_test

import (
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/dnsplan/publish"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// listing compares the list with the zone: everything is there, but for what
// the DNS host keeps to itself.
func listing(t *testing.T, s site) {
	lister, ok := s.publisher.(publish.Lister)
	if !ok {
		return
	}
	all, err := lister.List(t.Context(), "Example.org")
	if err != nil {
		t.Fatal(err)
	}
	if all.Zone.Origin != "example.org." || !all.Zone.Coverage.Complete() {
		t.Errorf("List = %q, %q", all.Zone.Origin, all.Zone.Coverage)
	}
	for _, want := range s.zone(t).All() {
		if got := all.Zone.Get(want.Name, want.Type); !zone.Same(got, &want) && !slices.Contains(all.Opaque, want.Key()) {
			t.Errorf("%s = %v, want %v", want.Key(), got, want)
		}
	}
}

// twoPasses publishes a whole move stage by stage: what was published is not
// planned again, only the later stages are.
func twoPasses(t *testing.T, s site) {
	p, err := provider.Load("google")
	if err != nil {
		t.Fatal(err)
	}
	origin := s.zone(t)
	in := dnsplan.Input{
		Domain: "example.org", Provider: p, Vars: provider.Vars{"verify": {"google-site-verification=abc"}, "dkim": {"v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"}},
		Origin: origin, Now: origin, TTLFloor: s.publisher.Abilities().TTLFloor,
		Lookup: func(string, uint16) ([]string, error) { return nil, nil },
	}
	plan := func() dnsplan.Plan {
		t.Helper()
		plan, err := dnsplan.Build([]dnsplan.Input{in}, time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		return plan
	}
	for i, stage := range dnsplan.Stages {
		changes := plan().Stage(stage)
		if len(changes) == 0 && stage == dnsplan.Switch {
			t.Fatal("the plan switches nothing")
		}
		mustPublish(t, s, changes...)
		in.Now, in.Applied = s.zone(t), append(in.Applied, changes...)
		for _, done := range dnsplan.Stages[:i+1] {
			if again := plan().Stage(done); len(again) > 0 {
				t.Errorf("after %s: %s is planned again: %v", stage, done, again)
			}
		}
	}
	back := reverse(in.Applied)
	slices.Reverse(back)
	for _, c := range back {
		mustPublish(t, s, c)
	}
	z := s.zone(t)
	for _, want := range origin.All() {
		if got := z.Get(want.Name, want.Type); want.Type != dns.TypeSOA && !zone.Same(got, &want) {
			t.Errorf("on the way back: %s = %v, want %v", want.Key(), got, want)
		}
	}
}
