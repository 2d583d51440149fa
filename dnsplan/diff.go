package dnsplan

import (
	"slices"
	"strings"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

// diff returns what the current stage changed against before, RRset by RRset.
// Only what was edited is compared: whatever is not mail stays out of reach.
func (m *move) diff(before zone.Zone, stage Stage) []Change {
	var cs []Change
	for k := range m.touched {
		b, a := before.Get(k.Name, k.Type), m.z.Get(k.Name, k.Type)
		if zone.Same(b, a) {
			continue
		}
		c := Change{Zone: m.in.Now.Origin, Stage: stage, Before: b, After: a, Why: sentence(m.why[k])}
		c.Action = c.action()
		cs = append(cs, c)
	}
	slices.SortFunc(cs, order)
	return cs
}

// order sorts by name, and at a name puts what goes before what comes: a CNAME
// has room only when everything else has left.
func order(a, b Change) int {
	x, y := a.RRset(), b.RRset()
	if x.Name == y.Name && (a.Action == Delete) != (b.Action == Delete) {
		if a.Action == Delete {
			return -1
		}
		return 1
	}
	return zone.Compare(x, y)
}

// sentence joins reasons; they begin in lower case.
func sentence(reasons []string) string {
	s := strings.Join(reasons, "; ")
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}
