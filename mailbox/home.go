package mailbox

import (
	"context"
	"slices"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
	"github.com/mxmove/mxmove/mailbox/journal"
)

// A returner finds out what of the messages that are archived at a Gmail has
// come from the old server, and lies there still.
type returner struct {
	*delta
	mine []candidate // archived, and not found yet
	runs []journal.Run
}

// home keeps the way back from a Gmail from bringing what never left: a copy
// that its owner archived there is no longer in the mailbox that it was copied
// into, and in All Mail it has a UID that no journal knows. What the old server
// has in any mailbox of the account's own counts as present.
func (d *delta) home(ctx context.Context) error {
	if !d.o.Reverse || d.pair.elsewhere == nil {
		return nil
	}
	todo := d.todo()
	if len(todo) == 0 {
		return nil
	}
	source, err := d.atSource(ctx)
	if err != nil {
		return err
	}
	told, err := list(ctx, source, wire.SetOf(todo...), true)
	if err != nil {
		return err
	}
	r := &returner{delta: d}
	for _, m := range told {
		r.mine = append(r.mine, candidateOf(m, unsent))
	}
	there, err := d.ends.target.Survey(ctx)
	if err != nil {
		return err
	}
	own := newTree(there.Mailboxes, there.Namespaces)
	for _, m := range there.Mailboxes {
		if len(r.mine) == 0 {
			break
		}
		if !selectable(m) || own.isForeign(m) || m.Wire == d.pair.TargetWire {
			continue
		}
		if err := r.search(ctx, m.Wire); err != nil {
			return err
		}
	}
	d.runs = d.runs.Add(r.runs...)
	if d.o.DryRun || len(r.runs) == 0 {
		return nil
	}
	return d.page.Found(ctx, journal.Runs{}.Add(r.runs...))
}

// search looks for the messages in one mailbox of the old server. One that
// cannot be opened has none: its messages come back twice rather than not.
func (r *returner) search(ctx context.Context, name string) error {
	target := r.ends.target
	sel, err := target.Examine(ctx, name)
	if refused(err) || err == nil && sel.Exists == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	theirs, err := r.alike(ctx, target)
	if err != nil {
		return err
	}
	alone, open := matchHeaders(r.mine, theirs)
	pairs, likely := r.fidelity.trust(alone, r.mine, theirs, true)
	open = append(open, likely...)
	if err := r.texts(ctx, open, theirs); err != nil {
		return err
	}
	for _, p := range append(pairs, r.fidelity.decide(open, r.mine, theirs)...) {
		r.runs = append(r.runs, journal.Run{Source: r.mine[p.source].UID, Count: 1, Outcome: journal.Present})
	}
	found := journal.Runs{}.Add(r.runs...)
	r.mine = slices.DeleteFunc(r.mine, func(c candidate) bool {
		_, _, ok := found.Find(c.UID)
		return ok
	})
	return nil
}

// alike lists the messages of the open mailbox that have the header of one
// that is looked for.
func (r *returner) alike(ctx context.Context, target *imapconn.Target) (theirs []candidate, err error) {
	wanted := make(map[wire.Digest]bool, len(r.mine))
	for _, c := range r.mine {
		wanted[c.Header] = !c.Header.IsZero()
	}
	seen := make(map[imap.UID]bool)
	err = target.Fetch(ctx, wire.From(1), true, func(m wire.Message) error {
		if wanted[m.Header] && !seen[m.UID] && len(theirs) < maxMessages {
			seen[m.UID], theirs = true, append(theirs, candidateOf(m, unsent))
		}
		return nil
	})
	return theirs, err
}

// texts reads the texts of groups on both sides.
func (r *returner) texts(ctx context.Context, open []group, theirs []candidate) error {
	var ours, there []place
	for _, g := range open {
		ours, there = append(ours, g.source...), append(there, g.target...)
	}
	if len(ours) == 0 {
		return nil
	}
	return both(func() error {
		source, err := r.atSource(ctx)
		if err != nil {
			return err
		}
		return readTexts(ctx, source, r.mine, ours)
	}, func() error { return readTexts(ctx, r.ends.target, theirs, there) })
}
