package mailbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
	"github.com/mxmove/mxmove/mailbox/journal"
)

// A convoy is some mailboxes that travel together over one pair of
// connections: they are looked at in one round trip, sent without a pause in
// between, and audited in one round trip. Each has a target of its own, so
// that nothing that one of them appends can be taken for a foreign delivery by
// another.
type convoy struct {
	*carrier
	ends   *ends
	deltas []*delta
	room   *semaphore.Weighted // octets of its own messages in flight
}

// acquire takes room for octets, in the convoy and in the run. Without wait it
// returns nothing where there is no room now.
func (v *convoy) acquire(ctx context.Context, octets int64, wait bool) (release func(), err error) {
	mine := min(octets, convoyOctets)
	if !wait {
		if !v.room.TryAcquire(mine) {
			return nil, nil
		}
	} else if v.room.Acquire(ctx, mine) != nil {
		return nil, context.Cause(ctx)
	}
	shared, err := v.run.acquire(ctx, octets, wait)
	if shared == nil {
		v.room.Release(mine)
		return nil, err
	}
	return sync.OnceFunc(func() {
		shared()
		v.room.Release(mine)
	}), nil
}

// once makes one attempt at some mailboxes, and returns what kept each from
// being finished.
func (c *carrier) once(ctx context.Context, e *ends, pairs []Pair, results []*MailboxResult) []error {
	v := &convoy{carrier: c, ends: e, room: semaphore.NewWeighted(convoyOctets)}
	for i, p := range pairs {
		v.deltas = append(v.deltas, &delta{
			carrier: c, ends: e, pair: p, res: results[i], suspected: c.suspects(p),
		})
	}
	fatal := v.travel(ctx)
	errs := make([]error, len(pairs))
	for i, d := range v.deltas {
		if errs[i] = d.err; errs[i] == nil && !d.ended {
			errs[i] = fatal
		}
		if d.page != nil && !d.ended {
			// The count is made from the journal; after an end of ctx it may be
			// asked all the same, since nothing leaves the machine for it.
			if err := d.count(context.WithoutCancel(ctx)); errs[i] == nil {
				errs[i] = err
			}
		}
		if errs[i] == nil && !d.ended {
			errs[i] = fmt.Errorf("%s: %w: not everything came", clean(d.pair.Source), imapconn.ErrProtocol)
		}
	}
	return errs
}

// travel does everything. Its error is what ended the convoy as a whole; what
// concerns one mailbox stands there.
func (v *convoy) travel(ctx context.Context) error {
	if err := v.ends.open(ctx); err != nil {
		return err
	}
	if err := both(func() error { return v.inventory(ctx) }, func() error { return v.look(ctx) }); err != nil {
		return err
	}
	for _, step := range []func(*delta) error{
		func(d *delta) error { return d.leftOut(ctx) },
		func(d *delta) error { return d.open(ctx) },
		func(d *delta) error { return d.settle(ctx) },
		func(d *delta) error { return d.home(ctx) },
	} {
		if err := v.each(step); err != nil {
			return err
		}
	}
	if v.o.DryRun {
		return v.each(func(d *delta) error {
			d.res.Sent = len(d.todo())
			d.ended = true
			return d.count(ctx)
		})
	}
	sendErr := v.send(ctx)
	if sendErr != nil && !early(sendErr) {
		return sendErr
	}
	if err := v.audit(ctx); err != nil {
		return err
	}
	if err := v.each(func(d *delta) error { return d.end(ctx) }); err != nil {
		return err
	}
	return sendErr
}

// early reports whether an error only says that nothing more is to be begun.
func early(err error) bool {
	return errors.Is(err, ErrLimit) || errors.Is(err, ErrStopped) || errors.Is(err, ErrAllowance) || errors.Is(err, ErrRival)
}

// each does a step for every mailbox that is still on its way. A refusal
// concerns the mailbox, every other error the convoy, and so does the refusal
// of a login that was to give a fresh connection.
func (v *convoy) each(step func(*delta) error) error {
	for _, d := range v.deltas {
		if d.err != nil || d.halted {
			continue
		}
		err := step(d)
		switch {
		case err == nil:
		case refused(err) && v.ends.live():
			d.err = err
		default:
			return err
		}
	}
	return nil
}

// inventory opens and lists the source mailboxes.
func (v *convoy) inventory(ctx context.Context) error {
	var visits []*imapconn.Visit
	for _, d := range v.deltas {
		visit, err := d.visitSource(ctx)
		if err != nil {
			return err
		}
		visits = append(visits, visit)
	}
	if err := v.ends.source.Visit(ctx, visits...); err != nil {
		return err
	}
	for i, d := range v.deltas {
		d.listed(visits[i])
	}
	return nil
}

