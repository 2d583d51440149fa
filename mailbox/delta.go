package mailbox

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
	"github.com/mxmove/mxmove/mailbox/journal"
	"github.com/mxmove/mxmove/migrate/finding"
)

// A delta is one mailbox on its way: what is at the source, what of it is
// known to be at the target, and what is left to send.
type delta struct {
	*carrier
	ends *ends
	pair Pair
	res  *MailboxResult
	page *journal.Page

	source, target       wire.Selected
	sourceErr, targetErr error      // why a side cannot be read
	list                 inventory  // of the source
	cursor               *cursor    // what of the list was known before; nil: nothing
	relist               bool       // what was known does not hold: all is to be listed
	apart                uidSet     // of the list, what lies in other mailboxes and is copied from there
	silent               []imap.UID // in the source, but it gives nothing for them
	gone                 []imap.UID // no longer to be counted with the list
	unkept               []refusal  // refused messages that are still to be kept as files
	runs                 journal.Runs
	refusals             map[imap.UID]journal.Refusal
	withheld             uidSet                      // in doubt as long as the target hides what may be them
	vanished             uidSet                      // was at the target, in a mailbox that was given up since
	repairs              map[imap.UID]journal.Repair // sent with a change, or about to be
	look                 imap.UID                    // UIDNEXT of the target at the last look
	seen                 []imap.UID                  // what the look has listed
	seenFrom             imap.UID                    // from which UID on; 0: not listed
	sentNow              uidSet                      // by this attempt
	share                share                       // of this attempt in the target mailbox
	sending              []imap.UID                  // by this attempt
	suspected            map[imap.UID]suspicion
	redated              map[dated]int // messages that got another date; the reader's
	rejects              int           // messages refused by this attempt

	fail      error       // why nothing more is sent; the writer's
	unreadErr error       // why nothing more is read; the reader's
	failed    atomic.Bool // either of them, for the reader
	err       error       // why the mailbox is given up
	halted    bool        // the convoy ended before all of it was sent
	ended     bool        // nothing is left to be done
}

// open opens the page of the journal. A UIDNEXT that has gone backwards means
// that UIDs were given out anew, as a new UIDVALIDITY does: nothing that the
// page says of them holds any more.
func (d *delta) open(ctx context.Context) (err error) {
	d.page, err = d.journal.Page(ctx, d.key(d.source.UIDValidity, d.target.UIDValidity))
	if err != nil {
		return err
	}
	if d.o.DryRun {
		return d.read(ctx)
	}
	if d.pair.rest != nil {
		if err := d.page.Stirred(ctx); err != nil {
			return err
		}
	}
	stale, err := d.page.Stale(ctx)
	if err != nil {
		return err
	}
	anew, err := d.page.Renumbered(ctx)
	if err != nil {
		return err
	}
	back, err := d.backwards(ctx)
	if err != nil {
		return err
	}
	if back && d.cursor != nil {
		if err := d.whole(ctx); err != nil { // what was known has been forgotten
			return err
		}
	}
	if err := d.inventoried(ctx); err != nil {
		return err
	}
	if anew || back || stale > 0 {
		d.note(finding.Finding{
			Severity: finding.Note, Code: finding.MailboxMatchedAnew, Subject: d.account.Name + " " + d.pair.Source,
			Text:     "a server has renumbered this mailbox, so it was matched from the beginning",
			Evidence: []string{fmt.Sprintf("UIDVALIDITY %d at the source, %d at the target", d.source.UIDValidity, d.target.UIDValidity)},
			Fix:      "nothing is to be done",
		})
	}
	return d.read(ctx)
}

// backwards forgets the page where a UIDNEXT is lower than it was.
func (d *delta) backwards(ctx context.Context) (bool, error) {
	known, err := d.page.Known(ctx)
	if err != nil {
		return false, err
	}
	inventory, err := d.page.Inventory(ctx)
	if err != nil {
		return false, err
	}
	back := d.source.UIDNext != 0 && d.source.UIDNext < inventory || d.target.UIDNext != 0 && d.target.UIDNext < known
	if !back {
		return false, nil
	}
	return true, d.page.Forget(ctx)
}

// read takes what the journal knows.
func (d *delta) read(ctx context.Context) (err error) {
	if d.runs, err = d.page.Runs(ctx); err != nil {
		return err
	}
	if d.refusals, err = d.page.Refusals(ctx); err != nil {
		return err
	}
	if d.vanished, err = vanished(ctx, d.page); err != nil {
		return err
	}
	d.repairs, err = d.page.Repairs(ctx)
	return err
}

// lookAtTarget opens the target mailbox, notes its UIDNEXT, and lists it from a
// UID on unless that is 0.
func (d *delta) lookAtTarget(ctx context.Context, from imap.UID) error {
	if d.o.DryRun && d.pair.Create {
		return nil
	}
	visit := d.visitTarget(from)
	if err := d.ends.target.Visit(ctx, visit); err != nil {
		return err
	}
	d.looked(visit)
	return visit.Err
}

