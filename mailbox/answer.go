package mailbox

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/journal"
)

// receive reads the answer to the oldest command.
func (w *writer) receive(ctx context.Context) error {
	began := time.Now()
	answer, err := w.lane.Receive(ctx)
	since(&w.holds.target, began)
	f := w.flights[0]
	if err != nil {
		w.lost(ctx, err)
		return fmt.Errorf("append %s uid %d: %w", clean(f.load.d.pair.Target), f.load.messages[f.places[0]].UID, err)
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
	if answer.Validity != 0 && answer.Validity != l.d.target.UIDValidity {
		return changed(l.d.pair.Target, answer.Validity)
	}
	if l.open--; l.open > 0 {
		return nil
	}
	return w.finish(ctx, l)
}

// lost suspects what was on its way when the connection was lost: which of it
// ended the connection nobody knows, since commands go out before answers come.
func (w *writer) lost(ctx context.Context, err error) {
	if w.ends.target.Alive() {
		return
	}
	for _, f := range w.flights {
		var ms []Message
		for _, i := range f.places {
			ms = append(ms, f.load.messages[i])
		}
		f.load.d.suspect(ctx, err, ms, false, len(w.flights) == 1)
	}
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
	l.d.share.given(l.taken)
	l.d.progress()
	if len(l.refused) == 0 {
		w.drop(l)
		return nil
	}
	if fail := l.d.fatal(ctx, l.reasons); fail != nil {
		l.d.limited(ctx, l)
		l.d.giveUp(fail)
		w.drop(l)
		return nil
	}
	if len(l.rest) > 0 {
		rest := l.part(l.rest)
		rest.release = func() {} // the refused ones, sent before it, hold the room
		defer func() { w.queue, w.live[rest] = append(w.queue, rest), true }()
	}
	if len(l.refused) > 1 && !l.single && w.lane.Multi() {
		p := l.part(l.refused)
		delete(w.live, l)
		w.live[p] = true
		w.queue = append(w.queue, p)
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
		return l.d.page.Done(ctx, runs, l.intent)
	}
	if len(runs) > 0 {
		if err := l.d.page.Found(ctx, runs); err != nil {
			return err
		}
	}
	return l.d.page.Stored(ctx, l.intent, unnamed)
}

// drop gives up what a load holds.
func (w *writer) drop(l *load) {
	delete(w.live, l)
	l.drop()
}

// succeeded counts a message that the target took.
func (w *writer) succeeded(l *load, place int) {
	m := l.messages[place]
	d := l.d
	_, dropped := d.wanted(m, l.bare)
	for _, keyword := range dropped {
		d.res.Keywords[keyword]++
	}
	d.sentNow.add(m.UID)
	d.passed.Store(true)
	if m.Size >= askedFor && m.Size > d.largest.Load() {
		d.largest.Store(m.Size) // of two connections the smaller may stay: it is asked once more
	}
	d.res.Sent++
	if d.o.Trace && len(d.res.Traced) < maxTraced {
		d.res.Traced = append(d.res.Traced, m.UID)
	}
	d.res.Bytes += m.Size
}

// fatal returns the refusal that concerns more than its message, if any: the
// account is full, the server is busy, the mailbox has gone.
func (d *delta) fatal(ctx context.Context, reasons []error) error {
	for _, err := range reasons {
		err = d.exhausted(ctx, err, true)
		if imapconn.Class(err) != imapconn.ClassRefused {
			return fmt.Errorf("append %s: %w", clean(d.pair.Target), err)
		}
	}
	return nil
}

// giveUp says why nothing more is sent to the mailbox. The reader asks too.
func (d *delta) giveUp(err error) {
	d.fail = err
	d.failed.Store(true)
}

// everyRefused says that it is the mailbox that the target does not want.
func everyRefused(d *delta, reason error) error {
	return fmt.Errorf("append %s: every message is refused: %w", clean(d.pair.Target), reason)
}

// progress tells how far the mailbox is.
func (d *delta) progress() {
	d.emit(Event{
		Type: MailboxProgress, Account: d.account.Name, Mailbox: d.pair.Source,
		Total: len(d.sending), Done: d.res.Sent + len(d.refusals), Bytes: d.res.Bytes,
		Hold: d.holds.most(),
	})
}
