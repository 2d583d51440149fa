package mailbox

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// ErrFlagBook means that the flags kept in the journal cannot be read.
var ErrFlagBook = errors.New("mailbox: kept flags cannot be read")

// A flagBook remembers the flags of messages, sorted and joined with blanks,
// by source UID. Written down it is one line for each set of flags, with the
// UIDs that have it: a mailbox has a handful. The zero value is empty.
type flagBook struct {
	sets  []string
	notes []flagNote // by UID
}

// A flagNote says which set of flags a message has.
type flagNote struct {
	uid imap.UID
	set uint32
}

// flagBook notes the flags of what is in the inventory and has been copied.
func (d *delta) flagBook() flagBook {
	var b flagBook
	named := make(map[string]uint32)
	of := make([]uint32, len(d.list.kinds)) // the book's set for each
	for i, k := range d.list.kinds {
		flags := joinFlags(d.o.flags(Message{Flags: k.flags}))
		set, known := named[flags]
		if !known {
			set = uint32(len(b.sets))
			named[flags], b.sets = set, append(b.sets, flags)
		}
		of[i] = set
	}
	for _, r := range d.list.rows {
		if _, _, ok := d.runs.Find(r.uid); ok {
			b.notes = append(b.notes, flagNote{r.uid, of[r.kind]})
		}
	}
	return b
}

func joinFlags(flags []imap.Flag) string {
	names := make([]string, len(flags))
	for i, f := range flags {
		names[i] = string(f)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// flags returns what is noted of a message.
func (b flagBook) flags(uid imap.UID) (string, bool) {
	i, ok := slices.BinarySearchFunc(b.notes, uid, func(n flagNote, uid imap.UID) int { return cmp.Compare(n.uid, uid) })
	if !ok {
		return "", false
	}
	return b.sets[b.notes[i].set], true
}

// keep takes over some of the notes of another book.
func (b *flagBook) keep(other flagBook, which func(imap.UID) bool) {
	for _, n := range other.notes {
		if !which(n.uid) {
			continue
		}
		set := slices.Index(b.sets, other.sets[n.set])
		if set < 0 {
			set, b.sets = len(b.sets), append(b.sets, other.sets[n.set])
		}
		b.notes = append(b.notes, flagNote{n.uid, uint32(set)})
	}
	b.order()
}

// String writes the book down.
func (b flagBook) String() string {
	type line struct {
		text []byte
		open wire.Range // not written yet
	}
	all := make([]line, len(b.sets))
	for _, n := range b.notes {
		l := &all[n.set]
		switch {
		case l.open.First == 0:
			l.open = wire.Range{First: n.uid, Last: n.uid}
		case n.uid == l.open.Last+1:
			l.open.Last = n.uid
		default:
			l.text = append(append(l.text, l.open.String()...), ',')
			l.open = wire.Range{First: n.uid, Last: n.uid}
		}
	}
	lines := make([]string, 0, len(all))
	for set, l := range all {
		if l.open.First != 0 {
			lines = append(lines, strings.TrimSpace(string(l.text)+l.open.String()+" "+b.sets[set]))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// parseFlagBook reads what String wrote.
func parseFlagBook(s string) (flagBook, error) {
	var b flagBook
	named := make(map[string]uint32)
	for line := range strings.SplitSeq(s, "\n") {
		if line == "" {
			continue
		}
		text, rest, _ := strings.Cut(line, " ")
		ranges, ok := wire.ParseSet(text)
		if !ok {
			return flagBook{}, fmt.Errorf("%w: %.80q", ErrFlagBook, text)
		}
		uids, ok := ranges.UIDs(maxMessages - len(b.notes))
		if !ok {
			return flagBook{}, fmt.Errorf("%w: %.80q", ErrFlagBook, text)
		}
		flags := strings.Join(strings.Fields(rest), " ")
		set, known := named[flags]
		if !known {
			set = uint32(len(b.sets))
			named[flags], b.sets = set, append(b.sets, flags)
		}
		for _, uid := range uids {
			b.notes = append(b.notes, flagNote{uid, set})
		}
	}
	b.order()
	return b, nil
}

// order sorts the notes by UID, each once; the last one counts.
func (b *flagBook) order() {
	slices.SortStableFunc(b.notes, func(x, y flagNote) int { return cmp.Compare(x.uid, y.uid) })
	out := b.notes[:0]
	for i, n := range b.notes {
		if i+1 < len(b.notes) && b.notes[i+1].uid == n.uid {
			continue
		}
		out = append(out, n)
	}
	b.notes = out
}

func keywordCount(keyword string, n int) string {
	if n == 1 {
		return keyword + " on 1 message"
	}
	return fmt.Sprintf("%s on %d messages", keyword, n)
}