// atSource gives the source's connection with the mailbox open.
func (d *delta) atSource(ctx context.Context) (*imapconn.Source, error) {
	if name, _ := d.ends.source.Selected(); name == d.pair.SourceWire {
		return d.ends.source, nil
	}
	sel, err := d.ends.source.Examine(ctx, d.pair.SourceWire)
	if err == nil && sel.UIDValidity != d.source.UIDValidity {
		err = changed(d.pair.Source, sel.UIDValidity)
	}
	return d.ends.source, err
}

// atTarget gives the target's connection with the mailbox open.
func (d *delta) atTarget(ctx context.Context) (*imapconn.Target, error) {
	if name, sel := d.ends.target.Selected(); name == d.pair.TargetWire && (d.o.DryRun || !sel.ReadOnly) {
		return d.ends.target, nil
	}
	open := d.ends.target.Select
	if d.o.DryRun {
		open = d.ends.target.Examine
	}
	sel, err := open(ctx, d.pair.TargetWire)
	if err == nil && sel.UIDValidity != d.target.UIDValidity {
		err = changed(d.pair.Target, sel.UIDValidity)
	}
	return d.ends.target, err
}

// changed is a mailbox that was renumbered while it was copied: it has to be
// begun again.
func changed(name string, validity uint32) error {
	return fmt.Errorf("%s: %w: UIDVALIDITY is now %d", clean(name), imapconn.ErrProtocol, validity)
}

// leftOut asks again for what the listing did not tell: only an exact search
// may call a message gone.
func (d *delta) leftOut(ctx context.Context) error {
	switch {
	case d.sourceErr != nil:
		return d.sourceErr
	case d.targetErr != nil:
		return d.targetErr
	}
	if d.relist {
		if err := d.whole(ctx); err != nil {
			return err
		}
	}
	if err := d.label(ctx); err != nil || !short(d.source, d.list.len(), func(i int) imap.UID { return d.list.rows[i].uid }) {
		return err
	}
	source, err := d.atSource(ctx)
	if err != nil {
		return err
	}
	more, silent, err := leftOut(ctx, source, false, d.list.has)
	for _, m := range more {
		d.list.add(m)
	}
	d.list.order()
	d.silent = silent
	return err
}

// inventoried notes how far the inventory went: what has that UID or a higher
// one has come since. What was not told is below it, and is not new.
func (d *delta) inventoried(ctx context.Context) error {
	next := d.source.UIDNext
	if last := d.list.last(); next == 0 && last > 0 {
		next = last + 1
	}
	if n := len(d.silent); d.source.UIDNext == 0 && n > 0 {
		next = max(next, d.silent[n-1]+1)
	}
	if next == 0 {
		return nil
	}
	return d.page.Inventoried(ctx, next)
}

// todo returns what has to be sent, in the order of the source. What was at
// the target once is not sent again by itself.
func (d *delta) todo() []imap.UID {
	todo := d.unknown()
	if d.o.RecopyMissing {
		return todo
	}
	return slices.DeleteFunc(todo, d.vanished.has)
}

// unknown returns what the journal does not know to be at the target, and no
// rule leaves out.
func (d *delta) unknown() []imap.UID {
	var unknown []imap.UID
	for m := range d.list.all() {
		if _, _, ok := d.runs.Find(m.UID); ok || d.skips(m) || d.withheld.has(m.UID) {
			continue
		}
		if _, ok := d.refusals[m.UID]; ok {
			continue
		}
		unknown = append(unknown, m.UID)
	}
	return unknown
}

// skips reports whether a message is left out by rule.
func (d *delta) skips(m Message) bool { return d.o.skips(m) || d.apart.has(m.UID) }

func (o Options) skips(m Message) bool {
	return o.Deleted == DeletedSkip && slices.Contains(m.Flags, imap.FlagDeleted)
}

// count fills the tally in from what the journal says now.
func (d *delta) count(ctx context.Context) error {
	if !d.o.DryRun {
		if err := d.read(ctx); err != nil {
			return err
		}
	}
	intents, err := d.page.Intents(ctx)
	if err != nil {
		return err
	}
	open := make(map[imap.UID]bool)
	for _, in := range intents {
		for _, m := range in.Messages {
			open[m.UID] = true
		}
	}
	t := Tally{Messages: d.list.len() + len(d.silent), Doubt: len(d.silent)}
	d.res.Repaired = 0
	for m := range d.list.all() {
		run, _, ok := d.runs.Find(m.UID)
		_, refused := d.refusals[m.UID]
		switch {
		case ok && run.Outcome == journal.Copied:
			t.Copied++
			if _, changed := d.repairs[m.UID]; changed {
				d.res.Repaired++
			}
		case ok:
			t.Present++
		case d.skips(m):
			t.Skipped++
		case refused:
			t.Refused++
		case open[m.UID]:
			t.Doubt++
		case d.vanished.has(m.UID) && d.o.Additions:
			t.Gone++
		default:
			t.Missing++
		}
	}
	d.res.Tally = t
	return nil
}
