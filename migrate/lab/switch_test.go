package lab_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/dnsplan/publish"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/lab"
)

// TestSwitchMovesTheMail plans and publishes what a move would, with nothing
// known but the move directory, and looks where mail then goes.
func TestSwitchMovesTheMail(t *testing.T) {
	t.Parallel()
	d := start(t, lab.Options{Messages: 10, TTL: 86400})
	dir := t.TempDir()
	if err := d.Write(dir); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(filepath.Join(dir, "mxmove.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p := providerOf(t, dir)
	secret, err := os.ReadFile(filepath.Join(dir, "zone.key"))
	if err != nil {
		t.Fatal(err)
	}
	key := &resolver.TSIG{Name: c.DNS.Snapshot.TSIG.Name, Algorithm: c.DNS.Snapshot.TSIG.Algorithm, Secret: string(secret[:len(secret)-1])}
	client := &resolver.Client{Resolver: c.DNS.Resolver, Dial: dial(d)}
	before := snapshot(t, client, c, key)
	plan, err := dnsplan.Build([]dnsplan.Input{{
		Domain: c.Domain, Provider: p, Vars: provider.Vars(c.Vars), Now: before,
		Lookup: func(name string, typ uint16) ([]string, error) { return client.Lookup(t.Context(), name, typ) },
	}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range plan.Findings {
		if f.Severity == finding.Block {
			t.Errorf("the plan is blocked: %+v", f)
		}
	}
	publisher := &publish.RFC2136{Server: c.DNS.Publisher.RFC2136.Server, TSIG: key, Dial: dial(d)}
	apply := func(changes []dnsplan.Change) {
		t.Helper()
		if err := publisher.Publish(t.Context(), "example.org.", changes); err != nil {
			t.Fatal(err)
		}
	}
	anna := d.People[0]
	at := func(stage string, oldMX, newMX int) {
		t.Helper()
		if err := d.Deliver(t.Context(), "carla@customer.example", anna.Address, []byte(note)); err != nil {
			t.Fatal(err)
		}
		if d.OldMX.Received() != oldMX || d.NewMX.Received() != newMX {
			t.Errorf("%s: %d received at the old server and %d at the new, want %d and %d", stage, d.OldMX.Received(), d.NewMX.Received(), oldMX, newMX)
		}
	}
	at("before", 1, 0)
	apply(plan.Stage(dnsplan.Prepare))
	at("prepared", 2, 0)
	apply(plan.Stage(dnsplan.Switch))
	at("switched", 2, 1)
	applied := slices.Concat(plan.Stage(dnsplan.Prepare), plan.Stage(dnsplan.Switch))
	slices.Reverse(applied)
	for i := range applied {
		apply([]dnsplan.Change{applied[i].Reverse()})
	}
	at("undone", 3, 1)
	for _, s := range before.All() {
		if after := d.DNS.Zone("example.org.").Get(s.Name, s.Type); s.TypeName() != "SOA" && !zone.Equal(&s, after) {
			t.Errorf("after the way back %s is %v, was %v", s.Key(), after, s)
		}
	}
}

func providerOf(t *testing.T, dir string) *provider.Provider {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "provider.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := provider.Parse("provider.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func snapshot(t *testing.T, client *resolver.Client, c *config.Config, key *resolver.TSIG) zone.Zone {
	t.Helper()
	s, err := client.Snapshot(t.Context(), "example.org.", resolver.Source{AXFR: c.DNS.Snapshot.AXFR, TSIG: key})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Servers) != 2 || len(s.Findings) != 0 {
		t.Errorf("snapshot of %d servers with findings %+v", len(s.Servers), s.Findings)
	}
	return s.Zone
}
