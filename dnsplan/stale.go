package dnsplan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

// Stage returns the changes of one stage, in the order of the plan.
func (p Plan) Stage(s Stage) []Change {
	var cs []Change
	for _, c := range p.Changes {
		if c.Stage == s {
			cs = append(cs, c)
		}
	}
	return cs
}

// Next returns the first stage that has changes, or "" for an empty plan.
func (p Plan) Next() Stage {
	for _, s := range Stages {
		if len(p.Stage(s)) > 0 {
			return s
		}
	}
	return ""
}

// Wait returns the wait before a stage; its Length is 0 when there is none.
func (p Plan) Wait(s Stage) Wait {
	for _, w := range p.Waits {
		if w.Stage == s {
			return w
		}
	}
	return Wait{Stage: s}
}

// Apply returns z with the changes that concern it made.
func Apply(z zone.Zone, changes []Change) zone.Zone {
	r := z.Clone()
	for _, c := range changes {
		if c.Zone != z.Origin {
			continue
		}
		if c.Before != nil {
			r.Remove(c.Before.Name, c.Before.Type)
		}
		if c.After != nil {
			r.Put(*c.After)
		}
	}
	return r
}

// Outcome returns the zone as it is after a stage, when z is the zone that
// the plan was made for. The stages before it are applied too.
func Outcome(p Plan, stage Stage, z zone.Zone) zone.Zone {
	return Apply(z, p.until(stage, true))
}

// until returns the changes of the stages before stage, and with itself of
// stage too.
func (p Plan) until(stage Stage, itself bool) []Change {
	end := slices.Index(Stages, stage)
	if itself {
		end++
	}
	var cs []Change
	for _, s := range Stages[:max(end, 0)] {
		cs = append(cs, p.Stage(s)...)
	}
	return cs
}

// A Difference is an RRset that a plan builds on and that is not as expected.
type Difference struct {
	Key  zone.Key
	Want *zone.RRset // nil: expected to be absent
	Got  *zone.RRset // nil: absent
}

// String names the RRset, what was expected of it and what is there.
func (d Difference) String() string {
	return fmt.Sprintf("%s %s: want %s, got %s", d.Key.Name, zone.RRset{Type: d.Key.Type}.TypeName(), shown(d.Want), shown(d.Got))
}

// holds reports whether an RRset is the live zone's own: it lies neither at or
// below a delegation nor in a deeper zone that the plan changes.
func (p Plan) holds(live zone.Zone, k zone.Key) bool {
	if !live.Holds(k.Name) {
		return false
	}
	if slices.ContainsFunc(p.Changes, func(c Change) bool {
		return c.Zone != live.Origin && zone.Within(c.Zone, live.Origin) && zone.Within(k.Name, c.Zone)
	}) {
		return false
	}
	for at := k.Name; at != live.Origin && at != "."; at = parent(at) {
		if live.Get(at, dns.TypeNS) != nil {
			return at == k.Name && k.Type == dns.TypeNS
		}
	}
	return true
}

func shown(s *zone.RRset) string {
	if s == nil {
		return "nothing"
	}
	return strings.Join(s.Data, " | ")
}

// Stale compares the live zone with what the plan expects before a stage, and
// returns what differs in the RRsets that the plan builds on; TTLs do not
// count. A plan of several zones is asked with each of them in turn: only
// names of the live zone are compared, not those of a zone below it. An RRset that is already as the
// stage will make it is not stale, so that a stage may be repeated.
func Stale(p Plan, stage Stage, live zone.Zone) []Difference {
	want := zone.New(live.Origin, live.Coverage)
	keys := make(map[zone.Key]bool)
	for _, s := range p.Base {
		if p.holds(live, s.Key()) {
			want.Put(s)
			keys[s.Key()] = true
		}
	}
	done := make(map[zone.Key]*zone.RRset)
	for _, c := range p.until(stage, true) {
		if c.Zone != live.Origin {
			continue
		}
		keys[c.RRset().Key()] = true
		if c.Stage == stage {
			done[c.RRset().Key()] = c.After
		}
	}
	want = Apply(want, p.until(stage, false))
	var ds []Difference
	for k := range keys {
		w, g := want.Get(k.Name, k.Type), live.Get(k.Name, k.Type)
		after, changes := done[k]
		if zone.Equal(w, g) || changes && zone.Equal(after, g) {
			continue
		}
		ds = append(ds, Difference{Key: k, Want: w, Got: g})
	}
	slices.SortFunc(ds, func(a, b Difference) int {
		return zone.Compare(zone.RRset{Name: a.Key.Name, Type: a.Key.Type}, zone.RRset{Name: b.Key.Name, Type: b.Key.Type})
	})
	return ds
}
