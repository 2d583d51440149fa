package mailbox

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// A cursor spares a repeat run the list of a source mailbox: what was there
// when the mailbox was at rest is known, so that only new messages and changed
// flags are asked for (RFC 7162). It never goes past what was not read, since
// a mailbox with such a message does not come to rest.
type cursor struct {
	known   inventory // what was there, with flags as they were carried over
	changed inventory // of it, what has other flags now
	from    imap.UID  // what has this UID or a higher one is new
	since   uint64    // the mod-sequence then; 0: flags are of no interest
}

// cursorOf returns the cursor of the mailbox, nil where all of it has to be
// listed.
func (d *delta) cursorOf(ctx context.Context) (*cursor, error) {
	then, ok := d.o.since(d.pair)
	if !ok || d.o.DryRun {
		return nil, nil
	}
	page, err := d.journal.Page(ctx, d.key(d.pair.rest.SourceValidity, d.pair.rest.TargetValidity))
	if err != nil {
		return nil, err
	}
	refusals, err := page.Refusals(ctx)
	if err != nil {
		return nil, err
	}
	c := &cursor{from: imap.UID(then.UIDNext), since: then.ModSeq}
	c.known.validity = d.pair.rest.SourceValidity
	if d.o.Additions {
		c.since = 0
		runs, err := page.Runs(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range runs {
			for n := range r.Count {
				c.known.add(Message{UID: r.Source + imap.UID(n), UIDValidity: c.known.validity})
			}
		}
	} else {
		text, err := page.Flags(ctx)
		if err != nil {
			return nil, err
		}
		book, err := parseFlagBook(text)
		if err != nil {
			return nil, err
		}
		book.into(&c.known)
	}
	for uid := range refusals {
		c.known.add(Message{UID: uid, UIDValidity: c.known.validity})
	}
	c.known.order()
	if c.known.len() != int(then.Messages) || c.known.last() >= c.from {
		return nil, nil // some were left out by rule, or have gone
	}
	return c, nil
}

// since returns how a source mailbox was when it was at rest, where that says
// what is known of it now.
func (o Options) since(p Pair) (then mark, ok bool) {
	here, there := p.sourceStatus, p.targetStatus
	now, told := o.markOf(here)
	if !told || p.rest == nil || p.Create || o.RecopyMissing || o.Deleted == DeletedSkip ||
		here.UIDValidity == nil || there.UIDValidity == nil ||
		*here.UIDValidity != p.rest.SourceValidity || *there.UIDValidity != p.rest.TargetValidity ||
		json.Unmarshal([]byte(p.rest.Mark), &then) != nil {
		return then, false
	}
	return then, then.Deleted == o.Deleted && then.UIDNext != 0 && now.UIDNext >= then.UIDNext && now.Messages >= then.Messages &&
		(o.Additions || then.ModSeq != 0 && now.ModSeq >= then.ModSeq)
}

// into lists what is noted as messages of which the UID and the flags are
// known.
func (b flagBook) into(v *inventory) {
	flags := make([][]imap.Flag, len(b.sets))
	for i, set := range b.sets {
		for name := range strings.FieldsSeq(set) {
			flags[i] = append(flags[i], imap.Flag(name))
		}
	}
	for _, n := range b.notes {
		v.add(Message{UID: n.uid, UIDValidity: v.validity, Flags: flags[n.set]})
	}
}

// visitSource is the look at the source mailbox: at all of it, or at what the
// cursor leaves.
func (d *delta) visitSource(ctx context.Context) (visit *imapconn.Visit, err error) {
	if d.cursor, err = d.cursorOf(ctx); err != nil {
		return nil, err
	}
	visit = &imapconn.Visit{Name: d.pair.SourceWire, Set: wire.From(1)}
	if c := d.cursor; c != nil {
		visit.Set = wire.From(c.from)
		visit.Known, visit.Since = c.from, c.since
		visit.Changed = func(m wire.Message) error {
			if c.known.has(m.UID) && c.changed.len() < 2*c.known.len() {
				c.changed.add(m)
			}
			return nil
		}
	}
	visit.Each = counting(d.counter(d.pair.Source), d.list.collect(visit.Set))
	return visit, nil
}

// listed takes the list that a visit has brought. With a cursor it is put
// together; where it does not come to as many messages as there are, some have
// gone, and all are listed.
func (d *delta) listed(visit *imapconn.Visit) {
	d.source, d.sourceErr = visit.Selected, visit.Err
	d.list.order()
	c := d.cursor
	if c == nil || d.sourceErr != nil {
		if d.sourceErr == nil && d.source.Exists == 0 {
			d.list = inventory{}
		}
		return
	}
	fresh := d.list
	c.changed.order()
	if d.list = c.known; c.changed.len() > 0 {
		d.list = inventory{}
		for m := range c.known.all() {
			if now, ok := c.changed.find(m.UID); ok {
				m.Flags = now.Flags
			}
			d.list.add(m)
		}
	}
	for m := range fresh.all() {
		d.list.add(m)
	}
	sel := d.source
	d.relist = visit.ChangedErr != nil || sel.UIDValidity != c.known.validity || sel.UIDNext != 0 && sel.UIDNext < c.from ||
		c.since != 0 && sel.HighestModSeq < c.since || d.list.len() != int(sel.Exists)
}

// whole lists all of the source mailbox after all.
func (d *delta) whole(ctx context.Context) error {
	source, err := d.atSource(ctx)
	if err != nil {
		return err
	}
	d.cursor, d.relist, d.list = nil, false, inventory{}
	set := wire.From(1)
	if d.source.Exists == 0 {
		return nil
	}
	err = source.Fetch(ctx, set, false, counting(d.counter(d.pair.Source), d.list.collect(set)))
	d.list.order()
	return err
}
