package dnsplan_test

import (
	"slices"
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/dmarc"
	"github.com/mxmove/mxmove/dnsplan/mtasts"
	"github.com/mxmove/mxmove/dnsplan/spf"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// checkStages walks through the stages of a plan as a move does, and checks
// what must hold for every plan.
func checkStages(t *testing.T, inputs []dnsplan.Input, p dnsplan.Plan) {
	t.Helper()
	checkRoundTrip(t, p)
	ins := slices.Clone(inputs)
	for _, stage := range dnsplan.Stages {
		changes := p.Stage(stage)
		for i := range ins {
			if ds := dnsplan.Stale(p, stage, ins[i].Now); len(ds) > 0 {
				t.Errorf("%s is stale before it begins: %v", stage, ds[0].Key)
			}
			if want, got := dnsplan.Outcome(p, stage, inputs[i].Now), dnsplan.Apply(ins[i].Now, changes); !sameZone(want, got) {
				t.Errorf("Outcome(%s) is not what its changes make", stage)
			}
			ins[i].Now = dnsplan.Apply(ins[i].Now, changes)
			ins[i].Applied = append(slices.Clone(ins[i].Applied), changes...)
			if ds := dnsplan.Stale(p, stage, ins[i].Now); len(ds) > 0 {
				t.Errorf("%s cannot be repeated after it was applied: %v", stage, ds[0].Key)
			}
			checkZone(t, stage, ins[i].Now, changes)
			checkForeign(t, stage, inputs[i].Now, ins[i].Now, p)
		}
		again, err := dnsplan.Build(ins, made)
		if err != nil {
			t.Fatalf("plan again after %s: %v", stage, err)
		}
		at := slices.Index(dnsplan.Stages, stage)
		for j, s := range dnsplan.Stages {
			switch left := again.Stage(s); {
			case j <= at && len(left) > 0:
				t.Errorf("after %s, %s still has %v", stage, s, describe(left))
			case j > at && !sameChanges(left, p.Stage(s)):
				t.Errorf("after %s, %s = %v, want %v", stage, s, describe(left), describe(p.Stage(s)))
			case j > at && len(left) > 0 && again.Wait(s) != p.Wait(s):
				t.Errorf("after %s, wait of %s = %v, want %v", stage, s, again.Wait(s), p.Wait(s))
			}
		}
	}
	for i := range ins {
		for _, c := range slices.Backward(p.Changes) {
			ins[i].Now = dnsplan.Apply(ins[i].Now, []dnsplan.Change{c.Reverse()})
		}
		if !sameZone(ins[i].Now, inputs[i].Now) {
			t.Errorf("undoing every change does not give the first zone of %s back", inputs[i].Domain)
		}
	}
}

func describe(cs []dnsplan.Change) []string {
	var ds []string
	for _, c := range cs {
		d := string(c.Action) + " " + c.RRset().Key().String()
		for _, s := range c.RRset().Data {
			d += " " + s
		}
		ds = append(ds, d)
	}
	return ds
}

// checkZone checks what no stage may ever leave behind.
func checkZone(t *testing.T, stage dnsplan.Stage, z zone.Zone, changes []dnsplan.Change) {
	t.Helper()
	for _, c := range changes {
		if _, err := c.RRset().RRs(); err != nil {
			t.Errorf("after %s: %v", stage, err)
		}
	}
	for _, s := range z.All() {
		if s.Type == dns.TypeTXT {
			n, policies := 0, 0
			for _, text := range zone.Texts(&s) {
				if spf.Is(text) {
					n++
				}
				if dmarc.Is(text) {
					policies++
				}
			}
			if n > 1 || policies > 1 {
				t.Errorf("after %s, %s has %d SPF and %d DMARC records", stage, s.Name, n, policies)
			}
		}
		if s.Type == dns.TypeCNAME && len(z.At(s.Name)) > 1 {
			t.Errorf("after %s, a CNAME has neighbours at %s", stage, s.Name)
		}
	}
}

// checkForeign checks that what the plan does not name is untouched, and that
// TXT neighbours of the SPF record keep their octets.
func checkForeign(t *testing.T, stage dnsplan.Stage, first, now zone.Zone, p dnsplan.Plan) {
	t.Helper()
	changed := make(map[zone.Key]bool)
	for _, c := range p.Changes {
		changed[c.RRset().Key()] = true
	}
	for _, s := range first.All() {
		is := now.Get(s.Name, s.Type)
		if !changed[s.Key()] && !zone.Same(&s, is) {
			t.Errorf("after %s, %s is not as it was", stage, s.Key())
		}
		if s.Type != dns.TypeTXT || is == nil {
			continue
		}
		for _, data := range s.Data {
			if text, err := zone.JoinTXT(data); err == nil && !spf.Is(text) && !dmarc.Is(text) && !mtasts.IsRecord(text) && !slices.Contains(is.Data, data) {
				t.Errorf("after %s, %s has lost %s", stage, s.Key(), data)
			}
		}
	}
}

func checkRoundTrip(t *testing.T, p dnsplan.Plan) {
	t.Helper()
	text := indented(t, p)
	var q dnsplan.Plan
	if err := q.UnmarshalJSON(text); err != nil {
		t.Fatalf("read the plan back: %v", err)
	}
	if got := indented(t, q); string(got) != string(text) {
		t.Errorf("plan read back and written =\n%s\nwant\n%s", got, text)
	}
}

func sameZone(a, b zone.Zone) bool {
	return slices.EqualFunc(a.All(), b.All(), func(x, y zone.RRset) bool { return zone.Same(&x, &y) })
}

func sameChanges(a, b []dnsplan.Change) bool {
	return slices.EqualFunc(a, b, func(x, y dnsplan.Change) bool {
		return x.Zone == y.Zone && x.Action == y.Action && zone.Same(x.Before, y.Before) && zone.Same(x.After, y.After)
	})
}
