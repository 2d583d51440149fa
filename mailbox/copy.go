package mailbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/lane"
	"github.com/mxmove/mxmove/mailbox/journal"
	"github.com/mxmove/mxmove/migrate/finding"
)

// This file holds everything that makes mailboxes and messages at the target.

// create makes the mailboxes that the target does not have, parents first by
// the order of the names, and subscribes to what was subscribed to. A mailbox
// that the target refuses is left to its own copy to report.
func (c *carrier) create(ctx context.Context, e *ends, pairs []Pair) error {
	t := e.target
	made := make(map[string]bool)
	var makings []*imapconn.Making
	var of []*Pair
	for i := range pairs {
		p := &pairs[i]
		m := &imapconn.Making{
			Name:      p.TargetWire,
			Create:    p.Create && !made[p.Target],
			Subscribe: p.Subscribe && (p.Create || !c.o.Additions),
		}
		if p.Skip == "" && (m.Create || m.Subscribe) {
			made[p.Target] = true
			makings, of = append(makings, m), append(of, p)
		}
	}
	if len(makings) == 0 {
		return nil
	}
	c.ready(ctx, e, pairs)
	if err := t.Make(ctx, makings...); err != nil {
		return err
	}
	for i, m := range makings {
		if refused(m.CreateErr) && imapconn.Class(m.CreateErr) != imapconn.ClassTemporary {
			if err := c.createFromTop(ctx, t, *of[i]); err == nil || !refused(err) {
				m.CreateErr = err
			}
		}
		if err := c.attempt(*of[i], "is not created", m.CreateErr); err != nil {
			return err
		}
		if err := c.attempt(*of[i], "is not subscribed", m.SubscribeErr); err != nil {
			return err
		}
		if m.Existed {
			of[i].join(of[:i])
		}
	}
	return nil
}

// createFromTop makes a mailbox after those above it, for servers that do not
// make them by themselves (RFC 9051, section 6.3.4).
func (c *carrier) createFromTop(ctx context.Context, t *imapconn.Target, p Pair) error {
	levels := strings.Split(p.Target, p.delim)
	if p.delim == "" || len(levels) < 2 {
		return &imapconn.ResponseError{Status: "NO"}
	}
	var err error
	for n := range levels {
		if err = t.Create(ctx, strings.Join(levels[:n+1], p.delim)); err != nil && !refused(err) {
			return err
		}
	}
	return err
}

// attempt makes a finding of a refusal and passes every other error on.
func (c *carrier) attempt(p Pair, what string, err error) error {
	var refusal *imapconn.ResponseError
	if err == nil || !errors.As(err, &refusal) || imapconn.Class(err) == imapconn.ClassTemporary {
		return err
	}
	c.note(finding.Finding{
		Severity: finding.Warn, Code: finding.MailboxNotCreated, Subject: c.account.Name + " " + p.Target,
		Text: "the target refuses: the mailbox " + what, Evidence: []string{refusal.Error()},
		Fix: "give it another target under sync.mailboxes, or make it by hand",
	})
	return nil
}

// A writer sends loads to the target and notes what became of them.
type writer struct {
	*convoy
	lane    *lane.Writer
	full    int            // commands on their way at which answers are read,
	low     int            // down to so many
	queue   []*load        // to be sent again, before anything new
	flights []flight       // commands without an answer, oldest first
	live    map[*load]bool // everything that takes room in memory
	stop    error          // why nothing more is sent
}

// manyRejects is how many messages may be refused, with none taken, before the
// mailbox is given up: it is then the mailbox that the target does not want.
const manyRejects = 20

// A flight is a command on its way: some messages of a load.
type flight struct {
	load   *load
	places []int
}

// window is how many commands may be on their way at once, and down to how
// many answers are read once so many are: many small commands then leave in
// one packet. Without UIDPLUS each of them would have to be looked for after a
// lost connection.
func window(caps imapconn.Caps) (full, low int) {
	switch {
	case !caps.Has("UIDPLUS"):
		return 4, 3
	case caps.Has("MULTIAPPEND"):
		return 16, 15
	}
	return 256, 128
}

// writer returns a writer over the convoy's connection to the target.
func (v *convoy) writer() *writer {
	caps := v.ends.target.Caps()
	w := &writer{convoy: v, live: make(map[*load]bool), lane: lane.NewWriter(v.ends.target.Raw(), caps)}
	w.full, w.low = window(caps)
	return w
}

// end gives up what was not sent to its end.
func (w *writer) end() {
	for l := range w.live {
		l.drop()
	}
	if len(w.flights) > 0 {
		// Nobody reads their answers any more, whatever has ended it.
		w.ends.closeTarget()
		w.lane.Settle()
	}
}

// writeAll sends what the reader brings. It never waits for the reader alone
// while an answer is due: the reader may be waiting for the room in memory that
// only the answer gives back.
func (v *convoy) writeAll(ctx context.Context, loads <-chan *load) error {
	w := v.writer()
	defer w.end()
	for {
		l, more := w.next(loads)
		if l != nil {
			if err := w.begin(ctx, l); err != nil {
				return err
			}
			continue
		}
		if len(w.flights) > 0 {
			if err := w.receive(ctx); err != nil {
				return err
			}
			continue
		}
		if !more {
			return w.stop
		}
	}
}

// next returns a load to send, or nil when an answer should be read first or
// nothing is left.
func (w *writer) next(loads <-chan *load) (l *load, more bool) {
	if len(w.queue) > 0 {
		l, w.queue = w.queue[0], w.queue[1:]
		return l, true
	}
	select {
	case l, more = <-loads:
	default:
		l, more = w.await(loads)
	}
	if l != nil {
		w.live[l] = true
	}
	return l, more
}

