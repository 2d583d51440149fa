package dnsplan_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/spf"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
)

// zones is how many are generated. The race detector makes each ten times
// dearer, and finds nothing more in the four thousandth.
func zones() uint64 {
	switch {
	case raceEnabled:
		return 80
	case testing.Short():
		return 400
	}
	return 4000
}

// TestGeneratedZones plans zones put together at random, and checks with each
// what must hold for every plan, whatever the order of the records.
func TestGeneratedZones(t *testing.T) {
	t.Parallel()
	const shards = 8
	for shard := range uint64(shards) {
		t.Run(fmt.Sprintf("shard%d", shard), func(t *testing.T) {
			t.Parallel()
			for seed := shard; seed < zones(); seed += shards {
				if checkSeed(t, seed); t.Failed() {
					return
				}
			}
		})
	}
}

func checkSeed(t *testing.T, seed uint64) {
	g := generator{rand.New(rand.NewPCG(seed, 7))}
	ins := g.inputs(t)
	p, err := dnsplan.Build(ins, made)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	checkStages(t, ins, p)
	checkLookups(t, ins, p)
	shuffled := slices.Clone(ins)
	for i := range shuffled {
		shuffled[i].Now = g.shuffle(ins[i].Now)
		shuffled[i].Origin = shuffled[i].Now.Clone()
	}
	q, err := dnsplan.Build(shuffled, made)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	if !sameChanges(unordered(p), unordered(q)) {
		t.Errorf("seed %d: the plan depends on the order of records: %v, %v", seed, describe(unordered(p)), describe(unordered(q)))
	}
	if t.Failed() {
		var b strings.Builder
		if err := ins[0].Now.Write(&b); err != nil {
			t.Error(err)
		}
		t.Fatalf("seed %d, provider %s:\n%s", seed, ins[0].Provider.Name, b.String())
	}
}

// checkLookups checks that no stage leaves an SPF record above the limit that
// receivers have, unless the plan is refused for it.
func checkLookups(t *testing.T, ins []dnsplan.Input, p dnsplan.Plan) {
	t.Helper()
	if slices.ContainsFunc(p.Findings, func(f finding.Finding) bool {
		return f.Code == finding.NotMeasured || f.Severity == finding.Block && (f.Code == finding.SPFTooManyLookups || f.Code == finding.SPFUnreadable)
	}) {
		return
	}
	for _, in := range ins {
		for _, stage := range dnsplan.Stages {
			z := dnsplan.Outcome(p, stage, in.Now)
			for _, text := range zone.Texts(z.Get(in.Domain+".", dns.TypeTXT)) {
				r, err := spf.Parse(text)
				if err != nil {
					continue
				}
				cost, err := spf.Count(in.Domain, r, func(name string, typ uint16) ([]string, error) {
					for _, peer := range ins {
						z := dnsplan.Outcome(p, stage, peer.Now)
						if set := z.Get(name, typ); set != nil {
							return set.Data, nil
						}
					}
					if in.Lookup == nil {
						return nil, errors.New("nobody to ask")
					}
					return in.Lookup(name, typ)
				})
				if err == nil && cost.Lookups > spf.MaxLookups {
					t.Errorf("after %s, SPF of %s takes %d lookups and nothing refuses that: %s", stage, in.Domain, cost.Lookups, text)
				}
			}
		}
	}
}

// unordered leaves SPF out of the comparison where a zone has several: which
// of them comes first decides the order of the merged terms, no more.
func unordered(p dnsplan.Plan) []dnsplan.Change {
	several := slices.ContainsFunc(p.Findings, func(f finding.Finding) bool { return f.Code == finding.SeveralSPF })
	return slices.DeleteFunc(slices.Clone(p.Changes), func(c dnsplan.Change) bool {
		return several && c.RRset().Type == dns.TypeTXT && !strings.HasPrefix(c.RRset().Name, "_")
	})
}