// look opens the target mailboxes, notes their UIDNEXT, and lists what the
// journal does not vouch for, where that can be told beforehand.
func (v *convoy) look(ctx context.Context) error {
	var visits []*imapconn.Visit
	var of []*delta
	for _, d := range v.deltas {
		if v.o.DryRun && d.pair.Create {
			continue
		}
		from, err := d.expect(ctx)
		if err != nil {
			return err
		}
		visits, of = append(visits, d.visitTarget(from)), append(of, d)
	}
	if err := v.ends.target.Visit(ctx, visits...); err != nil {
		return err
	}
	for i, d := range of {
		d.looked(visits[i])
	}
	return nil
}

// audit looks at the target once more where something was sent.
func (v *convoy) audit(ctx context.Context) error {
	var visits []*imapconn.Visit
	var of []*delta
	for _, d := range v.deltas {
		if d.err != nil || d.halted || d.sentNow.len() == 0 {
			continue // the look before was the last one
		}
		known, err := d.page.Known(ctx)
		if err != nil {
			return err
		}
		visits, of = append(visits, d.visitTarget(known)), append(of, d)
	}
	if err := v.ends.target.Visit(ctx, visits...); err != nil {
		return err
	}
	for i, d := range of {
		d.looked(visits[i])
		if d.err = visits[i].Err; d.err == nil && d.target.UIDValidity != d.page.Key().TargetValidity {
			return changed(d.pair.Target, d.target.UIDValidity)
		}
	}
	return v.each(func(d *delta) error {
		if d.sentNow.len() == 0 {
			return nil
		}
		return d.audit(ctx)
	})
}

// expect returns from which UID on the target will be listed at the look, 0
// when that is not known yet: without the UIDVALIDITYs there is no page.
func (d *delta) expect(ctx context.Context) (imap.UID, error) {
	here, there := d.pair.sourceStatus, d.pair.targetStatus
	if here.UIDValidity == nil || there.UIDValidity == nil || d.o.RecopyMissing {
		return 0, nil
	}
	page, err := d.journal.Page(ctx, d.key(*here.UIDValidity, *there.UIDValidity))
	if err != nil {
		return 0, err
	}
	known, err := page.Known(ctx)
	if err != nil || there.UIDNext != nil && *there.UIDNext <= known {
		return 0, err
	}
	return known, nil
}

// visitTarget is a look at the target, with a list from a UID on unless that
// is 0.
func (d *delta) visitTarget(from imap.UID) *imapconn.Visit {
	visit := &imapconn.Visit{Name: d.pair.TargetWire, Write: !d.o.DryRun}
	d.seen, d.seenFrom = nil, from
	if from != 0 {
		visit.Set, visit.Bare = wire.From(from), true
		visit.Each = collectUIDs(&d.seen, visit.Set)
	}
	return visit
}

// collectUIDs is collect for a bare listing.
func collectUIDs(uids *[]imap.UID, set wire.Set) func(wire.Message) error {
	return func(m wire.Message) error {
		if !set.Contains(m.UID) {
			return nil
		}
		if len(*uids) >= maxMessages {
			return fmt.Errorf("%w: more than %d messages in a mailbox", imapconn.ErrProtocol, maxMessages)
		}
		*uids = append(*uids, m.UID)
		return nil
	}
}

// looked takes a look's result.
func (d *delta) looked(visit *imapconn.Visit) {
	d.target, d.targetErr = visit.Selected, visit.Err
	d.look = d.target.UIDNext
	slices.Sort(d.seen)
	d.seen = slices.Compact(d.seen)
}

// key is the journal's name for the mailbox under the given UIDVALIDITYs.
func (d *delta) key(source, target uint32) journal.Key {
	return journal.Key{
		Account: d.account.Name, Source: d.pair.SourceWire, Target: d.pair.TargetWire,
		SourceValidity: source, TargetValidity: target, Reverse: d.o.Reverse,
	}
}

// end finishes a mailbox whose messages are all at the target.
func (d *delta) end(ctx context.Context) error {
	if err := d.flags(ctx); err != nil {
		return err
	}
	if err := d.count(ctx); err != nil {
		return err
	}
	if err := d.repaired(ctx); err != nil {
		return err
	}
	d.noteDates()
	d.noteVanished()
	d.noteHidden()
	d.ended = true
	return d.rest(ctx)
}
