package mailbox

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/emersion/go-imap/v2"
	"golang.org/x/sync/errgroup"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/lane"
	"github.com/mxmove/mxmove/mailbox/journal"
	"github.com/mxmove/mxmove/migrate/finding"
)

// This file holds everything that makes mailboxes and messages at the target.

// create makes the mailboxes that the target does not have, parents first by
// the order of the names, and subscribes to what was subscribed to. A mailbox
// that the target refuses is left to its own copy to report.
func (c *carrier) create(ctx context.Context, t *imapconn.Target, pairs []Pair) error {
	made := make(map[string]bool)
	for _, p := range pairs {
		if p.Skip != "" {
			continue
		}
		if p.Create && !made[p.Target] {
			if err := c.attempt(p, "is not created", t.Create(ctx, p.Target)); err != nil {
				return err
			}
			made[p.Target] = true
		}
		if p.Subscribe && (p.Create || !c.o.Additions) {
			if err := c.attempt(p, "is not subscribed", t.Subscribe(ctx, p.TargetWire)); err != nil {
				return err
			}
		}
	}
	return nil
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

// send copies messages: one goroutine reads from the source, one writes to
// the target, and what lies between is bounded by octets.
func (d *delta) send(ctx context.Context, todo []Message) error {
	if len(todo) == 0 {
		return nil
	}
	d.total = len(todo)
	loads, quit := make(chan *load), make(chan struct{})
	var g errgroup.Group
	var readErr, writeErr error
	g.Go(func() error {
		readErr = d.fetchAll(ctx, todo, loads, quit)
		return nil
	})
	g.Go(func() error {
		defer close(quit)
		writeErr = d.writeAll(ctx, loads)
		return nil
	})
	_ = g.Wait() // both errors are kept apart
	gone := make(map[imap.UID]bool, len(d.gone))
	for _, uid := range d.gone {
		gone[uid] = true
	}
	d.list = slices.DeleteFunc(d.list, func(m Message) bool { return gone[m.UID] })
	if writeErr != nil {
		return writeErr
	}
	if readErr != nil {
		return readErr
	}
	return d.keepStreamed(ctx)
}

// A writer sends loads to the target and notes what became of them.
type writer struct {
	*delta
	lane    *lane.Writer
	window  int
	queue   []*load        // to be sent again, before anything new
	flights []flight       // commands without an answer, oldest first
	live    map[*load]bool // everything that takes room in memory
	rejects int            // messages refused by this attempt
	fail    error          // why nothing more is sent
}

// manyRejects is how many messages may be refused, with none taken, before the
// mailbox is given up: it is then the mailbox that the target does not want.
const manyRejects = 20

// A flight is a command on its way: some messages of a load.
type flight struct {
	load   *load
	places []int
}

// window is how many commands may be on their way at once. Without UIDPLUS
// each of them would have to be looked for after a lost connection.
func window(caps imapconn.Caps) int {
	switch {
	case !caps.Has("UIDPLUS"):
		return 4
	case caps.Has("MULTIAPPEND"):
		return 2
	}
	return 16
}

// writeAll sends what the reader brings. It never waits for the reader while
// an answer is due: the reader may be waiting for the room in memory that only
// the answer gives back.
func (d *delta) writeAll(ctx context.Context, loads <-chan *load) error {
	caps := d.ends.target.Caps()
	w := &writer{
		delta: d, window: window(caps), live: make(map[*load]bool),
		lane: lane.NewWriter(d.ends.target.Raw(), caps, d.pair.TargetWire),
	}
	defer func() {
		for l := range w.live {
			l.drop()
		}
	}()
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
			return w.fail
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
	if len(w.flights) > 0 {
		select {
		case l, more = <-loads:
		default:
			return nil, true
		}
	} else {
		l, more = <-loads
	}
	if l != nil {
		w.live[l] = true
	}
	return l, more
}

// begin writes the intent down and sends a load.
func (w *writer) begin(ctx context.Context, l *load) error {
	if w.fail == nil {
		w.fail = w.spent(ctx)
	}
	if w.fail != nil {
		w.drop(l)
		return nil
	}
	commands, err := w.commands(ctx, l)
	if err != nil || len(commands) == 0 {
		return err
	}
	in := journal.Intent{Look: w.look, Made: w.o.Now()}
	for _, places := range commands {
		for _, i := range places {
			in.Messages = append(in.Messages, remember(l.messages[i], l.messages[i].Header))
			w.bytes.Add(l.messages[i].Size)
		}
	}
	if l.intent, err = w.page.Begin(ctx, in); err != nil {
		return err
	}
	l.open = len(commands)
	return w.sendCommands(ctx, l, commands)
}

// sendCommands sends the commands of a load. Where the target seems to refuse
// everything the rest waits until that is decided.
func (w *writer) sendCommands(ctx context.Context, l *load, commands [][]int) error {
	for n, places := range commands {
		for len(w.flights) >= w.window {
			if err := w.receive(ctx); err != nil {
				return err
			}
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

// hopeless reports whether nothing but refusals has come back so far.
func (w *writer) hopeless(l *load) bool {
	return w.res.Sent == 0 && len(l.taken) == 0 && (l.single || !w.lane.Multi()) && w.rejects+len(l.refused) >= manyRejects
}

// commands cuts a load into commands, after what is too large was refused.
func (w *writer) commands(ctx context.Context, l *load) ([][]int, error) {
	var commands [][]int
	for i, m := range l.messages {
		if limit := w.appendLimit(); limit > 0 && m.Size > limit {
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
		flags, _ := w.wanted(l.messages[i], l.bare)
		items[n] = l.item(i, flags)
	}
	w.flights = append(w.flights, flight{l, places})
	if err := w.lane.Append(ctx, items); err != nil {
		return fmt.Errorf("append %s uid %d: %w", clean(w.pair.Target), l.messages[places[0]].UID, err)
	}
	if l.stream != nil {
		// Refused before its end, the rest of it is not wanted.
		_ = l.stream.r.CloseWithError(errUnwanted) // never fails
	}
	return nil
}
