package mailbox

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
	"github.com/mxmove/mxmove/mailbox/journal"
	"github.com/mxmove/mxmove/migrate/finding"
)

// wanted returns the flags that a message gets at the target, and the
// keywords that the target does not keep.
func (d *delta) wanted(m Message, bare bool) (flags []imap.Flag, dropped []string) {
	for _, f := range d.o.flags(m) {
		switch {
		case isKeyword(f) && bare, !d.keeps(f):
			if isKeyword(f) {
				dropped = append(dropped, string(f))
			}
		default:
			flags = append(flags, f)
		}
	}
	if m.OddFlags > 0 {
		dropped = append(dropped, "(names that are no keywords)")
	}
	return flags, dropped
}

// mdnSent is a keyword that Exchange keeps and shows to people as a category.
const mdnSent = "$MDNSent"

// flags returns the flags of a message as they are to be carried over.
func (o Options) flags(m Message) []imap.Flag {
	if o.Deleted != DeletedUnflag || !slices.Contains(m.Flags, imap.FlagDeleted) {
		return m.Flags
	}
	return slices.DeleteFunc(slices.Clone(m.Flags), func(f imap.Flag) bool { return f == imap.FlagDeleted })
}

// keeps reports whether a mailbox stores a flag for good.
func keeps(s wire.Selected, f imap.Flag) bool {
	return slices.ContainsFunc(s.PermanentFlags, func(p imap.Flag) bool {
		return strings.EqualFold(string(p), string(f)) || p == imap.FlagWildcard && isKeyword(f)
	})
}

// keeps reports whether a flag is to be stored at the target, and lasts there.
func (d *delta) keeps(f imap.Flag) bool {
	return keeps(d.target, f) && !(d.pair.exchange && strings.EqualFold(string(f), mdnSent))
}

// flags carries over what has changed at the source since the last run, for
// messages that we have copied. From the switch on nothing is touched: the
// flags at the target are the user's.
func (d *delta) flags(ctx context.Context) error {
	d.keywords()
	if err := d.flagAgain(ctx); err != nil || d.o.Additions {
		return err
	}
	if err := d.read(ctx); err != nil {
		return err
	}
	kept, err := d.page.Flags(ctx)
	if err != nil {
		return err
	}
	book := d.flagBook()
	text := book.String()
	if text == kept {
		return nil
	}
	before, err := parseFlagBook(kept)
	if err != nil {
		return err
	}
	if d.pair.behind { // what follows later is known by its flags
		book.keep(before, func(uid imap.UID) bool {
			_, _, copied := d.runs.Find(uid)
			return copied && !d.list.has(uid)
		})
		text = book.String()
	}
	changes, unknown := d.flagChanges(before)
	if err := d.compareFlags(ctx, unknown, changes); err != nil {
		return err
	}
	if err := d.store(ctx, changes); err != nil {
		return err
	}
	return d.page.SetFlags(ctx, text)
}

// flagAgain flags what was sent flagged once more: an Exchange shows a flag
// that came with APPEND to IMAP alone, and not to its other clients.
func (d *delta) flagAgain(ctx context.Context) error {
	if !d.pair.exchange {
		return nil
	}
	changes := make(map[flagChange][]imap.UID)
	for m := range d.list.all() {
		if _, target, ok := d.runs.Find(m.UID); ok && target != 0 && d.sentNow.has(m.UID) && slices.Contains(m.Flags, imap.FlagFlagged) {
			c := flagChange{add: string(imap.FlagFlagged)}
			changes[c] = append(changes[c], target)
		}
	}
	n := d.res.Flags
	err := d.store(ctx, changes)
	d.res.Flags = n // nothing was carried over
	return err
}

// flagChange is what happened to the flags of a message.
type flagChange struct{ add, remove string } // flags, sorted and joined

