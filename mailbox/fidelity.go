package mailbox

import (
	"cmp"
	"slices"
	"sync"
)

// confirmOctets is how much of a mailbox is read on each side to make sure of
// messages that are most likely the same: all of a small one, the least of a
// large one. That costs less than copying it, and only where the journal does
// not know what is at the target.
const confirmOctets = 64 << 20

// A fidelity is what is known of how the servers of an account keep the text
// of messages. Some write it anew, and then it tells nothing: Exchange, and
// Proton's Bridge.
type fidelity struct {
	mu      sync.Mutex
	rewrite bool // known by the server's name
	kept    int  // messages whose text was the same on both sides
	altered int  // messages that have all but size and text in common
}

// altersLeast is how many altered texts it takes to believe that a server
// alters them: one or two are messages that were replaced.
const altersLeast = 8

// rewrites reports whether equal messages have different texts.
func (f *fidelity) rewrites() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rewrite || f.altered >= altersLeast && f.altered > 4*f.kept
}

// name takes what a server is known for.
func (f *fidelity) name(exchange bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rewrite = f.rewrite || exchange
}

// trust parts messages that are most likely the same into those that are
// believed to be, and those whose texts are to be read: the least likely and
// the smallest, as many as confirmOctets allows. With evidence messages that
// have all in common are believed.
func (f *fidelity) trust(alone []match, source, target []candidate, evidence bool) (sure []match, open []group) {
	if f.rewrites() {
		return alone, nil
	}
	octets := func(m match) int64 { return max(source[m.source].Size, target[m.target].Size) }
	shown := func(m match) bool { return evident(source[m.source], target[m.target]) }
	var order []match
	for _, m := range alone {
		if evidence && shown(m) {
			sure = append(sure, m)
		} else {
			order = append(order, m)
		}
	}
	slices.SortStableFunc(order, func(a, b match) int {
		return cmp.Or(compareBool(shown(a), shown(b)), cmp.Compare(octets(a), octets(b)))
	})
	budget := int64(confirmOctets)
	for _, m := range order {
		if budget -= octets(m); budget < 0 {
			sure = append(sure, m)
			continue
		}
		open = append(open, group{[]place{m.source}, []place{m.target}})
	}
	return sure, open
}

// decide pairs the messages of groups whose texts were read.
func (f *fidelity) decide(open []group, source, target []candidate) []match {
	var pairs, altered []match
	for _, g := range open {
		found := matchTexts(g, source, target)
		pairs = append(pairs, found...)
		m, single := g.alone()
		if !single || !likely(source[m.source], target[m.target]) {
			continue
		}
		f.mu.Lock()
		switch s, t := source[m.source], target[m.target]; {
		case sameText(s, t):
			f.kept++
		case len(found) > 0 || s.Size == t.Size && s.read != nil && t.read != nil:
		case s.read == nil || t.read == nil:
			pairs = append(pairs, m) // nothing says otherwise
		default:
			f.altered++
			altered = append(altered, m)
		}
		f.mu.Unlock()
	}
	if f.rewrites() {
		pairs = append(pairs, altered...)
	}
	return pairs
}
