package mailbox

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// maxMessages bounds the listing of one mailbox; a server that goes on is
// hostile or broken.
const maxMessages = 20_000_000

// fetcher is what listing messages needs of either side.
type fetcher interface {
	Fetch(ctx context.Context, set wire.Set, headers bool, fn func(wire.Message) error) error
	Bodies(ctx context.Context, uids []imap.UID, fn bodyFunc) error
}

// list lists messages by UID.
func list(ctx context.Context, f fetcher, set wire.Set, headers bool) ([]Message, error) {
	var ms []Message
	if err := f.Fetch(ctx, set, headers, collect(&ms, set)); err != nil {
		return nil, err
	}
	return ordered(ms), nil
}

// collect gathers what a listing tells: a server answers "n:*" with the last
// message even where that lies below n.
func collect(ms *[]Message, set wire.Set) func(wire.Message) error {
	return func(m wire.Message) error {
		if !set.Contains(m.UID) {
			return nil
		}
		if len(*ms) >= maxMessages {
			return fmt.Errorf("%w: more than %d messages in a mailbox", imapconn.ErrProtocol, maxMessages)
		}
		*ms = append(*ms, m)
		return nil
	}
}

// ordered sorts what was gathered by UID, each once: a server may tell one
// twice.
func ordered(ms []Message) []Message {
	if !slices.IsSortedFunc(ms, byUID) {
		slices.SortStableFunc(ms, byUID)
	}
	return slices.CompactFunc(ms, func(a, b Message) bool { return a.UID == b.UID })
}

func byUID(a, b Message) int { return cmp.Compare(a.UID, b.UID) }

// find looks a message up in a list by UID.
func find(list []Message, uid imap.UID) (Message, bool) {
	i, ok := slices.BinarySearchFunc(list, uid, func(m Message, uid imap.UID) int { return cmp.Compare(m.UID, uid) })
	if !ok {
		return Message{}, false
	}
	return list[i], true
}
