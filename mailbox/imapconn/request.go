package imapconn

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// bodiesAhead is how many requests for messages are under way at once. Over a
// long line two of them are on it in each direction, and whoever asks bounds
// their octets.
const bodiesAhead = 12

// A Request asks for whole messages of one mailbox.
type Request struct {
	Mailbox  string // wire name
	Validity uint32 // what its UIDVALIDITY must be
	UIDs     []imap.UID

	// Body gets each message once, as Bodies gives it.
	Body func(uid imap.UID, size int64, body io.Reader) error

	// Done is called at the end, with the refusal where the server refuses;
	// some messages may have been left out all the same. Its error, like that
	// of Body, ends the connection.
	Done func(err error) error
}

// Requests fetches what next asks for, and sends the next request while the
// answer to the one before still comes. Next gives nil when there is nothing
// to ask for; it must not wait unless idle is true, and is asked again.
func (s *session) Requests(ctx context.Context, next func(idle bool) (*Request, error)) error {
	defer s.messages()()
	r := &requests{session: s, open: s.mailbox}
	err := s.flow(ctx, bodiesAhead, func(idle bool) (*step, error) {
		if len(r.queue) == 0 {
			request, err := next(idle)
			if err != nil || request == nil {
				return nil, err
			}
			r.add(request)
		}
		if s.pays() {
			return &step{squeezes: true}, nil
		}
		st := r.queue[0]
		r.queue = r.queue[1:]
		return st, nil
	})
	if err != nil {
		return fmt.Errorf("bodies from %s: %w", show(r.open), err)
	}
	return nil
}

// requests are the requests under way. Servers work at several FETCHes of one
// mailbox at a time (Dovecot sends all the data, then all the answers), so a
// message goes to the request that has asked for its UID.
type requests struct {
	*session
	open   string // the mailbox that is open when all that was sent is done
	door   *door  // how it was opened; nil: it was open before
	queue  []*step
	active []*asked
	all    *bodies // gives to all that are active
}

// A door is the opening of a mailbox. Until it is answered, what comes belongs
// to the mailbox before, which may have the same UIDs.
type door struct {
	waiting  []*asked // requests for the mailbox
	answered bool
	refusal  error // why nothing of it is taken
}

// asked is a request and what has come of it.
type asked struct {
	*Request
	*bodies
	n       uint64 // messages
	refusal error
}

// add makes commands of a request.
func (r *requests) add(request *Request) {
	a := &asked{Request: request, bodies: newBodies(request.UIDs, request.Body)}
	a.n, _ = a.set.Count() // of UIDs, never open
	if r.open != request.Mailbox {
		r.open, r.door = request.Mailbox, new(door)
		r.queue = append(r.queue, r.examine(request, r.door))
	}
	switch d := r.door; {
	case d != nil && !d.answered:
		d.waiting = append(d.waiting, a)
	case d != nil && d.refusal != nil:
		a.refusal = d.refusal
	default:
		r.activate(append(r.active, a))
	}
	for _, command := range fetchCommands(a.set, "(UID BODY.PEEK[])") {
		r.queue = append(r.queue, &step{parts: []part{text(command)}, take: r.take, done: a.answered, through: a.through})
	}
	last := r.queue[len(r.queue)-1]
	last.done = func(p *wire.Response, err error) error {
		_ = a.answered(p, err) // keeps a refusal
		r.activate(slices.DeleteFunc(r.active, func(b *asked) bool { return a == b }))
		return a.Done(a.refusal)
	}
}

// examine opens the mailbox of a request, and lets those in that wait for it.
// What is under way in another is finished by then: the command is one that
// servers wait for.
func (r *requests) examine(request *Request, d *door) *step {
	v := &Visit{Name: request.Mailbox}
	st := r.opening(v)
	opened := st.done
	st.done = func(p *wire.Response, err error) error {
		if err := opened(p, err); err != nil {
			return err
		}
		d.answered, d.refusal = true, v.Err
		if d.refusal == nil && v.Selected.UIDValidity != request.Validity {
			d.refusal = fmt.Errorf("%w: UIDVALIDITY of %s is now %d", ErrProtocol, show(request.Mailbox), v.Selected.UIDValidity)
		}
		if d.refusal == nil {
			r.activate(append(r.active, d.waiting...))
			return nil
		}
		for _, a := range d.waiting {
			a.refusal = d.refusal
		}
		return nil
	}
	return st
}

// activate says which requests get what comes.
func (r *requests) activate(active []*asked) {
	r.active = active
	r.all = &bodies{fn: r.give, done: make(map[imap.UID]bool)}
	for _, a := range active {
		r.all.set = append(r.all.set, a.set...)
	}
}

// through reports whether all messages of the request have come.
func (a *asked) through() bool { return uint64(len(a.done)) == a.n }

func (a *asked) answered(_ *wire.Response, err error) error {
	if a.refusal == nil && err != nil {
		a.refusal = fmt.Errorf("bodies from %s: %w", show(a.Mailbox), err)
	}
	return nil
}

// take gives a message to its request. One whose UID comes behind its octets
// is held by the oldest.
func (r *requests) take(p *wire.Response) error {
	if p.Name != "FETCH" || len(r.active) == 0 {
		return nil
	}
	if len(r.active) == 1 {
		return r.active[0].take(p)
	}
	return r.all.take(p)
}

func (r *requests) give(uid imap.UID, size int64, body io.Reader) error {
	for _, a := range r.active {
		if a.set.Contains(uid) {
			return a.give(uid, size, body)
		}
	}
	return nil
}
