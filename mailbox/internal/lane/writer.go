package lane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"golang.org/x/sync/errgroup"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// ErrShort means that a message was shorter than announced. The connection to
// the target is of no more use then: the server waits for the rest.
var ErrShort = errors.New("lane: message shorter than announced")

// An Item is a message on its way to the target.
type Item struct {
	Flags []imap.Flag // as they are to be stored; every name must be valid
	Date  time.Time   // INTERNALDATE; zero sends none
	Size  int64

	Octets []byte    // the message, Size octets of it
	Body   io.Reader // gives the octets where Octets is nil
	Ask    bool      // the target has to ask for the octets, even where it takes them unasked
}

// An Answer is what the target said to a batch. With an Err that is an
// *imapconn.ResponseError nothing of the batch is stored.
type Answer struct {
	Validity uint32     // of the target mailbox, 0 when the server did not say
	UIDs     []imap.UID // one for each message in order, nil when the server did not say
	Err      error
}

// A Writer appends batches to mailboxes and lets several be on their way.
// It is used by one goroutine, which owns the connection.
type Writer struct {
	raw   *imapconn.Raw
	multi bool
	sent  []*pending    // unanswered and answered ones, oldest first
	ready chan struct{} // somebody waits for an answer until it is closed
}

type pending struct {
	tag    string
	n      int
	answer *Answer
}

// NewWriter returns a writer over the raw side of a connection that announced
// caps.
func NewWriter(raw *imapconn.Raw, caps imapconn.Caps) *Writer {
	return &Writer{raw: raw, multi: caps.Has("MULTIAPPEND")}
}

// Multi reports whether a batch may hold more than one message.
func (w *Writer) Multi() bool { return w.multi }

// Pending is the number of batches that Receive has still to tell about.
func (w *Writer) Pending() int { return len(w.sent) }

// Append sends a batch to a mailbox, by its wire name, as one command (RFC
// 3502), without waiting for the answer. Its last octets may wait in the buffer
// for the next batch, or for Receive: a packet for every small message costs
// both sides more than the message. A server that refuses a batch before
// everything was sent is answered by not sending the rest; Receive tells. An
// error means that the connection is lost, and that what was sent is in doubt.
func (w *Writer) Append(ctx context.Context, mailbox string, items []Item) error {
	if len(items) == 0 || len(items) > 1 && !w.multi {
		return fmt.Errorf("lane: batch of %d messages", len(items))
	}
	release := w.raw.Guard(ctx)
	defer release()
	if err := w.squeeze(); err != nil {
		return err
	}
	if err := w.raw.Unselect(); err != nil {
		return err
	}
	p := &pending{tag: w.raw.Tag(), n: len(items)}
	w.sent = append(w.sent, p)
	if err := w.head(p, mailbox); err != nil {
		return err
	}
	for _, item := range items {
		if err := w.item(p, item); err != nil {
			return err
		}
		if p.answer != nil {
			return nil // refused before the octets
		}
	}
	_, err := w.raw.WriteString("\r\n")
	return err
}

// squeeze lets what follows go compressed where that pays. What is on its way
// is answered before.
func (w *Writer) squeeze() error {
	if !w.raw.Pays() {
		return nil
	}
	if err := w.raw.Flush(); err != nil {
		return err
	}
	w.Settle()
	for slices.ContainsFunc(w.sent, func(p *pending) bool { return p.answer == nil }) {
		r, err := w.raw.Next()
		if err != nil {
			return err
		}
		w.take(r)
	}
	return w.raw.Compress()
}

// head writes the command up to the first message.
func (w *Writer) head(p *pending, mailbox string) error {
	if _, err := w.raw.WriteString(p.tag + " APPEND "); err != nil {
		return err
	}
	quoted, literal := wire.Quote(mailbox)
	if !literal {
		_, err := w.raw.WriteString(quoted)
		return err
	}
	if err := w.announce(p, int64(len(mailbox)), false); err != nil || p.answer != nil {
		return err
	}
	_, err := w.raw.WriteString(mailbox)
	return err
}

