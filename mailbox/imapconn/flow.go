package imapconn

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// A step is one command of several that are sent without waiting for each
// other's answers. Servers wait with a command that changes what others mean,
// such as EXAMINE, but may work at several others at a time: their data then
// comes before the first tagged answer.
type step struct {
	parts []part

	// take gets the untagged responses while this is the oldest step without
	// an answer; those of later steps may be among them. Nil: of no interest.
	take handler

	// done gets the tagged answer, and the refusal where it is one. Its error
	// ends the connection. Nil takes every answer.
	done func(*wire.Response, error) error

	// squeezes, without parts, compresses the connection: nothing else is under
	// way then.
	squeezes bool

	// through reports whether all that was asked for has come: another command
	// may then go before the tagged answer. Nil: that is known at the answer.
	through func() bool
}

type underway struct {
	tag string
	step
}

// flow runs the commands that next gives, up to ahead of them under way at
// once, and ends when next gives none. While something is under way, next is
// asked with idle false and must not wait: it gives none for the moment, and
// is asked again. An error of next ends the flow after what is under way.
func (s *session) flow(ctx context.Context, ahead int, next func(idle bool) (*step, error)) error {
	stop, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer stop()
	var sent []underway
	var ended error
	for {
		for ended == nil && len(sent) < maxAhead && bringing(sent) < ahead {
			st, err := next(len(sent) == 0)
			if ended = err; st == nil || err != nil {
				break
			}
			if st.squeezes || s.asks(st) {
				// Its literal waits for leave, which comes behind all answers due.
				if err := s.answered(sent); err != nil {
					return err
				}
				sent = nil
			}
			if st.squeezes {
				if err := s.compress(); err != nil {
					return err
				}
				continue
			}
			s.conn.gauge.asked(len(sent))
			tag, err := s.send(st.take, st.parts...)
			if err != nil {
				if err := s.refused(st, s.broken(err)); err != nil {
					return err
				}
				continue
			}
			sent = append(sent, underway{tag, *st})
		}
		if len(sent) == 0 {
			return ended
		}
		answered, err := s.hear(sent)
		if err != nil {
			return err
		}
		if answered {
			sent = sent[1:]
		}
	}
}

// bringing counts the commands from which something is still to come.
func bringing(sent []underway) int {
	n := 0
	for _, u := range sent {
		if u.through == nil || !u.through() {
			n++
		}
	}
	return n
}

// all runs a list of commands, as many under way as the server's input holds.
// A nil among them is none.
func (s *session) all(ctx context.Context, steps []*step) error {
	steps = slices.DeleteFunc(steps, func(st *step) bool { return st == nil })
	return s.flow(ctx, maxAhead, func(bool) (*step, error) {
		if len(steps) == 0 {
			return nil, nil
		}
		st := steps[0]
		steps = steps[1:]
		return st, nil
	})
}

// answered reads the answers to steps, in their order.
func (s *session) answered(steps []underway) error {
	if len(steps) == 0 {
		return nil
	}
	if err := s.flush(); err != nil {
		return s.broken(err)
	}
	for i, u := range steps {
		p, err := s.finish(u.tag, u.take)
		if err := s.over(&steps[i], p, err); err != nil {
			return err
		}
	}
	return nil
}

