package mailbox

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// An inventory is the messages of a mailbox, by UID. A mailbox may hold a
// million of them and is listed by every run that finds it changed: here a
// message takes a fifth of the room that a Message takes.
type inventory struct {
	rows     []row
	kinds    []kind
	places   map[kindKey]uint32 // of the kinds
	validity uint32
}

// A row is one message of an inventory.
type row struct {
	uid    imap.UID
	kind   uint32 // its place
	second int64  // INTERNALDATE, in Unix time
	size   int64
}

// A kind is what many messages have in common.
type kind struct {
	flags []imap.Flag
	odd   int
	zone  int // of INTERNALDATE, in seconds; undated: there is none
}

const undated = math.MinInt32

// A kindKey tells kinds apart: a listing hands the same slice out for all
// messages that have the same flags, so that its place in memory does.
type kindKey struct {
	first        *imap.Flag
	n, odd, zone int
}

// add takes a message in. What only a listing with headers tells is not kept.
func (v *inventory) add(m Message) {
	r := row{uid: m.UID, size: m.Size}
	key := kindKey{n: len(m.Flags), odd: m.OddFlags, zone: undated}
	if key.n > 0 {
		key.first = &m.Flags[0]
	}
	if !m.InternalDate.IsZero() {
		_, key.zone = m.InternalDate.Zone()
		r.second = m.InternalDate.Unix()
	}
	known := false
	if r.kind, known = v.places[key]; !known {
		if v.places == nil {
			v.places = make(map[kindKey]uint32)
		}
		r.kind = uint32(len(v.kinds))
		v.places[key], v.kinds = r.kind, append(v.kinds, kind{m.Flags, m.OddFlags, key.zone})
	}
	v.rows, v.validity = append(v.rows, r), m.UIDValidity
}

// order sorts what was added by UID, each once: a server may tell one twice.
func (v *inventory) order() {
	by := func(a, b row) int { return cmp.Compare(a.uid, b.uid) }
	if !slices.IsSortedFunc(v.rows, by) {
		slices.SortStableFunc(v.rows, by)
	}
	v.rows = slices.CompactFunc(v.rows, func(a, b row) bool { return a.uid == b.uid })
}

func (v *inventory) len() int { return len(v.rows) }

// last returns the highest UID, 0 without any.
func (v *inventory) last() imap.UID {
	if len(v.rows) == 0 {
		return 0
	}
	return v.rows[len(v.rows)-1].uid
}

// message is a row as everybody else has it.
func (v *inventory) message(r row) Message {
	k := v.kinds[r.kind]
	m := Message{UIDValidity: v.validity, UID: r.uid, Flags: k.flags, OddFlags: k.odd, Size: r.size}
	if k.zone != undated {
		m.InternalDate = time.Unix(r.second, 0).In(time.FixedZone("", k.zone))
	}
	return m
}

// all gives the messages in the order of their UIDs.
func (v *inventory) all() iter.Seq[Message] {
	return func(yield func(Message) bool) {
		for _, r := range v.rows {
			if !yield(v.message(r)) {
				return
			}
		}
	}
}

// find looks a message up.
func (v *inventory) find(uid imap.UID) (Message, bool) {
	i, ok := v.place(uid)
	if !ok {
		return Message{}, false
	}
	return v.message(v.rows[i]), true
}

// has reports whether a message is there.
func (v *inventory) has(uid imap.UID) bool {
	_, ok := v.place(uid)
	return ok
}

func (v *inventory) place(uid imap.UID) (int, bool) {
	return slices.BinarySearchFunc(v.rows, uid, func(r row, uid imap.UID) int { return cmp.Compare(r.uid, uid) })
}

// remove takes messages out.
func (v *inventory) remove(gone func(imap.UID) bool) {
	v.rows = slices.DeleteFunc(v.rows, func(r row) bool { return gone(r.uid) })
}

// collect gathers what a listing tells, as the function of that name does.
func (v *inventory) collect(set wire.Set) func(wire.Message) error {
	return func(m wire.Message) error {
		if !set.Contains(m.UID) {
			return nil
		}
		if len(v.rows) >= maxMessages {
			return fmt.Errorf("%w: more than %d messages in a mailbox", imapconn.ErrProtocol, maxMessages)
		}
		v.add(m)
		return nil
	}
}