// item writes one message with its flags and date.
func (w *Writer) item(p *pending, item Item) error {
	if p.answer != nil {
		return nil
	}
	var b strings.Builder
	b.WriteByte(' ')
	if len(item.Flags) > 0 {
		b.WriteByte('(')
		for i, f := range item.Flags {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(string(f))
		}
		b.WriteString(") ")
	}
	if !item.Date.IsZero() {
		b.WriteString(wire.FormatDate(item.Date) + " ")
	}
	if _, err := w.raw.WriteString(b.String()); err != nil {
		return err
	}
	if err := w.announce(p, item.Size, item.Ask); err != nil || p.answer != nil {
		return err
	}
	if item.Octets != nil {
		_, err := w.raw.Write(item.Octets)
		return err
	}
	n, err := io.Copy(w.raw, io.LimitReader(item.Body, item.Size))
	switch {
	case err != nil:
		return err
	case n < item.Size:
		return ErrShort
	}
	return nil
}

// announce writes the size of a literal and, where the server wants to be
// asked or has to be, waits for its consent. A refusal in its place becomes p's
// answer.
func (w *Writer) announce(p *pending, size int64, ask bool) error {
	sync, err := true, error(nil)
	if ask {
		err = w.raw.SyncLiteral(size)
	} else {
		sync, err = w.raw.Literal(size)
	}
	if err != nil || !sync {
		return err
	}
	w.Settle()
	for {
		r, err := w.raw.Next()
		switch {
		case err != nil:
			return err
		case r.Kind == wire.Continuation:
			return nil
		}
		if w.take(r); p.answer != nil {
			return nil
		}
	}
}

// Ready sends what still waits in the buffer, and returns a channel that is
// closed when an answer comes, or none will: Receive then has something to
// read. Some batch must be pending; Append may be called meanwhile. Whoever
// gives the Writer up before that closes the connection and calls Settle.
func (w *Writer) Ready() (<-chan struct{}, error) {
	if err := w.raw.Flush(); err != nil {
		return nil, err
	}
	if w.ready == nil {
		ready := make(chan struct{})
		w.ready = ready
		if w.sent[0].answer != nil {
			close(ready) // it came beside another
			return ready, nil
		}
		var g errgroup.Group
		g.Go(func() error {
			defer close(ready)
			w.raw.Wait()
			return nil
		})
	}
	return w.ready, nil
}

// Settle waits for what Ready has begun.
func (w *Writer) Settle() {
	if w.ready != nil {
		<-w.ready
		w.ready = nil
	}
}

// Receive waits for the answer to the oldest batch. Its error means that the
// connection is lost and that all batches still pending are in doubt.
func (w *Writer) Receive(ctx context.Context) (Answer, error) {
	if len(w.sent) == 0 {
		return Answer{}, errors.New("lane: no batch is pending")
	}
	release := w.raw.Guard(ctx)
	defer release()
	if w.sent[0].answer == nil {
		if err := w.raw.Flush(); err != nil {
			return Answer{}, err
		}
	}
	w.Settle()
	for w.sent[0].answer == nil {
		r, err := w.raw.Next()
		if err != nil {
			return Answer{}, err
		}
		w.take(r)
	}
	answer := *w.sent[0].answer
	w.sent = w.sent[1:]
	return answer, nil
}

// take notes the answer to a batch; everything else that a server says while
// it stores messages is of no interest.
func (w *Writer) take(r *wire.Response) {
	if r.Kind != wire.Tagged {
		return
	}
	for _, p := range w.sent {
		if p.tag != r.Tag || p.answer != nil {
			continue
		}
		p.answer = &Answer{Err: w.raw.Answer(r)}
		if p.answer.Err != nil || r.Code != "APPENDUID" {
			return
		}
		validity, set, ok := wire.AppendUID(r.Args)
		uids, bounded := set.UIDs(p.n)
		if ok && bounded && len(uids) == p.n {
			p.answer.Validity, p.answer.UIDs = validity, uids
		}
		return
	}
}
