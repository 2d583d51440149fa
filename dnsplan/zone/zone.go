// Package zone holds DNS data as the planner sees it: RRsets in presentation
// form, and zones of them with a word about how much of the zone is known.
package zone

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// A Coverage says how a zone came to be known, and so how much its silence
// is worth: only a full copy can say that a record does not exist.
type Coverage string

// The coverages, the best first.
const (
	AXFR    Coverage = "axfr"    // transferred whole
	File    Coverage = "file"    // read from a master file
	Listing Coverage = "listing" // listed by the publisher
	Probed  Coverage = "probed"  // only the well-known names were asked for
)

// Complete reports whether a name that the zone lacks does not exist.
func (c Coverage) Complete() bool { return c == AXFR || c == File || c == Listing }

// A Zone is the RRsets known of one zone. Get is exact: a wildcard stands
// under its own name only. A Zone is not safe for concurrent changes, and a
// plain copy shares its RRsets with the original; Clone does not.
type Zone struct {
	Origin   string // apex, absolute and lower case
	Coverage Coverage
	Serial   uint32 // of the SOA record, 0 when unknown
	sets     map[Key]RRset
}

// New returns an empty zone.
func New(origin string, c Coverage) Zone {
	return Zone{Origin: Canonical(origin), Coverage: c, sets: make(map[Key]RRset)}
}

// Get returns a copy of the RRset of that name and type, or nil.
func (z Zone) Get(name string, typ uint16) *RRset {
	s, ok := z.sets[Key{Canonical(name), typ}]
	if !ok {
		return nil
	}
	s = s.clone()
	return &s
}

// At returns the RRsets of one name, sorted by type.
func (z Zone) At(name string) []RRset {
	name = Canonical(name)
	var found []RRset
	for k, s := range z.sets {
		if k.Name == name {
			found = append(found, s.clone())
		}
	}
	slices.SortFunc(found, Compare)
	return found
}

// Put adds s to the zone, in place of the RRset of the same name and type. An
// RRset without data does not exist: it removes.
func (z *Zone) Put(s RRset) {
	s = s.clone()
	s.Name = Canonical(s.Name)
	if len(s.Data) == 0 {
		z.Remove(s.Name, s.Type)
		return
	}
	if z.sets == nil {
		z.sets = make(map[Key]RRset)
	}
	z.sets[s.Key()] = s
}

// Remove takes an RRset out of the zone. It may be absent already.
func (z *Zone) Remove(name string, typ uint16) {
	delete(z.sets, Key{Canonical(name), typ})
}

// All returns every RRset, sorted as Compare says.
func (z Zone) All() []RRset {
	all := make([]RRset, 0, len(z.sets))
	for s := range maps.Values(z.sets) {
		all = append(all, s.clone())
	}
	slices.SortFunc(all, Compare)
	return all
}

// Each calls visit with every RRset, in no order. The data is the zone's own:
// it is to be read only.
func (z Zone) Each(visit func(RRset)) {
	for _, s := range z.sets {
		visit(s)
	}
}

// Len returns the number of RRsets.
func (z Zone) Len() int { return len(z.sets) }

// Clone returns a zone that shares nothing with z.
func (z Zone) Clone() Zone {
	c := z
	c.sets = make(map[Key]RRset, len(z.sets))
	for k, s := range z.sets {
		c.sets[k] = s.clone()
	}
	return c
}

// Holds reports whether name is the apex of z or lies below it.
func (z Zone) Holds(name string) bool { return Within(name, z.Origin) }

// Within reports whether name is parent or lies below it.
func Within(name, parent string) bool {
	name, parent = Canonical(name), Canonical(parent)
	return parent == "." || name == parent || strings.HasSuffix(name, "."+parent)
}

// Compare orders RRsets as the DNS does, label by label from the right, so
// that an apex comes before what lies below it; then by type.
func Compare(a, b RRset) int {
	if c := compareNames(a.Name, b.Name); c != 0 {
		return c
	}
	return cmp.Compare(a.Type, b.Type)
}

func compareNames(a, b string) int {
	if a == b {
		return 0
	}
	if !strings.Contains(a, `\`) && !strings.Contains(b, `\`) {
		return comparePlain(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
	}
	la, lb := labels(a), labels(b)
	for i := 1; i <= min(len(la), len(lb)); i++ {
		if c := strings.Compare(la[len(la)-i], lb[len(lb)-i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(la), len(lb))
}

// comparePlain compares names without escapes label by label from the right,
// and allocates nothing: a large zone is sorted often.
func comparePlain(a, b string) int {
	for a != "" && b != "" {
		i, j := strings.LastIndexByte(a, '.'), strings.LastIndexByte(b, '.')
		if c := strings.Compare(a[i+1:], b[j+1:]); c != 0 {
			return c
		}
		a, b = a[:max(i, 0)], b[:max(j, 0)]
	}
	return cmp.Compare(len(a), len(b))
}
