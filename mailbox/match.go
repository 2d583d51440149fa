package mailbox

import (
	"cmp"
	"slices"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// A candidate is a message that may be the same as one on the other side.
type candidate struct {
	Message
	text  wire.Digest // of what stands behind the header; zero: not read
	claim claim
}

// A claim says how sure a source message is to be found at the target. The
// surer ones choose first.
type claim int

const (
	stored  claim = iota // the target said OK without naming the UID
	doubted claim = iota // it was on its way when the connection was lost
	unsent  claim = iota // never sent by us
)

// A match is a source and a target message that are the same, by their places
// in the lists.
type match struct{ source, target int }

// A group holds messages with equal headers on both sides, which only their
// content can tell apart.
type group struct{ source, target []int }

// matchHeaders finds the messages that are on both sides by their headers.
// Groups that headers cannot decide come back open: equal headers on several
// messages, and messages without a Message-ID that differ in date or size.
//
// Size and date are never a reason to refuse a match by themselves: servers
// count line ends in two ways and round dates.
func matchHeaders(source, target []candidate) (pairs []match, open []group) {
	groups := make(map[wire.Digest]*group)
	for i, c := range target {
		g := groups[c.Header]
		if g == nil {
			g = new(group)
			groups[c.Header] = g
		}
		g.target = append(g.target, i)
	}
	var order []*group
	for i, c := range source {
		g := groups[c.Header]
		if g == nil {
			continue
		}
		if len(g.source) == 0 {
			order = append(order, g)
		}
		g.source = append(g.source, i)
	}
	for _, g := range order {
		if len(g.source) == 1 && len(g.target) == 1 && evident(source[g.source[0]], target[g.target[0]]) {
			pairs = append(pairs, match{g.source[0], g.target[0]})
			continue
		}
		open = append(open, *g)
	}
	return pairs, open
}

// evident reports whether two messages with equal headers, the only ones on
// their sides, are the same without a look at their content.
func evident(s, t candidate) bool {
	if s.Header.IsZero() || t.Header.IsZero() {
		return false
	}
	size, date := s.Size == t.Size, s.InternalDate.Equal(t.InternalDate)
	if s.Named && t.Named {
		return size || date
	}
	return size && date
}

// matchContent pairs the messages of a group that have the same text. Among
// those that are quite the same, the surer claims choose first, then equal
// dates and sizes find each other, then the order decides; what is over stays
// single, so that true doubles stay as many as they are.
func matchContent(g group, source, target []candidate) []match {
	var pairs []match
	free := slices.Clone(g.target)
	for _, c := range []claim{stored, doubted, unsent} {
		claims := slices.DeleteFunc(slices.Clone(g.source), func(i int) bool { return source[i].claim != c })
		for _, rule := range []func(s, t candidate) bool{sameTwin, sameText, sameUnread} {
			claims = slices.DeleteFunc(claims, func(i int) bool {
				j := slices.IndexFunc(free, func(j int) bool { return rule(source[i], target[j]) })
				if j < 0 {
					return false
				}
				pairs = append(pairs, match{i, free[j]})
				free = slices.Delete(free, j, j+1)
				return true
			})
		}
	}
	slices.SortFunc(pairs, func(a, b match) int { return cmp.Compare(a.source, b.source) })
	return pairs
}

func sameText(s, t candidate) bool { return !s.text.IsZero() && s.text == t.text }

func sameTwin(s, t candidate) bool {
	return sameText(s, t) && s.Size == t.Size && s.InternalDate.Equal(t.InternalDate)
}

// sameUnread is for messages whose text could not be read, since they have
// gone from the source: size and date have to speak for them.
func sameUnread(s, t candidate) bool {
	return (s.text.IsZero() || t.text.IsZero()) && s.Size == t.Size && s.InternalDate.Equal(t.InternalDate)
}
