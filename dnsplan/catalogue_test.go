package dnsplan_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
)

// consoleKey is what a console shows as a DKIM record.
const consoleKey = "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAnSOdJ8HQmKyL4+LSw/3EDFmu9D17lLoE+yD1e4xbYsDGJyIZ9PDVdR8xg7d6/0RtFiFvfBoSrayJR1McRCPnnELb3n8rg2eN2ICCoP+Ga1SabtS4OQxXFKwzP87M1AGyEtOpFutsLhULVYLBEMuGIzWqgEIj0q0txo0TSL8QKvapozlKv5U+IYs0/7gc/hCsISgDYLXdoOC/P26UGq4Z0ZNMql3/OChzEiYjILVz9mY3CfOwWkB9d8H23fUFo05q98yRZTeYDh1exeTjJF+k0hjWv7LQRSyOAskbKTC0z8VITYsKYca/AydqiGXe6Th4Fu9qSWF8TWdbT0g6I76D9wIDAQAB"

// console returns values as a provider's console would show them: before the
// domain is verified what is required, afterwards all of them.
func console(p *provider.Provider, verified bool) provider.Vars {
	vars := make(provider.Vars)
	for _, v := range p.Variables {
		switch {
		case !v.Required && !verified, v.Default != "":
		case len(v.Choices) > 0:
			vars[v.Name] = []string{slices.Sorted(maps.Keys(v.Choices))[0]}
		case v.Example == "":
			vars[v.Name] = []string{"shown-by-the-console"}
		case strings.HasPrefix(v.Example, "v=DKIM1"):
			vars[v.Name] = []string{consoleKey}
		default:
			vars[v.Name] = []string{v.Example}
		}
	}
	if _, ok := vars["dkim"]; ok && p.Name == "generic" {
		vars["cname_selector"], vars["dkim_target"] = []string{"s1"}, []string{"s1.dkim.provider.example"}
	}
	if p.Name == "startmail" && verified {
		vars["selector"], vars["dkim"] = []string{"s1"}, []string{consoleKey}
		delete(vars, "cname_selector")
		delete(vars, "dkim_target")
	}
	return vars
}

// eachProvider calls f for every provider that takes domains, before and
// after the domain is verified.
func eachProvider(t *testing.T, f func(t *testing.T, p *provider.Provider, vars provider.Vars)) {
	t.Helper()
	for _, name := range provider.Names() {
		p, err := provider.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		if p.Refuse != "" {
			continue
		}
		for stage, verified := range map[string]bool{"unverified": false, "verified": true} {
			t.Run(name+"/"+stage, func(t *testing.T) {
				t.Parallel()
				f(t, p, console(p, verified))
			})
		}
	}
}

// everyHost resolves every name to an address and an SPF record, so that the
// exchanges and includes of all providers exist.
func everyHost(name string, typ uint16) ([]string, error) {
	switch {
	case typ == dns.TypeA:
		return []string{"198.51.100.1"}, nil
	case typ == dns.TypeTXT && !strings.HasPrefix(name, "_dmarc."):
		return []string{`"v=spf1 ip4:198.51.100.1 ~all"`}, nil
	}
	return nil, nil
}

// taken are the selectors that a console shows while a kind of old server
// signs with them too: the plan has to say it.
var taken = map[string]string{
	"generic/mailinabox":   "mail._domainkey.example.org.",
	"yandex360/mailinabox": "mail._domainkey.example.org.",
	"privateemail/cpanel":  "default._domainkey.example.org.",
}

// TestTypicalZones plans every provider against zones as people have them.
func TestTypicalZones(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"postfix", "cpanel", "mailcow", "mailinabox"} {
		z := zoneFile(t, file)
		eachProvider(t, func(t *testing.T, p *provider.Provider, vars provider.Vars) {
			in := dnsplan.Input{Domain: "example.org", Provider: p, Vars: vars, Origin: z, Now: z.Clone(), Lookup: everyHost}
			plan, err := dnsplan.Build([]dnsplan.Input{in}, made)
			if err != nil {
				t.Fatal(err)
			}
			checkStages(t, []dnsplan.Input{in}, plan)
			for _, f := range plan.Findings {
				known := f.Code == finding.DKIMCollision && taken[p.Name+"/"+file] == f.Subject
				if f.Severity == finding.Block && !known {
					t.Errorf("%s to %s is blocked: %+v", file, p.Name, f)
				}
			}
		})
	}
}

