package imaplab

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
)

// A mailbox is guarded by its account's mutex.
type mailbox struct {
	name     string
	use      imap.MailboxAttr
	noSelect bool // only a name above others
	validity uint32
	settled  bool // it has been selected
	next     imap.UID
	msgs     []*stored // in the order of UIDs
	version  uint64    // grows with every change; HIGHESTMODSEQ, so never 0
	changed  chan struct{}
}

// A stored message. The body never changes, and flags are replaced as a whole,
// so that both may be read after the mutex has been given back.
type stored struct {
	uid   imap.UID
	body  []byte
	date  time.Time
	flags []imap.Flag
	mod   uint64 // the mailbox's version when the flags changed last
	by    *view  // who changed them; that view needs no notice
}

// touch records a change and wakes whoever idles.
func (b *mailbox) touch() uint64 {
	b.version++
	close(b.changed)
	b.changed = make(chan struct{})
	return b.version
}

// add stores a message under the next UID. The seconds are kept and what is
// finer is not, since INTERNALDATE cannot say it.
func (b *mailbox) add(m Message) imap.UID {
	if m.Date.IsZero() {
		m.Date = time.Now()
	}
	s := &stored{uid: b.next, body: m.Body, date: m.Date.Truncate(time.Second), flags: unique(m.Flags)}
	b.next++
	b.msgs = append(b.msgs, s)
	s.mod = b.touch()
	return s.uid
}

// find returns the message of a UID, or nil.
func (b *mailbox) find(uid imap.UID) *stored {
	i, ok := slices.BinarySearchFunc(b.msgs, uid, func(m *stored, uid imap.UID) int { return cmp.Compare(m.uid, uid) })
	if !ok {
		return nil
	}
	return b.msgs[i]
}

// remove takes messages away.
func (b *mailbox) remove(gone func(*stored) bool) {
	before := len(b.msgs)
	b.msgs = slices.DeleteFunc(b.msgs, gone)
	if len(b.msgs) != before {
		b.touch()
	}
}

// setFlags replaces the flags of a message; by is the view whose client asked,
// or nil for the test's own hand.
func (b *mailbox) setFlags(m *stored, flags []imap.Flag, by *view) {
	m.flags, m.by = flags, by
	m.mod = b.touch()
}

// systemFlags can be stored everywhere.
var systemFlags = []imap.Flag{imap.FlagAnswered, imap.FlagFlagged, imap.FlagDeleted, imap.FlagSeen, imap.FlagDraft}

// flags returns the system flags and the keywords in use, sorted.
func (b *mailbox) flags() []imap.Flag {
	keywords := make(map[imap.Flag]bool)
	for _, m := range b.msgs {
		for _, f := range m.flags {
			if !strings.HasPrefix(string(f), `\`) {
				keywords[f] = true
			}
		}
	}
	return append(slices.Clone(systemFlags), sortedKeys(keywords)...)
}

// count tells how many messages have a flag.
func (b *mailbox) count(flag imap.Flag) uint32 {
	n := uint32(0)
	for _, m := range b.msgs {
		if hasFlag(m.flags, flag) {
			n++
		}
	}
	return n
}

// size is what STATUS calls SIZE (RFC 8438).
func (b *mailbox) size() int64 {
	n := int64(0)
	for _, m := range b.msgs {
		n += int64(len(m.body))
	}
	return n
}

// hasFlag compares without regard to case, as keywords must be (RFC 9051,
// section 2.3.2).
func hasFlag(flags []imap.Flag, want imap.Flag) bool {
	return slices.ContainsFunc(flags, func(f imap.Flag) bool { return strings.EqualFold(string(f), string(want)) })
}

// unique keeps the first spelling of each flag, in the order in which they
// came: a client that asks for "NonJunk" gets back "NonJunk".
func unique(flags []imap.Flag) []imap.Flag {
	var out []imap.Flag
	for _, f := range flags {
		if !hasFlag(out, f) {
			out = append(out, f)
		}
	}
	return out
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	return slices.Sorted(maps.Keys(m))
}
