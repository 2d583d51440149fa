package mailbox

import "github.com/emersion/go-imap/v2"

// A uidSet is a set of UIDs. Those of a mailbox lie near each other: a million
// of them take some hundred kilobytes. The zero value is empty.
type uidSet struct {
	words map[imap.UID]uint64 // 64 UIDs each
	n     int
}

func (s *uidSet) add(uid imap.UID) {
	if s.has(uid) {
		return
	}
	if s.words == nil {
		s.words = make(map[imap.UID]uint64)
	}
	s.words[uid/64] |= 1 << (uid % 64)
	s.n++
}

func (s *uidSet) has(uid imap.UID) bool { return s.words[uid/64]&(1<<(uid%64)) != 0 }

func (s *uidSet) len() int { return s.n }
