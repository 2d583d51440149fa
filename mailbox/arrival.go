package mailbox

import (
	"context"
	"slices"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
	"github.com/mxmove/mxmove/mailbox/journal"
)

// arrive lists what is new in a source mailbox. What was on its way when a
// connection was lost is among it, and may be at the target already.
func (f *follower) arrive(ctx context.Context, p *Pair, fresh []imap.UID, intents []journal.Intent) error {
	if len(fresh) > convoyMessages {
		delete(f.next, p.SourceWire)
		return nil
	}
	if len(fresh) == 0 {
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
		c := candidateOf(m, unsent)
		if open[m.UID] {
			c.claim = doubted
		}
		f.arrivals, f.at = append(f.arrivals, c), append(f.at, p)
	}
	return err
}

// meet finds the arrivals that copies of ours are, by their texts. Arrivals
// that another copy follows, or that may be at the target already, have none.
func (f *follower) meet(ctx context.Context, g *gap, copies []candidate) ([]match, error) {
	var fresh []candidate
	var places []int // in arrivals
	for i, a := range f.arrivals {
		if a.claim == unsent {
			fresh, places = append(fresh, a), append(places, i)
		}
	}
	alone, open := matchHeaders(fresh, copies)
	pairs, likely := f.fidelity.trust(alone, fresh, copies, false)
	open = append(open, likely...)
	if len(open) > 0 {
		if err := f.texts(ctx, g, open, fresh, places, copies); err != nil {
			return nil, err
		}
	}
	pairs = append(pairs, f.fidelity.decide(open, fresh, copies)...)
	for i := range pairs {
		pairs[i].source = place(places[pairs[i].source])
	}
	return pairs, nil
}

// texts reads the texts of the messages of groups: arrivals in their source
// mailboxes, copies in the target mailbox of the gap.
func (f *follower) texts(ctx context.Context, g *gap, open []group, fresh []candidate, places []int, copies []candidate) error {
	of := make(map[*Pair][]place)
	var theirs []place
	for _, g := range open {
		theirs = append(theirs, g.target...)
		for _, i := range g.source {
			of[f.at[places[i]]] = append(of[f.at[places[i]]], i)
		}
	}
	for p, some := range of {
		sel, err := f.ends.source.Examine(ctx, p.SourceWire)
		if err == nil && sel.UIDValidity != p.followValidity {
			err = changed(p.Source, sel.UIDValidity)
		}
		if err != nil {
			return err
		}
		if err := readTexts(ctx, f.ends.source, fresh, some); err != nil {
			return err
		}
	}
	sel, err := f.ends.target.Select(ctx, g.pair.TargetWire)
	if err == nil && sel.UIDValidity != g.page.Key().TargetValidity {
		err = changed(g.pair.Target, sel.UIDValidity)
	}
	if err != nil {
		return err
	}
	return readTexts(ctx, f.ends.target, copies, theirs)
}

// A move is a copy at the target, and its message at the new place in the
// source, if it has one.
type move struct {
	target  imap.UID
	arrival Message
}

// sure returns those of the moves that are right by what both servers say now.
func (f *follower) sure(ctx context.Context, moves map[*Pair][]move) (map[*Pair][]move, error) {
	quiet := true
	if slices.ContainsFunc(moves[f.trash], move.deletes) {
		var err error
		if quiet, err = f.quiet(ctx); err != nil {
			return nil, err
		}
	}
	left := make(map[*Pair][]move)
	for p, ms := range moves {
		there, err := f.there(ctx, p, ms)
		if err != nil {
			return nil, err
		}
		for _, m := range ms {
			if m.deletes() && quiet || !m.deletes() && !there[m.arrival.Header] {
				left[p] = append(left[p], m)
			}
		}
	}
	return left, nil
}

// count tells how many moves there are.
func count(moves map[*Pair][]move) int {
	n := 0
	for _, ms := range moves {
		n += len(ms)
	}
	return n
}

// restless is shrunk for a mailbox that is not at rest, since a run was ended
// or could not do all: what is in the journal was there once.
func (f *follower) restless(ctx context.Context, p *Pair) (bool, error) {
	now, target := p.sourceStatus, p.targetStatus.UIDValidity
	if now.UIDValidity == nil || target == nil {
		return false, nil
	}
	page, err := f.journal.Page(ctx, (&delta{carrier: f.carrier, pair: *p}).key(*now.UIDValidity, *target))
	if err != nil {
		return false, err
	}
	runs, err := page.Runs(ctx)
	if err != nil || len(runs) == 0 {
		return false, err
	}
	intents, err := page.Intents(ctx)
	if err != nil {
		return false, err
	}
	refusals, err := page.Refusals(ctx)
	if err != nil {
		return false, err
	}
	then := runs.Messages() + len(refusals)
	for _, in := range intents {
		then += len(in.Messages)
	}
	next, err := page.Inventory(ctx)
	came := max(0, int64(*now.UIDNext)-int64(next))
	return int64(*now.Messages) < int64(then)+came, err
}

// deletes reports whether the message has no new place.
func (m move) deletes() bool { return m.arrival.UID == 0 }

// there tells what is in a target mailbox that may have to take arrivals. A
// state that was restored, or a second machine, may have brought them by
// another way: the window since the last look is looked at before anything is
// moved there, as before anything is sent.
func (f *follower) there(ctx context.Context, p *Pair, moves []move) (map[wire.Digest]bool, error) {
	if !slices.ContainsFunc(moves, func(m move) bool { return !m.deletes() }) {
		return nil, nil
	}
	sel, err := f.ends.target.Select(ctx, p.TargetWire)
	if err != nil {
		return nil, err
	}
	ms, err := f.unknown(ctx, p, sel)
	there := make(map[wire.Digest]bool)
	for _, m := range ms {
		there[m.Header] = true
	}
	return there, err
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

// quiet reports whether nothing has arrived at the source since it was glanced
// at. A message that was moved meanwhile has left one mailbox and is not seen
// in the other: it would pass for a deleted one.
func (f *follower) quiet(ctx context.Context) (bool, error) {
	var visits []*imapconn.Visit
	for _, p := range f.pairs {
		if p.Skip == "" {
			visits = append(visits, &imapconn.Visit{Name: p.SourceWire})
		}
	}
	if err := f.ends.source.Visit(ctx, visits...); err != nil {
		return false, err
	}
	return !slices.ContainsFunc(visits, func(v *imapconn.Visit) bool {
		return v.Err == nil && (v.Selected.UIDNext == 0 || v.Selected.UIDNext > f.next[v.Name])
	}), nil
}
