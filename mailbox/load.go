package mailbox

import (
	"context"
	"errors"
	"io"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/internal/lane"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

const (
	// batchMessages and batchOctets bound what is fetched by one command:
	// large enough that a round trip is nothing.
	batchMessages = 200
	batchOctets   = 2 << 20

	// commandMessages bounds what is appended by one command: small enough
	// that a refusal does not cost much.
	commandMessages = 100

	// streamed is the size from which a message flows through and is never whole
	// in memory. Most octets of ordinary mail lie in messages above it, which
	// would fill the memory with what is only waiting.
	streamed = 256 << 10

	// streamHead is how much of one is: its header, for the fingerprint. It is
	// longer, up to longestHead, where the header is.
	streamHead  = 32 << 10
	longestHead = 1 << 20

	// askedFor is the size from which one may be asked for: limits of servers
	// begin above it, and a round trip is nothing to so many octets.
	askedFor = 8 << 20

	// convoyOctets is how much of a convoy may be in memory at once: more than
	// a fast and long line holds is only waiting there.
	convoyOctets = 12 << 20

	// overhead is what a message costs beside its octets.
	overhead = 1 << 10
)

// A load is a batch with its octets, on its way from reader to writer.
type load struct {
	d        *delta
	messages []Message
	octets   [][]byte // whole messages; nil for a streamed one
	origins  []origin // with changed messages: what they were; nil: as the source gave them
	stream   *stream  // a single large message
	release  func()   // gives the room in memory back

	single bool // each message is a command of its own, since the batch was refused
	alone  bool // nothing else may be on its way with it
	bare   bool // keywords are left away, since the message was refused with them

	intent  int64
	open    int // commands without an answer
	taken   []answered
	refused []int   // places of refused messages
	reasons []error // what the target said to each
	rest    []int   // places that were not sent after all
}

// answered is a message that the target took.
type answered struct {
	place int
	uid   imap.UID // 0: not told
}

// A stream carries a large message from the source's connection to the
// target's.
type stream struct {
	r *io.PipeReader
	w *io.PipeWriter
}

// errUnwanted ends a stream whose message the target does not take.
var errUnwanted = errors.New("mailbox: message not wanted")

// batches cuts messages into what is fetched together.
func (d *delta) batches(uids []imap.UID) [][]imap.UID {
	var all [][]imap.UID
	first, size := 0, int64(0)
	for i, uid := range uids {
		m, _ := d.list.find(uid)
		alone := m.Size >= streamed
		if i > first && (alone || size+m.Size > batchOctets || i-first == batchMessages) {
			all = append(all, uids[first:i])
			first, size = i, 0
		}
		size += m.Size
		if alone {
			size = batchOctets
		}
	}
	if first < len(uids) {
		all = append(all, uids[first:])
	}
	return all
}

// weight is the room in memory that a batch takes.
func weight(ms []Message) int64 {
	if len(ms) == 1 && ms[0].Size >= streamed {
		return streamHead
	}
	var n int64
	for _, m := range ms {
		n += m.Size + overhead
	}
	return n
}

// add puts a message into the load, as its octets say it is.
func (l *load) add(m Message, octets []byte) {
	m.Header = wire.Fingerprint(octets)
	m.Size = int64(len(octets))
	l.d.redate(&m, octets)
	l.messages = append(l.messages, m)
	l.octets = append(l.octets, octets)
}

// unanswered decides about a UID that an OK left out twice.
func (d *delta) unanswered(ctx context.Context, uid imap.UID) error {
	source, err := d.atSource(ctx)
	if err != nil {
		return err
	}
	there, err := source.Search(ctx, wire.SetOf(uid))
	if err != nil {
		return err
	}
	d.gone = append(d.gone, uid)
	if len(there) > 0 {
		d.silent = append(d.silent, uid)
	}
	return nil
}

// item is a message of a load as the lane sends it.
func (l *load) item(i int, flags []imap.Flag) lane.Item {
	m := l.messages[i]
	it := lane.Item{Flags: flags, Date: m.InternalDate, Size: m.Size}
	if l.stream != nil {
		// A size that was never taken may be refused: tens of megabytes are then
		// not sent in vain.
		it.Body, it.Ask = l.stream.r, m.Size >= askedFor && m.Size > l.d.largest.Load() && l.d.appendLimit() == 0
	} else {
		it.Octets = l.octets[i]
		if it.Octets == nil {
			it.Octets = []byte{}
		}
	}
	return it
}

// part is a load of some of the messages, each to be sent on its own. It takes
// over the room in memory.
func (l *load) part(places []int) *load {
	p := &load{d: l.d, single: true, alone: l.alone, bare: l.bare, release: l.release}
	for _, i := range places {
		p.messages = append(p.messages, l.messages[i])
		p.octets = append(p.octets, l.octets[i])
		if l.origins != nil {
			p.origins = append(p.origins, l.origins[i])
		}
	}
	return p
}

// drop gives up what the load holds.
func (l *load) drop() {
	if l.stream != nil {
		_ = l.stream.r.CloseWithError(errUnwanted) // never fails
	}
	l.release()
}
