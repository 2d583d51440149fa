package wire

import (
	"slices"
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// MaxSet is how long a printed set may be within one command line. Servers
// bound the line at 8 KiB (RFC 7162, section 4).
const MaxSet = 7 << 10

// A Range is a run of UIDs, both ends included. Last 0 means "*".
type Range struct{ First, Last imap.UID }

// A Set is an ordered list of ranges.
type Set []Range

// From is the set of all UIDs at or above first. A server answers "n:*" with
// the last message of the mailbox even where its UID is below n (RFC 9051,
// section 9), so what comes back must be compared with first.
func From(first imap.UID) Set { return Set{{First: max(first, 1)}} }

// SetOf is the set of the given UIDs, in ascending order and without doubles.
func SetOf(uids ...imap.UID) Set {
	if !slices.IsSorted(uids) {
		uids = slices.Clone(uids)
		slices.Sort(uids)
	}
	var s Set
	for _, uid := range uids {
		if n := len(s); n > 0 && uid <= s[n-1].Last+1 {
			s[n-1].Last = uid
			continue
		}
		if uid != 0 {
			s = append(s, Range{uid, uid})
		}
	}
	return s
}

// String prints the set as a command wants it. An empty set prints as nothing,
// which is no valid sequence set.
func (s Set) String() string {
	var b strings.Builder
	for i, r := range s {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(r.String())
	}
	return b.String()
}

// String prints the range as "n", "n:m" or "n:*".
func (r Range) String() string {
	first := strconv.FormatUint(uint64(r.First), 10)
	switch r.Last {
	case r.First:
		return first
	case 0:
		return first + ":*"
	}
	return first + ":" + strconv.FormatUint(uint64(r.Last), 10)
}

// Split cuts the set into sets that each print in at most limit octets, as
// long as a single range does; limit 0 means MaxSet.
func (s Set) Split(limit int) []Set {
	if limit <= 0 {
		limit = MaxSet
	}
	var parts []Set
	start, size := 0, 0
	for i, r := range s {
		n := len(r.String()) + 1
		if i > start && size+n > limit {
			parts = append(parts, s[start:i])
			start, size = i, 0
		}
		size += n
	}
	if start < len(s) {
		parts = append(parts, s[start:])
	}
	return parts
}

// Contains reports whether the UID is in the set.
func (s Set) Contains(uid imap.UID) bool {
	for _, r := range s {
		if uid >= r.First && (r.Last == 0 || uid <= r.Last) {
			return true
		}
	}
	return false
}

// Count is the number of UIDs in the set; ok is false where "*" leaves it open.
func (s Set) Count() (n uint64, ok bool) {
	for _, r := range s {
		if r.Last == 0 {
			return 0, false
		}
		n += uint64(r.Last-r.First) + 1
	}
	return n, true
}

// UIDs lists the set in its own order. It gives nothing and false where the
// set is open or has more than limit members: a server may write "1:4294967295".
func (s Set) UIDs(limit int) ([]imap.UID, bool) {
	n, ok := s.Count()
	if !ok || n > uint64(max(limit, 0)) {
		return nil, false
	}
	uids := make([]imap.UID, 0, n)
	for _, r := range s {
		for uid := r.First; ; uid++ {
			uids = append(uids, uid)
			if uid == r.Last {
				break
			}
		}
	}
	return uids, true
}

// ParseSet reads a set of UIDs such as "4:6,9" and keeps its order, which in
// APPENDUID is the order of the messages sent. Ranges written backwards are
// turned round. ok is false when any part of it is no UID.
func ParseSet(text string) (s Set, ok bool) {
	for part := range strings.SplitSeq(text, ",") {
		first, last, ranged := strings.Cut(part, ":")
		a, ok1 := parseUID(first)
		b, ok2 := a, true
		if ranged {
			b, ok2 = parseUID(last)
		}
		if !ok1 || !ok2 || (a == 0 && b == 0) {
			return nil, false
		}
		if b != 0 && (a == 0 || a > b) {
			a, b = b, a
		}
		s = append(s, Range{a, b})
	}
	return s, true
}

// parseUID reads a UID, or 0 for "*".
func parseUID(text string) (imap.UID, bool) {
	if text == "*" {
		return 0, true
	}
	n, err := strconv.ParseUint(text, 10, 32)
	return imap.UID(n), err == nil && n != 0
}
