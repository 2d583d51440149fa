package mailbox

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/lane"
	"github.com/mxmove/mxmove/mailbox/internal/repair"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// A feeder reads messages from the source and hands them to the writer. It is
// the reading goroutine of a convoy.
type feeder struct {
	*convoy
	loads chan<- *load
	quit  <-chan struct{} // closed when the writer has given up
	todo  []batch
	left  []batch  // what an OK left out, to be asked for alone
	asked []*batch // under way, oldest first
}

// A batch is what is fetched by one command.
type batch struct {
	d        *delta
	uids     []imap.UID
	messages []Message // of the UIDs; nil before its turn
	alone    bool      // nothing else may be on its way with it
	through  bool      // all of it has come
}

// errQuit tells the reader that the writer has given up, for a reason of its
// own.
var errQuit = errors.New("mailbox: writer has given up")

// read fetches batch after batch, until all are through, the run has to stop,
// or the writer gives up.
func (f *feeder) read(ctx context.Context) error {
	defer close(f.loads)
	err := f.ends.source.Requests(ctx, func(idle bool) (*imapconn.Request, error) { return f.next(ctx, idle) })
	for ; err == nil && len(f.left) > 0; f.left = f.left[1:] {
		err = f.alone(ctx, f.left[0])
	}
	if errors.Is(err, errQuit) {
		return nil
	}
	if err != nil && !f.ends.source.Alive() {
		f.accuse(ctx, err)
	}
	return err
}

// accuse suspects what was coming when the connection was lost: what it is that
// ends connections lies in the oldest batch of which something is missing.
func (f *feeder) accuse(ctx context.Context, err error) {
	for _, b := range f.asked {
		if !b.through {
			b.d.suspect(ctx, err, b.messages, true, true)
			return
		}
	}
}

// next asks for the next batch, once there is room for it in memory. While
// another is still coming it does not wait for room, which only the writer
// gives back.
func (f *feeder) next(ctx context.Context, idle bool) (*imapconn.Request, error) {
	for len(f.todo) > 0 && f.todo[0].d.failed.Load() {
		f.todo = f.todo[1:]
	}
	if len(f.todo) == 0 {
		return nil, nil
	}
	if err := f.maySend(ctx); err != nil {
		return nil, err
	}
	select {
	case <-f.quit:
		return nil, errQuit
	default:
	}
	b := f.todo[0]
	if !idle && (b.alone || len(f.asked) > 0 && f.asked[0].alone) {
		return nil, nil
	}
	if b.messages == nil {
		for _, uid := range b.uids {
			m, _ := b.d.list.find(uid)
			b.messages = append(b.messages, m)
		}
		f.todo[0] = b
	}
	release, err := f.acquire(ctx, weight(b.messages), idle)
	if release == nil || err != nil {
		return nil, err
	}
	f.todo[0] = batch{} // of a million messages, all batches would stay
	f.todo = f.todo[1:]
	return f.request(ctx, &b, release), nil
}

// request is the question for a batch.
func (f *feeder) request(ctx context.Context, b *batch, release func()) *imapconn.Request {
	r := &imapconn.Request{Mailbox: b.d.pair.SourceWire, Validity: b.d.source.UIDValidity, UIDs: b.uids}
	f.asked = append(f.asked, b)
	if len(b.messages) == 1 && b.messages[0].Size >= streamed {
		f.stream(ctx, r, b, release)
		return r
	}
	var octets int64
	for _, m := range b.messages {
		octets += m.Size
	}
	in := lane.NewBatch(octets)
	r.Body = func(uid imap.UID, size int64, body io.Reader) error {
		if err := in.Take(uid, size, f.limit(ctx, body)); err != nil || len(in.Bodies) < len(b.messages) {
			return err
		}
		// The answer may come behind the data of other batches.
		b.through = true
		return f.gather(b, in, release)
	}
	r.Done = func(err error) error {
		f.done(b)
		switch {
		case b.through:
			return nil
		case err != nil:
			release()
			b.d.unread(err)
			return nil
		}
		return f.gather(b, in, release)
	}
	return r
}