// await waits for a load or an answer, whichever comes first: over a long line
// both take their time.
func (w *writer) await(loads <-chan *load) (l *load, more bool) {
	var answer <-chan struct{} // without any due: never
	if len(w.flights) > 0 {
		var err error
		if answer, err = w.lane.Ready(); err != nil {
			return nil, true // as the answer will say that does not come
		}
	}
	began := time.Now()
	select {
	case l, more = <-loads:
		since(&w.holds.source, began)
	case <-answer:
		since(&w.holds.target, began)
		more = true
	}
	return l, more
}

// begin sends a load, unless nothing more is to be sent.
func (w *writer) begin(ctx context.Context, l *load) error {
	if w.stop == nil {
		w.stop = w.maySend(ctx)
	}
	if w.stop == nil && l.d.crowded() {
		if err := w.compete(ctx, l.d); err != nil {
			return err
		}
	}
	if w.stop != nil || l.d.fail != nil {
		w.drop(l)
		return nil
	}
	if l.alone {
		return w.beginAlone(ctx, l)
	}
	return w.send(ctx, l)
}

// beginAlone sends a message over which a connection was lost: nothing else is
// on its way meanwhile.
func (w *writer) beginAlone(ctx context.Context, l *load) error {
	for len(w.flights) > 0 {
		if err := w.receive(ctx); err != nil {
			return err
		}
	}
	if err := w.send(ctx, l); err != nil {
		return err
	}
	for len(w.flights) > 0 {
		if err := w.receive(ctx); err != nil {
			return err
		}
	}
	return nil
}

// send writes the intent down and sends a load.
func (w *writer) send(ctx context.Context, l *load) error {
	commands, err := w.commands(ctx, l)
	if err != nil || len(commands) == 0 {
		return err
	}
	in, octets := journal.Intent{Look: l.d.look, Made: w.o.Now()}, int64(0)
	for _, places := range commands {
		for _, i := range places {
			in.Messages = append(in.Messages, remember(l.messages[i], l.messages[i].Header))
			octets += l.messages[i].Size
		}
	}
	if err := w.sending(ctx, octets); err != nil {
		return err
	}
	if l.intent, err = l.d.page.Begin(ctx, in); err != nil {
		return err
	}
	l.open = len(commands)
	return w.sendCommands(ctx, l, commands)
}

// sendCommands sends the commands of a load. Where the target seems to refuse
// everything the rest waits until that is decided.
func (w *writer) sendCommands(ctx context.Context, l *load, commands [][]int) error {
	for n, places := range commands {
		if err := w.room(ctx, l); err != nil {
			return err
		}
		if w.hopeless(l) {
			l.rest = slices.Concat(commands[n:]...)
			if l.open -= len(commands) - n; l.open == 0 {
				return w.finish(ctx, l)
			}
			return nil
		}
		if err := w.append(ctx, l, places); err != nil {
			return err
		}
	}
	return nil
}

// unproven is how many commands may be on their way while the target has taken
// nothing yet: what is refused was sent in vain.
const unproven = 32

// room reads answers until another command may go.
func (w *writer) room(ctx context.Context, l *load) error {
	full, low := w.full, w.low
	if full > unproven && !l.d.passed.Load() && len(l.taken) == 0 {
		full, low = unproven, unproven-1
	}
	if len(w.flights) < full {
		return nil
	}
	for len(w.flights) > low {
		if err := w.receive(ctx); err != nil {
			return err
		}
	}
	return nil
}

// hopeless reports whether nothing but refusals has come back so far.
func (w *writer) hopeless(l *load) bool {
	return l.d.res.Sent == 0 && len(l.taken) == 0 && (l.single || !w.lane.Multi()) && l.d.rejects+len(l.refused) >= manyRejects
}

// commands cuts a load into commands, after what is too large was refused.
func (w *writer) commands(ctx context.Context, l *load) ([][]int, error) {
	var commands [][]int
	limit := l.d.appendLimit()
	for i, m := range l.messages {
		if limit > 0 && m.Size > limit {
			err := fmt.Errorf("larger than the target takes: %d of at most %d octets", m.Size, limit)
			if err := w.refuse(ctx, l, i, err); err != nil {
				return nil, err
			}
			continue
		}
		if n := len(commands); n > 0 && w.lane.Multi() && !l.single && len(commands[n-1]) < commandMessages {
			commands[n-1] = append(commands[n-1], i)
			continue
		}
		commands = append(commands, []int{i})
	}
	if len(commands) == 0 {
		w.drop(l)
	}
	return commands, nil
}

// append sends one command.
func (w *writer) append(ctx context.Context, l *load, places []int) error {
	items := make([]lane.Item, len(places))
	for n, i := range places {
		flags, _ := l.d.wanted(l.messages[i], l.bare)
		items[n] = l.item(i, flags)
	}
	w.flights = append(w.flights, flight{l, places})
	if err := w.lane.Append(ctx, l.d.pair.TargetWire, items); err != nil {
		w.lost(ctx, err)
		// Where it was the source that broke, the target waits for the rest of
		// a literal, and would take whatever is asked of it for that.
		_ = w.ends.target.Close() // nobody could act on it
		return fmt.Errorf("append %s uid %d: %w", clean(l.d.pair.Target), l.messages[places[0]].UID, err)
	}
	if l.stream != nil {
		// Refused before its end, the rest of it is not wanted.
		_ = l.stream.r.CloseWithError(errUnwanted) // never fails
	}
	return nil
}
