package mailbox

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/repair"
	"github.com/mxmove/mxmove/mailbox/journal"
)

// A form is how a message is sent that the target has refused as it is.
type form struct {
	bare  bool         // without its keywords
	steps repair.Steps // with these changes
}

// forms returns in which forms a refused message is worth sending, the
// slightest change first. No message is lost for a keyword, and none for a
// fault that can be mended; a message without either has no other form.
func forms(m Message, octets []byte) []form {
	var all []form
	keyword := hasKeyword(m.Flags)
	if keyword {
		all = append(all, form{bare: true})
	}
	ladder := repair.Ladder(octets)
	for _, steps := range ladder {
		all = append(all, form{steps: steps})
	}
	if keyword {
		for _, steps := range ladder {
			all = append(all, form{bare: true, steps: steps})
		}
	}
	return all
}

// An origin is what became of a message before the form of it that a load
// holds.
type origin struct {
	octets []byte // as the source gave them
	form   form   // what the load holds
	tried  int    // forms, this one included
	reason error  // what the target said to the message as it is
}

// origin returns where the message at a place comes from.
func (l *load) origin(place int) origin {
	if l.origins == nil {
		return origin{octets: l.octets[place]}
	}
	return l.origins[place]
}

// refused sends messages again in their next form. What has none left is kept.
func (w *writer) refused(ctx context.Context, l *load) error {
	again := make(map[bool][]lowered)
	for n, i := range l.refused {
		next, ok := l.lower(i, l.reasons[n])
		if !ok {
			if err := w.refuse(ctx, l, i, next.reason); err != nil {
				return err
			}
			l.d.rejects++
			continue
		}
		again[next.form.bare] = append(again[next.form.bare], lowered{i, next})
	}
	if l.d.rejects >= manyRejects && l.d.res.Sent == 0 {
		l.d.giveUp(everyRefused(l.d, l.reasons[0]))
	}
	if len(again) == 0 || l.d.fail != nil {
		w.drop(l)
		return nil
	}
	delete(w.live, l)
	release := shared(len(again), l.release)
	for _, bare := range []bool{false, true} {
		if len(again[bare]) == 0 {
			continue
		}
		p := l.next(again[bare], release())
		w.live[p] = true
		w.queue = append(w.queue, p)
		if err := p.repairing(ctx); err != nil {
			return err
		}
	}
	return nil
}

// A lowered message is one to be sent in another form.
type lowered struct {
	place int
	origin
}

// lower finds the next form of a refused message.
func (l *load) lower(place int, reason error) (origin, bool) {
	if l.stream != nil {
		return origin{reason: reason}, false
	}
	o := l.origin(place)
	if o.reason == nil {
		o.reason = reason
	}
	all := forms(l.messages[place], o.octets)
	if tooLarge(o.reason) || o.tried >= len(all) {
		return o, false
	}
	o.form = all[o.tried]
	o.tried++
	return o, true
}

// tooLarge reports whether a message was refused for its size, which no other
// form lessens.
func tooLarge(err error) bool {
	var answer *imapconn.ResponseError
	return errors.As(err, &answer) && answer.Code == "TOOBIG"
}

// next is a load of messages in another form, each sent on its own.
func (l *load) next(ms []lowered, release func()) *load {
	p := &load{d: l.d, single: true, alone: l.alone, bare: ms[0].form.bare, release: release}
	for _, m := range ms {
		octets := m.form.steps.Apply(m.octets)
		changed := l.messages[m.place]
		changed.Size = int64(len(octets))
		p.messages = append(p.messages, changed)
		p.octets = append(p.octets, octets)
		p.origins = append(p.origins, m.origin)
	}
	return p
}

// shared gives n functions to be called; the last call releases.
func shared(n int, release func()) func() func() {
	left := new(atomic.Int32)
	left.Store(int32(n))
	return func() func() {
		return sync.OnceFunc(func() {
			if left.Add(-1) == 0 {
				release()
			}
		})
	}
}

// repairing keeps the originals of what is sent changed, and notes the change
// before it is sent.
func (l *load) repairing(ctx context.Context) error {
	for i, o := range l.origins {
		if o.form.steps == 0 {
			continue
		}
		uid := l.messages[i].UID
		kept, begun := l.d.repairs[uid]
		if !begun {
			file, err := l.d.file(ctx, uid, o.octets)
			if err != nil {
				return err
			}
			kept = journal.Repair{UID: uid, File: file, Reason: clean(o.reason.Error())}
		}
		kept.What, kept.Listed = o.form.steps.String(), false
		if err := l.d.page.Repairing(ctx, kept); err != nil {
			return err
		}
		l.d.repairs[uid] = kept
	}
	return nil
}
