package mailbox

import (
	"context"
	"slices"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
	"github.com/mxmove/mxmove/mailbox/journal"
)

// arrive lists what is new in a source mailbox. What was on its way when a
// connection was lost is among it, and may be at the target already.
func (f *follower) arrive(ctx context.Context, p *Pair, fresh []imap.UID, intents []journal.Intent) error {
	if len(fresh) == 0 || len(fresh) > convoyMessages {
		return nil
	}
	open := make(map[imap.UID]bool)
	for _, in := range intents {
		for _, m := range in.Messages {
			open[m.UID] = true
		}
	}
	if _, err := f.ends.source.Examine(ctx, p.SourceWire); err != nil {
		return err
	}
	told, err := list(ctx, f.ends.source, wire.SetOf(fresh...), true)
	for _, m := range told {
		c := candidate{Message: m, claim: unsent}
		if open[m.UID] {
			c.claim = doubted
		}
		f.arrivals, f.at = append(f.arrivals, c), append(f.at, p)
	}
	return err
}

// awaited returns those of the moves into a mailbox whose messages are not
// there yet. A state that was restored, or a second machine, may have brought
// them by another way: the window since the last look is looked at before
// anything is moved there, as before anything is sent.
func (f *follower) awaited(ctx context.Context, p *Pair, moves []move) ([]move, error) {
	if !slices.ContainsFunc(moves, func(m move) bool { return m.arrival.UID != 0 }) {
		return moves, nil
	}
	sel, err := f.ends.target.Select(ctx, p.TargetWire)
	if refused(err) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	there, err := f.unknown(ctx, p, sel)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(moves, func(m move) bool {
		return m.arrival.UID != 0 && slices.ContainsFunc(there, func(t Message) bool { return t.Header == m.arrival.Header })
	}), nil
}

// unknown lists what is in an open target mailbox since the last look and not
// known to the journal.
func (f *follower) unknown(ctx context.Context, p *Pair, sel wire.Selected) ([]Message, error) {
	d := &delta{carrier: f.carrier, pair: *p}
	page, err := f.journal.Page(ctx, d.key(p.followValidity, sel.UIDValidity))
	if err != nil {
		return nil, err
	}
	known, err := page.Known(ctx)
	if err != nil || sel.Exists == 0 || sel.UIDNext != 0 && sel.UIDNext <= known {
		return nil, err
	}
	mine, err := page.Targets(ctx)
	if err != nil {
		return nil, err
	}
	there, err := list(ctx, f.ends.target, wire.From(known), true)
	return slices.DeleteFunc(there, func(m Message) bool { return mine.Has(m.UID) }), err
}
