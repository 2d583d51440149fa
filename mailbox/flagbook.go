package mailbox

import (
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
// UIDs that have it: a mailbox has a handful.
type flagBook map[imap.UID]string

// flagBook notes the flags of what is in the inventory and has been copied.
func (d *delta) flagBook() flagBook {
	b := make(flagBook)
	for _, m := range d.list {
		if _, _, ok := d.runs.Find(m.UID); ok {
			b[m.UID] = joinFlags(d.o.flags(m))
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

// String writes the book down.
func (b flagBook) String() string {
	sets := make(map[string][]imap.UID)
	for uid, flags := range b {
		sets[flags] = append(sets[flags], uid)
	}
	lines := make([]string, 0, len(sets))
	for flags, uids := range sets {
		lines = append(lines, strings.TrimSpace(wire.SetOf(uids...).String()+" "+flags))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// parseFlagBook reads what String wrote.
func parseFlagBook(s string) (flagBook, error) {
	b := make(flagBook)
	for line := range strings.SplitSeq(s, "\n") {
		if line == "" {
			continue
		}
		set, rest, _ := strings.Cut(line, " ")
		flags := strings.Join(strings.Fields(rest), " ")
		ranges, ok := wire.ParseSet(set)
		if !ok {
			return nil, fmt.Errorf("%w: %.80q", ErrFlagBook, set)
		}
		uids, ok := ranges.UIDs(maxMessages)
		if !ok {
			return nil, fmt.Errorf("%w: %.80q", ErrFlagBook, set)
		}
		for _, uid := range uids {
			b[uid] = flags
		}
	}
	return b, nil
}

func keywordCount(keyword string, n int) string {
	if n == 1 {
		return keyword + " on 1 message"
	}
	return fmt.Sprintf("%s on %d messages", keyword, n)
}