// TestOwnZone plans every provider against an empty zone, and once more
// against what came of it: nothing is left to do, whoever looks.
func TestOwnZone(t *testing.T) {
	t.Parallel()
	eachProvider(t, func(t *testing.T, p *provider.Provider, vars provider.Vars) {
		empty := mustZone(t, "example.org", "@ SOA ns1.example.org. root.example.org. 1 7200 3600 1209600 300\n@ NS ns1.example.org.\nns1 A 192.0.2.53\n")
		in := dnsplan.Input{Domain: "example.org", Provider: p, Vars: vars, Origin: empty, Now: empty.Clone(), Lookup: everyHost}
		plan, err := dnsplan.Build([]dnsplan.Input{in}, made)
		if err != nil {
			t.Fatal(err)
		}
		checkStages(t, []dnsplan.Input{in}, plan)
		if s := plan.Summary(); s.Block > 0 || s.Create == 0 || s.Delete > 0 {
			t.Errorf("plan for an empty zone: %+v, findings %v", s, plan.Findings)
		}
		finished := dnsplan.Apply(empty, plan.Changes)
		in.Origin, in.Now = finished, finished.Clone()
		again, err := dnsplan.Build([]dnsplan.Input{in}, made)
		if err != nil {
			t.Fatal(err)
		}
		if len(again.Changes) > 0 || again.Summary().Block > 0 {
			t.Errorf("plan for the provider's own zone still has %v, findings %v", describe(again.Changes), again.Findings)
		}
	})
}

// TestFromOneToAnother moves the finished zone of every provider to every
// other. Nothing stands in the way but a selector that both have.
func TestFromOneToAnother(t *testing.T) {
	t.Parallel()
	finished := make(map[string]zone.Zone)
	plan := func(p *provider.Provider, z zone.Zone) dnsplan.Plan {
		in := dnsplan.Input{Domain: "example.org", Provider: p, Vars: console(p, true), Now: z, Lookup: everyHost}
		plan, err := dnsplan.Build([]dnsplan.Input{in}, made)
		if err != nil {
			t.Fatal(err)
		}
		return plan
	}
	var ps []*provider.Provider
	for _, name := range provider.Names() {
		p, err := provider.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		if p.Refuse == "" {
			empty := zone.New("example.org", zone.File)
			finished[name] = dnsplan.Apply(empty, plan(p, empty).Changes)
			ps = append(ps, p)
		}
	}
	for _, from := range ps {
		for _, to := range ps {
			moved := plan(to, finished[from.Name])
			checkZone(t, dnsplan.Harden, dnsplan.Apply(finished[from.Name], moved.Changes), moved.Changes)
			if from == to && len(moved.Changes) > 0 {
				t.Errorf("%s to itself: %v", from.Name, describe(moved.Changes))
			}
			for _, f := range moved.Findings {
				both := f.Code == finding.DKIMCollision && finished[from.Name].At(f.Subject) != nil
				if f.Severity == finding.Block && !both {
					t.Errorf("%s to %s is blocked: %+v", from.Name, to.Name, f)
				}
			}
		}
	}
}

// TestOffersSurvive puts what a provider only offers into its finished zone,
// as an owner may: the plan leaves it alone, whatever it thinks of it.
func TestOffersSurvive(t *testing.T) {
	t.Parallel()
	for _, name := range provider.Names() {
		p, err := provider.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range p.Offers {
			if o.Advise == "against" {
				continue
			}
			t.Run(name+"/"+o.Name, func(t *testing.T) {
				t.Parallel()
				vars := console(p, true)
				records, err := p.Expand("example.org", vars)
				if err != nil {
					t.Fatal(err)
				}
				z := zone.New("example.org", zone.File)
				var rrs []dns.RR
				for _, r := range records.Offers[i].Records {
					rr, err := dns.NewRR(r.Name + " 3600 IN " + r.Type + " " + r.Value)
					if err != nil || rr == nil {
						t.Fatalf("%+v is not a record: %v", r, err)
					}
					rrs = append(rrs, rr)
				}
				offered := zone.FromRRs(rrs)
				for _, s := range offered {
					z.Put(s)
				}
				in := dnsplan.Input{Domain: "example.org", Provider: p, Vars: vars, Now: z, Lookup: everyHost}
				plan, err := dnsplan.Build([]dnsplan.Input{in}, made)
				if err != nil {
					t.Fatal(err)
				}
				after := dnsplan.Apply(z, plan.Changes)
				for _, s := range offered {
					if is := after.Get(s.Name, s.Type); !zone.Same(is, &s) {
						t.Errorf("the plan changed %s to %v", s.Key(), is)
					}
				}
				if i := slices.IndexFunc(plan.Findings, func(f finding.Finding) bool { return f.Severity == finding.Block }); i >= 0 {
					t.Errorf("the plan is blocked: %+v", plan.Findings[i])
				}
			})
		}
	}
}