// flagChanges compares what the flags were with what they are, by target UID.
// Messages whose flags were never noted, since the run that copied them was
// killed, come back as unknown.
func (d *delta) flagChanges(before flagBook) (changes map[flagChange][]imap.UID, unknown map[imap.UID]Message) {
	changes, unknown = make(map[flagChange][]imap.UID), make(map[imap.UID]Message)
	for m := range d.list.all() {
		run, target, ok := d.runs.Find(m.UID)
		if !ok || target == 0 || run.Outcome != journal.Copied {
			continue
		}
		was, known := before.flags(m.UID)
		if !known {
			if d.sentNow.has(m.UID) {
				continue // it has just been sent with them
			}
			unknown[target] = m
			continue
		}
		d.change(changes, target, strings.Fields(was), d.o.flags(m))
	}
	return changes, unknown
}

// change notes the difference between two sets of flags.
func (d *delta) change(changes map[flagChange][]imap.UID, target imap.UID, was []string, is []imap.Flag) {
	var add, remove []string
	for _, f := range is {
		if !slices.Contains(was, string(f)) && d.keeps(f) {
			add = append(add, string(f))
		}
	}
	for _, f := range was {
		if !slices.Contains(is, imap.Flag(f)) && d.keeps(imap.Flag(f)) {
			remove = append(remove, f)
		}
	}
	if len(add)+len(remove) == 0 {
		return
	}
	slices.Sort(add)
	slices.Sort(remove)
	c := flagChange{strings.Join(add, " "), strings.Join(remove, " ")}
	changes[c] = append(changes[c], target)
}

// compareFlags asks the target for the flags of messages that nothing is
// known of, and lets the source win.
func (d *delta) compareFlags(ctx context.Context, unknown map[imap.UID]Message, changes map[flagChange][]imap.UID) error {
	if len(unknown) == 0 {
		return nil
	}
	target, err := d.atTarget(ctx)
	if err != nil {
		return err
	}
	there, err := list(ctx, target, wire.SetOf(slices.Collect(maps.Keys(unknown))...), false)
	if err != nil {
		return err
	}
	for _, t := range there {
		is := d.o.flags(unknown[t.UID])
		var was []string
		for _, f := range t.Flags {
			// Servers set keywords of their own; those are not taken away. What
			// flagAgain should have done may be outstanding.
			if (!isKeyword(f) || slices.Contains(is, f)) && !(d.pair.exchange && f == imap.FlagFlagged && slices.Contains(is, f)) {
				was = append(was, string(f))
			}
		}
		d.change(changes, t.UID, was, is)
	}
	return nil
}

// store is the only place where flags are changed at the target.
func (d *delta) store(ctx context.Context, changes map[flagChange][]imap.UID) error {
	for c, uids := range changes {
		for _, half := range []struct {
			add   bool
			flags string
		}{{true, c.add}, {false, c.remove}} {
			var flags []imap.Flag
			for _, f := range strings.Fields(half.flags) {
				flags = append(flags, imap.Flag(f))
			}
			if len(flags) == 0 {
				continue
			}
			target, err := d.atTarget(ctx)
			if err != nil {
				return err
			}
			err = target.Store(ctx, uids, half.add, flags)
			if err != nil && imapconn.Class(err) != imapconn.ClassRefused {
				return err
			}
		}
		d.res.Flags += len(uids)
	}
	return nil
}

// keywords tells which keywords the target did not keep.
func (d *delta) keywords() {
	if len(d.res.Keywords) == 0 {
		return
	}
	f := finding.Finding{
		Severity: finding.Note, Code: finding.KeywordsDropped, Subject: d.account.Name + " " + d.pair.Target,
		Text: "the target does not keep some keywords; the messages are copied without them",
		Fix:  "nothing is to be done unless somebody works with them",
	}
	for _, k := range slices.Sorted(maps.Keys(d.res.Keywords)) {
		if len(f.Evidence) == 50 {
			f.Evidence = append(f.Evidence, "and more")
			break
		}
		f.Evidence = append(f.Evidence, keywordCount(k, d.res.Keywords[k]))
	}
	d.note(f)
}

// hasKeyword reports whether any flag is a keyword.
func hasKeyword(flags []imap.Flag) bool {
	return slices.ContainsFunc(flags, isKeyword)
}

func isKeyword(f imap.Flag) bool { return len(f) > 0 && f[0] != '\\' }
