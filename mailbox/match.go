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
// text can tell apart.
type group struct{ source, target []int }

// matchHeaders finds the messages that are on both sides by their headers.
// Those that have something more in common, and are the only ones with their
// header, come back as alone: they are most likely the same. All others come
// back open: equal headers on several messages, messages without a Message-ID,
// and those that differ both in date and size.
//
// Size and date are never a reason to refuse a match by themselves: servers
// count line ends in two ways and round dates.
func matchHeaders(source, target []candidate) (alone []match, open []group) {
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
		if m, ok := g.alone(); ok && likely(source[m.source], target[m.target]) {
			alone = append(alone, m)
			continue
		}
		open = append(open, *g)
	}
	return alone, open
}

// alone returns the messages of a group that has one on each side.
func (g group) alone() (match, bool) {
	if len(g.source) != 1 || len(g.target) != 1 {
		return match{}, false
	}
	return match{g.source[0], g.target[0]}, true
}

// likely reports whether two messages with equal headers have enough in common
// beside them to be the same, unless their text says otherwise. Without a
// Message-ID nothing is enough: reports and drafts come with equal headers,
// sizes and dates over different texts.
func likely(s, t candidate) bool {
	return s.Named && t.Named && !s.Header.IsZero() && (s.Size == t.Size || s.InternalDate.Equal(t.InternalDate))
}

// evident reports whether likely messages have all in common that can be told
// without their text.
func evident(s, t candidate) bool {
	return likely(s, t) && s.Size == t.Size && s.InternalDate.Equal(t.InternalDate)
}

// matchTexts pairs the messages of a group that have the same text. Among
// those that are quite the same, the surer claims choose first, then equal
// dates and sizes find each other, then the order decides; what is over stays
// single, so that true doubles stay as many as they are. What could not be
// read comes last.
func matchTexts(g group, source, target []candidate) []match {
	var pairs []match
	left, free := slices.Clone(g.source), slices.Clone(g.target)
	take := func(c claim, rule func(s, t candidate) bool) {
		left = slices.DeleteFunc(left, func(i int) bool {
			if source[i].claim != c {
				return false
			}
			j := slices.IndexFunc(free, func(j int) bool { return rule(source[i], target[j]) })
			if j < 0 {
				return false
			}
			pairs = append(pairs, match{i, free[j]})
			free = slices.Delete(free, j, j+1)
			return true
		})
	}
	claims := []claim{stored, doubted, unsent}
	for _, c := range claims {
		take(c, sameTwin)
		take(c, sameText)
	}
	for _, c := range claims {
		take(c, sameUnread)
	}
	slices.SortFunc(pairs, func(a, b match) int { return cmp.Compare(a.source, b.source) })
	return pairs
}

func sameText(s, t candidate) bool { return !s.text.IsZero() && s.text == t.text }

func sameTwin(s, t candidate) bool {
	return sameText(s, t) && s.Size == t.Size && s.InternalDate.Equal(t.InternalDate)
}

// sameUnread is for messages whose text could not be read, since they have
// gone from the source or a server does not give it: size and date have to
// speak for them. They are not enough for a message that we have never sent
// and that has no Message-ID.
func sameUnread(s, t candidate) bool {
	return (s.text.IsZero() || t.text.IsZero()) && s.Size == t.Size && s.InternalDate.Equal(t.InternalDate) &&
		(s.claim != unsent || s.Named && t.Named)
}