// hear reads until the oldest command has its answer, or less is still to come
// than before.
func (s *session) hear(sent []underway) (answered bool, err error) {
	if err := s.flush(); err != nil {
		return false, s.broken(err)
	}
	u, before := &sent[0], bringing(sent)
	for bringing(sent) == before {
		p, err := s.next()
		if err != nil {
			return false, s.broken(err)
		}
		over, err := s.heed(p, u.tag, u.take)
		if over {
			return true, s.over(u, p, err)
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// over hands the answer to a step.
func (s *session) over(u *underway, p *wire.Response, err error) error {
	if err != nil {
		return s.refused(&u.step, err)
	}
	if u.done != nil {
		if err := u.done(p, nil); err != nil {
			return s.handled(err)
		}
	}
	return nil
}

// refused hands a refusal to its step. Any other error is the end.
func (s *session) refused(st *step, err error) error {
	var refusal *ResponseError
	if s.conn.cause() != nil || !errors.As(err, &refusal) {
		return err
	}
	if st.done == nil {
		return nil
	}
	if err := st.done(nil, err); err != nil {
		return s.handled(err)
	}
	return nil
}

// asks reports whether a command has a literal that waits for the server.
func (s *session) asks(st *step) bool {
	for _, p := range st.parts {
		if !p.string {
			continue
		}
		if _, literal := wire.Quote(p.text); literal {
			if _, sync := literalHead(s.caps, int64(len(p.text))); sync {
				return true
			}
		}
	}
	return false
}

// pipeline runs commands with one handler, ahead at a time. The first refusal
// is returned after all that were sent have been answered.
func (s *session) pipeline(ctx context.Context, h handler, commands []string) error {
	var refusal error
	err := s.flow(ctx, ahead, func(bool) (*step, error) {
		if len(commands) == 0 || refusal != nil {
			return nil, nil
		}
		command := commands[0]
		commands = commands[1:]
		return &step{parts: []part{text(command)}, take: h, done: func(_ *wire.Response, err error) error {
			if refusal == nil {
				refusal = err
			}
			return nil
		}}, nil
	})
	if err != nil {
		return err
	}
	return refusal
}

// A Visit opens one mailbox and lists some of it.
type Visit struct {
	Name  string   // wire name
	Write bool     // opened by SELECT; a Source does not let that out
	Set   wire.Set // what is listed; empty: nothing
	Bare  bool     // by its UIDs alone, which costs the server next to nothing

	// Each is called for every message as Fetch does it; with Set it must be
	// there. It may have been called although Err is set in the end.
	Each func(wire.Message) error

	// Known is the UID below which the messages are known, 0 for none. With
	// Since, a mod-sequence, Changed is called for those of them whose flags
	// have changed after it (RFC 7162), with their UID and flags alone.
	Known      imap.UID
	Since      uint64
	Changed    func(wire.Message) error
	ChangedErr error // why the server does not tell

	Selected wire.Selected
	Err      error // why the server does not open or list this one
}

// Visit opens one mailbox after another without waiting in between, and leaves
// the last one open. What the server refuses stands in the visits; an error is
// the end of the connection.
func (s *session) Visit(ctx context.Context, visits ...*Visit) error {
	s.mailbox, s.selected = "", wire.Selected{}
	var steps []*step
	var listings []func() error
	for _, v := range visits {
		steps = append(steps, s.opening(v))
		if len(v.Set) == 0 {
			continue
		}
		more, rest := s.listing(v)
		steps, listings = append(steps, more...), append(listings, rest)
	}
	if err := s.all(ctx, steps); err != nil {
		return fmt.Errorf("visit to mailboxes: %w", err)
	}
	for _, rest := range listings {
		if err := rest(); err != nil {
			return s.handled(err)
		}
	}
	return nil
}

// opening is the SELECT or EXAMINE of a visit.
func (s *session) opening(v *Visit) *step {
	verb := "EXAMINE"
	if v.Write {
		verb = "SELECT"
	}
	o := newOpening(verb)
	return &step{
		parts: []part{text(verb + " "), str(v.Name)},
		take:  o.take,
		done: func(p *wire.Response, err error) error {
			s.mailbox, s.selected = "", wire.Selected{}
			if err != nil {
				v.Err = openError(verb, v.Name, err)
				return nil
			}
			v.Selected = o.end(p)
			s.mailbox, s.selected = v.Name, v.Selected
			return nil
		},
	}
}

// listing is the FETCH of a visit. Behind a mailbox that did not open it is
// refused too, and whatever came with it belongs to another. The function gives
// what was told in pieces.
func (s *session) listing(v *Visit) ([]*step, func() error) {
	g := newGatherer(false, func(m wire.Message) error {
		m.UIDValidity = v.Selected.UIDValidity
		return v.Each(m)
	})
	items := fetchItems(false)
	if v.Bare {
		g.want, items = wire.ItemUID, "(UID)"
	}
	g.known, g.changed = v.Known, v.Changed
	take := func(p *wire.Response) error {
		if v.Err != nil {
			return nil
		}
		return g.take(p)
	}
	done := func(_ *wire.Response, err error) error {
		if err != nil && v.Err == nil && v.Selected.Exists > 0 {
			v.Err = fmt.Errorf("fetch from %s: %w", show(v.Name), err)
		}
		return nil
	}
	var steps []*step
	for _, command := range fetchCommands(v.Set, items) {
		steps = append(steps, &step{parts: []part{text(command)}, take: take, done: done})
	}
	if v.Since > 0 && v.Known > 1 {
		command := fmt.Sprintf("UID FETCH 1:%d (UID FLAGS) (CHANGEDSINCE %d)", v.Known-1, v.Since)
		steps = append(steps, &step{parts: []part{text(command)}, take: take, done: func(_ *wire.Response, err error) error {
			v.ChangedErr = err
			return nil
		}})
	}
	return steps, func() error {
		if v.Err != nil {
			return nil
		}
		return g.rest()
	}
}
