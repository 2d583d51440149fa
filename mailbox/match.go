package mailbox

import (
	"bytes"
	"cmp"
	"slices"
)

// A match is a source and a target message that are the same, by their places
// in the lists.
type match struct{ source, target place }

// A place is that of a message in a list.
type place int32

// A group holds messages with equal headers on both sides, which only their
// text can tell apart.
type group struct{ source, target []place }

// matchHeaders finds the messages that are on both sides by their headers.
// Those that have something more in common, and are the only ones with their
// header, come back as alone: they are most likely the same. All others come
// back open: equal headers on several messages, messages without a Message-ID,
// and those that differ both in date and size.
//
// Size and date are never a reason to refuse a match by themselves: servers
// count line ends in two ways and round dates.
func matchHeaders(source, target []candidate) (alone []match, open []group) {
	mine, theirs := byHeader(source), byHeader(target)
	for len(mine) > 0 && len(theirs) > 0 {
		s, t := source[mine[0]].Header, target[theirs[0]].Header
		switch order := bytes.Compare(s[:], t[:]); {
		case order < 0:
			mine = mine[alike(source, mine):]
		case order > 0:
			theirs = theirs[alike(target, theirs):]
		default:
			g := group{mine[:alike(source, mine)], theirs[:alike(target, theirs)]}
			mine, theirs = mine[len(g.source):], theirs[len(g.target):]
			if m, ok := g.alone(); ok && likely(source[m.source], target[m.target]) {
				alone = append(alone, m)
				continue
			}
			open = append(open, group{slices.Clone(g.source), slices.Clone(g.target)})
		}
	}
	slices.SortFunc(alone, func(a, b match) int { return cmp.Compare(a.source, b.source) })
	slices.SortFunc(open, func(a, b group) int { return cmp.Compare(a.source[0], b.source[0]) })
	return alone, open
}

// byHeader gives the places of messages in the order of their headers, and of
// their own among equal ones: a million of them take less room than in a map.
func byHeader(cs []candidate) []place {
	places := make([]place, len(cs))
	for i := range places {
		places[i] = place(i)
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(bytes.Compare(cs[a].Header[:], cs[b].Header[:]), cmp.Compare(a, b))
	})
	return places
}

// alike counts the places at the beginning that have the same header.
func alike(cs []candidate, places []place) int {
	n := 1
	for n < len(places) && cs[places[n]].Header == cs[places[0]].Header {
		n++
	}
	return n
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
	return s.named() && t.named() && !s.Header.IsZero() && (s.Size == t.Size || s.meets(t))
}

// evident reports whether likely messages have all in common that can be told
// without their text.
func evident(s, t candidate) bool {
	return likely(s, t) && s.Size == t.Size && s.meets(t)
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
		left = slices.DeleteFunc(left, func(i place) bool {
			if source[i].claim != c {
				return false
			}
			j := slices.IndexFunc(free, func(j place) bool { return rule(source[i], target[j]) })
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

func sameText(s, t candidate) bool { return s.read != nil && s.text() == t.text() }

func sameTwin(s, t candidate) bool {
	return sameText(s, t) && s.Size == t.Size && s.meets(t)
}

// sameUnread is for messages whose text could not be read, since they have
// gone from the source or a server does not give it: size and date have to
// speak for them. They are not enough for a message that we have never sent
// and that has no Message-ID.
func sameUnread(s, t candidate) bool {
	return (s.read == nil || t.read == nil) && s.Size == t.Size && s.meets(t) &&
		(s.claim != unsent || s.named() && t.named())
}
