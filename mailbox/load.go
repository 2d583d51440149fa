package mailbox

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/mail"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/internal/lane"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

const (
	// batchMessages and batchOctets bound what is fetched by one command:
	// large enough that a round trip is nothing.
	batchMessages = 500
	batchOctets   = 4 << 20

	// commandMessages bounds what is appended by one command: small enough
	// that a refusal does not cost much.
	commandMessages = 100

	// streamed is the size from which a message is never whole in memory.
	streamed = 8 << 20

	// overhead is what a message costs beside its octets.
	overhead = 1 << 10
)

// A load is a batch with its octets, on its way from reader to writer.
type load struct {
	messages []Message
	octets   [][]byte // whole messages; nil for a streamed one
	stream   *stream  // a single large message
	release  func()   // gives the room in memory back

	single bool // each message is a command of its own, since the batch was refused
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
func batches(ms []Message) [][]Message {
	var all [][]Message
	var size int64
	for _, m := range ms {
		n := len(all)
		alone := m.Size >= streamed
		if n == 0 || alone || size+m.Size > batchOctets || len(all[n-1]) == batchMessages {
			all, size = append(all, nil), 0
			n++
		}
		all[n-1] = append(all[n-1], m)
		size += m.Size
		if alone {
			size = batchOctets
		}
	}
	return all
}

// weight is the room in memory that a batch takes.
func weight(ms []Message) int64 {
	if len(ms) == 1 && ms[0].Size >= streamed {
		return overhead
	}
	var n int64
	for _, m := range ms {
		n += m.Size + overhead
	}
	return n
}

// fetch brings a batch into memory. What the server leaves out is asked for
// again alone; what is still left out is silent when a search says that it
// exists, and otherwise gone from the source. Messages that turn out to be
// larger than listed come back, to be streamed.
func (d *delta) fetch(ctx context.Context, ms []Message) (l *load, large []Message, err error) {
	size := func(uid imap.UID) int64 { m, _ := find(ms, uid); return m.Size }
	bodies, big, err := lane.Read(ctx, d.ends.source, ids(ms), size)
	if err != nil {
		return nil, nil, err
	}
	l = new(load)
	for _, m := range ms {
		octets, ok := bodies[m.UID]
		if !ok && !slices.Contains(big, m.UID) {
			alone, more, err := lane.Read(ctx, d.ends.source, []imap.UID{m.UID}, size)
			if err != nil {
				return nil, nil, err
			}
			octets, ok = alone[m.UID]
			big = append(big, more...)
		}
		switch {
		case ok:
			l.add(m, octets)
		case slices.Contains(big, m.UID):
			large = append(large, m)
		default:
			if err := d.unanswered(ctx, m.UID); err != nil {
				return nil, nil, err
			}
		}
	}
	return l, large, nil
}

// add puts a message into the load, as its octets say it is.
func (l *load) add(m Message, octets []byte) {
	m.Header = wire.Fingerprint(octets)
	m.Size = int64(len(octets))
	if m.InternalDate.IsZero() {
		m.InternalDate = headerDate(octets)
	}
	l.messages = append(l.messages, m)
	l.octets = append(l.octets, octets)
}

// unanswered decides about a UID that an OK left out twice.
func (d *delta) unanswered(ctx context.Context, uid imap.UID) error {
	there, err := d.ends.source.Search(ctx, wire.SetOf(uid))
	if err != nil {
		return err
	}
	d.gone = append(d.gone, uid)
	if len(there) > 0 {
		d.silent = append(d.silent, uid)
	}
	return nil
}

// headerDate reads the Date field of a message whose server gives no
// INTERNALDATE; the target would put the day of the move in its place.
func headerDate(octets []byte) time.Time {
	m, err := mail.ReadMessage(bytes.NewReader(octets[:min(len(octets), 64<<10)]))
	if err != nil {
		return time.Time{}
	}
	t, err := m.Header.Date()
	if err != nil || t.Year() < 1971 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

// fetchAll fetches batch after batch and hands them to the writer, until all are
// through, the run has to stop, or the writer gives up.
func (d *delta) fetchAll(ctx context.Context, todo []Message, loads chan<- *load, quit <-chan struct{}) error {
	defer close(loads)
	for _, ms := range batches(todo) {
		if err := d.spent(ctx); err != nil {
			return err
		}
		release, err := d.acquire(ctx, weight(ms))
		if err != nil {
			return err
		}
		if err := d.readBatch(ctx, ms, release, loads, quit); err != nil {
			release()
			if errors.Is(err, errQuit) {
				return nil
			}
			return err
		}
	}
	return nil
}

// errQuit tells the reader that the writer has given up, for a reason of its
// own.
var errQuit = errors.New("mailbox: writer has given up")

// readBatch fetches one batch and hands it over.
func (d *delta) readBatch(ctx context.Context, ms []Message, release func(), loads chan<- *load, quit <-chan struct{}) error {
	if len(ms) == 1 && ms[0].Size >= streamed {
		return d.streamOne(ctx, ms[0], release, loads, quit)
	}
	l, large, err := d.fetch(ctx, ms)
	if err != nil {
		return err
	}
	if l.release = release; len(l.messages) == 0 {
		release()
	} else if err := hand(l, loads, quit); err != nil {
		return err
	}
	for _, m := range large {
		room, err := d.acquire(ctx, overhead)
		if err != nil {
			return err
		}
		if err := d.streamOne(ctx, m, room, loads, quit); err != nil {
			room()
			return err
		}
	}
	return nil
}

func hand(l *load, loads chan<- *load, quit <-chan struct{}) error {
	select {
	case loads <- l:
		return nil
	case <-quit:
		return errQuit
	}
}

// streamOne lets a large message flow from one connection to the other. Its
// header is asked for first, since the intent needs it.
func (d *delta) streamOne(ctx context.Context, m Message, release func(), loads chan<- *load, quit <-chan struct{}) error {
	told, err := list(ctx, d.ends.source, wire.SetOf(m.UID), true)
	if err != nil {
		return err
	}
	if t, ok := find(told, m.UID); ok {
		m.Header = t.Header
	}
	came := false
	err = d.ends.source.Bodies(ctx, []imap.UID{m.UID}, func(_ imap.UID, size int64, body io.Reader) error {
		came = true
		m.Size = size
		s := new(stream)
		s.r, s.w = io.Pipe()
		if err := hand(&load{messages: []Message{m}, stream: s, release: release}, loads, quit); err != nil {
			return err
		}
		_, err := io.Copy(s.w, body)
		if errors.Is(err, errUnwanted) {
			return nil // what is left of it is skipped
		}
		_ = s.w.CloseWithError(err) // never fails
		return err
	})
	if err == nil && !came {
		release()
		return d.unanswered(ctx, m.UID)
	}
	return err
}

// ids lists the UIDs of messages.
func ids(ms []Message) []imap.UID {
	all := make([]imap.UID, len(ms))
	for i, m := range ms {
		all[i] = m.UID
	}
	return all
}

// item is a message of a load as the lane sends it.
func (l *load) item(i int, flags []imap.Flag) lane.Item {
	m := l.messages[i]
	it := lane.Item{Flags: flags, Date: m.InternalDate, Size: m.Size}
	if l.stream != nil {
		it.Body = l.stream.r
	} else {
		it.Body = bytes.NewReader(l.octets[i])
	}
	return it
}

// part is a load of the refused messages, to be sent again on their own. It
// takes over the room in memory.
func (l *load) part(places []int, bare bool) *load {
	p := &load{single: true, bare: bare, release: l.release}
	for _, i := range places {
		p.messages = append(p.messages, l.messages[i])
		p.octets = append(p.octets, l.octets[i])
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