// done takes a batch from those that are under way.
func (f *feeder) done(b *batch) {
	f.asked = slices.DeleteFunc(f.asked, func(other *batch) bool { return other == b })
}

// gather makes a load of what has come of a batch.
func (f *feeder) gather(b *batch, in *lane.Batch, release func()) error {
	l := &load{d: b.d, alone: b.alone, release: release}
	for _, m := range b.messages {
		if body, ok := in.Bodies[m.UID]; ok && (len(body) > 0 || m.Size == 0) { // nothing of something is left out
			l.add(m, body)
			continue
		}
		if slices.Contains(in.Large, m.UID) {
			m.Size = max(m.Size, streamed) // larger than it was listed
		}
		f.left = append(f.left, batch{d: b.d, uids: []imap.UID{m.UID}, messages: []Message{m}, alone: b.alone})
	}
	if len(l.messages) == 0 {
		release()
		return nil
	}
	return f.hand(l)
}

func (f *feeder) hand(l *load) error {
	select {
	case f.loads <- l:
		return nil
	case <-f.quit:
		l.release()
		return errQuit
	}
}

// stream lets a large message flow from one connection to the other. Its head
// is taken first, since the intent needs the fingerprint.
func (f *feeder) stream(ctx context.Context, r *imapconn.Request, b *batch, release func()) {
	m, came := b.messages[0], false
	r.Body = func(_ imap.UID, size int64, body io.Reader) error {
		if size == 0 {
			return nil
		}
		came = true
		body = f.limit(ctx, body)
		head, err := readHead(body, size)
		if err != nil {
			release()
			return err
		}
		m.Size, m.Header = size, wire.Fingerprint(head)
		b.d.redate(&m, head)
		s := new(stream)
		s.r, s.w = io.Pipe()
		if err := f.hand(&load{d: b.d, alone: b.alone, messages: []Message{m}, stream: s, release: release}); err != nil {
			return err
		}
		_, err = io.Copy(s.w, io.MultiReader(bytes.NewReader(head), body))
		if errors.Is(err, errUnwanted) {
			return nil // what is left of it is skipped
		}
		b.through = err == nil
		_ = s.w.CloseWithError(err) // never fails
		return err
	}
	r.Done = func(err error) error {
		f.done(b)
		if !came {
			release()
		}
		if err != nil {
			b.d.unread(err)
		} else if !came {
			f.left = append(f.left, *b)
		}
		return nil
	}
}

// readHead reads the beginning of a message, as far as its header goes.
func readHead(body io.Reader, size int64) ([]byte, error) {
	var head []byte
	for want := int64(streamHead); ; want *= 2 {
		at := len(head)
		head = append(head, make([]byte, min(want, size)-int64(at))...)
		if _, err := io.ReadFull(body, head[at:]); err != nil {
			return nil, err
		}
		if want >= min(size, longestHead) || repair.Body(head) != nil {
			return head, nil
		}
	}
}

// unread notes why the source gives no more of the mailbox.
func (d *delta) unread(err error) {
	if d.unreadErr == nil {
		d.unreadErr = err
	}
	d.failed.Store(true)
}

// alone asks once more for a message that an OK left out. What is still left
// out is silent when a search says that it exists, and otherwise gone from the
// source.
func (f *feeder) alone(ctx context.Context, b batch) error {
	if b.d.failed.Load() {
		return nil
	}
	release, err := f.acquire(ctx, weight(b.messages), true)
	if err != nil {
		return err
	}
	asked, again := false, f.left
	f.left = nil
	err = f.ends.source.Requests(ctx, func(bool) (*imapconn.Request, error) {
		if asked {
			return nil, nil
		}
		asked = true
		return f.request(ctx, &b, release), nil
	})
	out := f.left
	if f.left = again; err != nil {
		return err
	}
	for _, o := range out {
		if m := o.messages[0]; m.Size >= streamed && b.messages[0].Size < streamed {
			f.left = append(f.left, o) // larger than it was listed, to be streamed
		} else if err := b.d.unanswered(ctx, m.UID); err != nil {
			return err
		}
	}
	return nil
}
