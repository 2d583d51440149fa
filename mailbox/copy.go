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
	d.list = slices.DeleteFunc(d.list, func(m Message) bool { return slices.Contains(d.gone, m.UID) })
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

// hopeless is how many messages may be refused, with none taken, before the
// mailbox is given up: it is then the mailbox that the target does not want.
const hopeless = 20

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
		}
	}
	if l.intent, err = w.page.Begin(ctx, in); err != nil {
		return err
	}
	l.open = len(commands)
	for _, places := range commands {
		for len(w.flights) >= w.window {
			if err := w.receive(ctx); err != nil {
				return err
			}
		}
		if err := w.append(ctx, l, places); err != nil {
			return err
		}
	}
	return nil
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
		if n := len(commands); n > 0 && w.lane.Multi() && !l.single {
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

// receive reads the answer to the oldest command.
func (w *writer) receive(ctx context.Context) error {
	answer, err := w.lane.Receive(ctx)
	f := w.flights[0]
	if err != nil {
		return fmt.Errorf("append %s uid %d: %w", clean(w.pair.Target), f.load.messages[f.places[0]].UID, err)
	}
	w.flights = w.flights[1:]
	l := f.load
	for n, i := range f.places {
		switch {
		case answer.Err != nil:
			l.refused, l.reasons = append(l.refused, i), append(l.reasons, answer.Err)
		case answer.UIDs == nil:
			l.taken = append(l.taken, answered{place: i})
		default:
			l.taken = append(l.taken, answered{place: i, uid: answer.UIDs[n]})
		}
	}
	if answer.Validity != 0 && answer.Validity != w.target.UIDValidity {
		return fmt.Errorf("append %s: %w: UIDVALIDITY is now %d", clean(w.pair.Target), imapconn.ErrProtocol, answer.Validity)
	}
	if l.open--; l.open > 0 {
		return nil
	}
	return w.finish(ctx, l)
}

// finish notes what became of a load, durably, and decides about what was
// refused.
func (w *writer) finish(ctx context.Context, l *load) error {
	if err := w.settleIntent(ctx, l); err != nil {
		return err
	}
	for _, a := range l.taken {
		w.succeeded(l, a.place)
	}
	w.progress()
	if len(l.refused) == 0 {
		w.drop(l)
		return nil
	}
	if fail := w.fatal(l.reasons); fail != nil {
		w.fail = fail
		w.drop(l)
		return nil
	}
	if len(l.refused) > 1 && !l.single && w.lane.Multi() {
		w.requeue(l, l.refused, l.bare)
		return nil
	}
	return w.refused(ctx, l)
}

// settleIntent closes the intent of a load. Where the target does not name
// UIDs it stays open for those that were taken, until a look finds them.
func (w *writer) settleIntent(ctx context.Context, l *load) error {
	slices.SortFunc(l.taken, func(a, b answered) int { return a.place - b.place })
	var runs []journal.Run
	var unnamed []journal.Message
	for _, a := range l.taken {
		m := l.messages[a.place]
		if a.uid == 0 {
			unnamed = append(unnamed, remember(m, m.Header))
			continue
		}
		runs = append(runs, journal.Run{Source: m.UID, Target: a.uid, Count: 1, Outcome: journal.Copied})
	}
	runs = journal.Runs{}.Add(runs...)
	if len(unnamed) == 0 {
		return w.page.Done(ctx, runs, l.intent)
	}
	if len(runs) > 0 {
		if err := w.page.Found(ctx, runs); err != nil {
			return err
		}
	}
	return w.page.Stored(ctx, l.intent, unnamed)
}

// requeue sends some messages of a load again, each on its own.
func (w *writer) requeue(l *load, places []int, bare bool) {
	p := l.part(places, bare)
	delete(w.live, l)
	w.live[p] = true
	w.queue = append(w.queue, p)
}

// drop gives up what a load holds.
func (w *writer) drop(l *load) {
	delete(w.live, l)
	l.drop()
}

// succeeded counts a message that the target took.
func (w *writer) succeeded(l *load, place int) {
	m := l.messages[place]
	_, dropped := w.wanted(m, l.bare)
	for _, keyword := range dropped {
		w.res.Keywords[keyword]++
	}
	w.sentNow[m.UID] = true
	w.res.Sent++
	w.res.Bytes += m.Size
	w.bytes.Add(m.Size)
}

// fatal returns the refusal that concerns more than its message, if any: the
// account is full, the server is busy, the mailbox has gone.
func (w *writer) fatal(reasons []error) error {
	for _, err := range reasons {
		if imapconn.Class(err) != imapconn.ClassRefused {
			return fmt.Errorf("append %s: %w", clean(w.pair.Target), err)
		}
	}
	return nil
}

// refused sends messages with keywords again without them: no message is lost
// for a flag. The others the target does not want.
func (w *writer) refused(ctx context.Context, l *load) error {
	var bare []int
	for n, i := range l.refused {
		if !l.bare && l.stream == nil && hasKeyword(l.messages[i].Flags) {
			bare = append(bare, i)
			continue
		}
		if err := w.refuse(ctx, l, i, l.reasons[n]); err != nil {
			return err
		}
		w.rejects++
	}
	if w.rejects >= hopeless && w.res.Sent == 0 {
		w.fail = fmt.Errorf("append %s: every message is refused: %w", clean(w.pair.Target), l.reasons[0])
	}
	if len(bare) > 0 && w.fail == nil {
		w.requeue(l, bare, true)
		return nil
	}
	w.drop(l)
	return nil
}

// progress tells how far the mailbox is.
func (w *writer) progress() {
	w.emit(Event{
		Type: MailboxProgress, Account: w.account.Name, Mailbox: w.pair.Source,
		Total: w.total, Done: w.res.Sent + len(w.refusals), Bytes: w.res.Bytes,
	})
}

// hasKeyword reports whether any flag is a keyword.
func hasKeyword(flags []imap.Flag) bool {
	return slices.ContainsFunc(flags, isKeyword)
}

func isKeyword(f imap.Flag) bool { return len(f) > 0 && f[0] != '\\' }
