package mailbox

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
	"github.com/mxmove/mxmove/mailbox/journal"
	"github.com/mxmove/mxmove/migrate/finding"
)

// followed is which part of a mailbox is followed in one run at most: where
// more has gone at once, something has happened that a person should look at.
const followed = 20

// A follower moves copies of ours at the target whose messages were moved or
// deleted at the source since they were copied: into the same mailbox, or to
// Trash. Nothing is ever expunged, and a copy that somebody has touched stays.
type follower struct {
	*carrier
	ends     *ends
	pairs    []Pair
	trash    *Pair
	arrivals []candidate         // new at the source, in any mailbox
	at       []*Pair             // of each arrival
	next     map[string]imap.UID // from which UID on arrivals of a mailbox are not among them
}

// A gap is a mailbox from whose source copied messages have gone.
type gap struct {
	pair   *Pair
	page   *journal.Page
	runs   journal.Runs
	absent []imap.UID // at the source
}

// follow does it before anything is sent, so that what was moved is found at
// its new place and not copied again. It is only for a time in which the
// source rules, and for a target that announces MOVE.
func (c *carrier) follow(ctx context.Context, e *ends, pairs []Pair) error {
	caps := e.target.Caps()
	if c.o.Gone == GoneKeep || c.o.Additions || c.o.Reverse || c.o.DryRun || c.o.RecopyMissing ||
		!caps.Has("MOVE") && !caps.Has("IMAP4REV2") {
		return nil
	}
	f := &follower{carrier: c, ends: e, pairs: pairs, next: make(map[string]imap.UID)}
	gaps, err := f.gaps(ctx)
	if err != nil || len(gaps) == 0 {
		return err
	}
	for _, g := range gaps {
		if err := f.fill(ctx, g); err != nil {
			return err
		}
	}
	return nil
}

// A glance is the UIDs of a source mailbox.
type glance struct {
	pair  *Pair
	visit *imapconn.Visit
	uids  []imap.UID
}

// gaps glances at the source mailboxes that have changed since they were at
// rest, where any of them has fewer messages than it should, and finds what of
// the copied messages is no longer there. What is new comes into arrivals.
func (f *follower) gaps(ctx context.Context) ([]*gap, error) {
	var glances []*glance
	var visits []*imapconn.Visit
	lost := false
	for i := range f.pairs {
		p := &f.pairs[i]
		if p.Skip == "" && p.Use == imap.MailboxAttrTrash {
			f.trash = p
		}
		fewer, changed := p.shrunk()
		if p.Skip == "" && p.rest == nil && changed {
			var err error
			if fewer, err = f.restless(ctx, p); err != nil {
				return nil, err
			}
		}
		if p.Skip == "" && (fewer || changed || p.elsewhere != nil) {
			lost = lost || fewer
			g := &glance{pair: p, visit: &imapconn.Visit{Name: p.SourceWire, Set: wire.From(1), Bare: true}}
			g.visit.Each = collectUIDs(&g.uids, g.visit.Set)
			glances, visits = append(glances, g), append(visits, g.visit)
		} else if p.sourceStatus.UIDNext != nil {
			f.next[p.SourceWire] = *p.sourceStatus.UIDNext
		}
	}
	if !lost {
		return nil, nil
	}
	if err := f.ends.source.Visit(ctx, visits...); err != nil {
		return nil, err
	}
	var gaps []*gap
	for _, g := range glances {
		slices.Sort(g.uids)
		g.uids = slices.Compact(g.uids)
		found, err := f.gap(ctx, g)
		if err != nil {
			return nil, err
		}
		if found != nil {
			gaps = append(gaps, found)
		}
	}
	return gaps, nil
}

// shrunk reports whether a source mailbox seems to have lost messages since it
// was at rest, and whether anything may have come. A copy that was left where
// it was then, since somebody has touched it or too many went at once, is not
// looked at again: it is at the target only, and verify counts it as extra.
func (p Pair) shrunk() (fewer, changed bool) {
	now := p.sourceStatus
	if now.Messages == nil || now.UIDNext == nil {
		return false, false
	}
	var then mark
	if p.rest == nil || json.Unmarshal([]byte(p.rest.Mark), &then) != nil || uint32(*now.UIDNext) < then.UIDNext {
		return false, true // in the last case the UIDs mean other messages now
	}
	came := max(0, int64(*now.UIDNext)-int64(then.UIDNext))
	return int64(*now.Messages) < int64(then.Messages)+came, came > 0
}

// gap compares what is at the source with what was copied. A listing that is
// not complete proves nothing.
func (f *follower) gap(ctx context.Context, seen *glance) (*gap, error) {
	p := seen.pair
	sel := seen.visit.Selected
	if seen.visit.Err != nil || before(sel, len(seen.uids), func(i int) imap.UID { return seen.uids[i] }) != int(sel.Exists) {
		p.behind = true
		return nil, nil
	}
	if err := f.archived(ctx, seen); err != nil {
		return nil, err
	}
	p.followValidity = sel.UIDValidity
	f.next[p.SourceWire] = sel.UIDNext
	if p.targetStatus.UIDValidity == nil {
		return nil, f.arrive(ctx, p, seen.uids, nil) // it has just been made
	}
	d := &delta{carrier: f.carrier, pair: *p}
	page, err := f.journal.Page(ctx, d.key(p.followValidity, *p.targetStatus.UIDValidity))
	if err != nil {
		return nil, err
	}
	g := &gap{pair: p, page: page}
	if g.runs, err = page.Runs(ctx); err != nil {
		return nil, err
	}
	for _, r := range g.runs {
		for n := range r.Count {
			uid := r.Source + imap.UID(n)
			if _, there := slices.BinarySearch(seen.uids, uid); !there && r.Target != 0 && r.Outcome == journal.Copied {
				g.absent = append(g.absent, uid)
			}
		}
	}
	fresh := slices.DeleteFunc(slices.Clone(seen.uids), func(uid imap.UID) bool {
		_, _, known := g.runs.Find(uid)
		return known
	})
	intents, err := page.Intents(ctx)
	if err != nil {
		return nil, err
	}
	if err := f.arrive(ctx, p, fresh, intents); err != nil {
		return nil, err
	}
	if p.behind = len(g.absent) > 0 && len(intents) > 0; len(g.absent) == 0 || p.behind {
		return nil, nil // what is in doubt is settled first
	}
	return g, nil
}

// fill moves the copies of what has gone from one mailbox.
func (f *follower) fill(ctx context.Context, g *gap) error {
	if most := max(1, g.runs.Messages()/followed); len(g.absent) > most {
		f.note(finding.Finding{
			Severity: finding.Warn, Code: finding.TooManyGone, Subject: f.account.Name + " " + g.pair.Source,
			Text:     fmt.Sprintf("%d copied messages have gone from the mailbox at once; their copies stay", len(g.absent)),
			Evidence: []string{fmt.Sprintf("at most %d are followed in a run", most)},
			Fix:      "if they were deleted on purpose, delete the copies too; the next verify counts them as extra",
		})
		return nil
	}
	copies, err := f.untouched(ctx, g)
	if err != nil || len(copies) == 0 {
		return err
	}
	moves, err := f.moves(ctx, g, copies)
	if err != nil {
		return err
	}
	delete(moves, g.pair)
	all := count(moves)
	if moves, err = f.sure(ctx, moves); err != nil {
		return err
	}
	if g.pair.behind = count(moves) < all; len(moves) == 0 {
		return nil
	}
	if sel, err := f.ends.target.Select(ctx, g.pair.TargetWire); err != nil || sel.UIDValidity != g.page.Key().TargetValidity {
		return err
	}
	return f.move(ctx, g, moves)
}

// moves decides where each copy follows. Only one follows an arrival; one that
// resembles an arrival without being the same stays.
func (f *follower) moves(ctx context.Context, g *gap, copies []candidate) (map[*Pair][]move, error) {
	pairs, err := f.meet(ctx, g, copies)
	if err != nil {
		return nil, err
	}
	moves := make(map[*Pair][]move)
	matched := make(map[place]bool)
	for _, m := range pairs {
		matched[m.target] = true
		a := &f.arrivals[m.source]
		a.claim = doubted
		moves[f.at[m.source]] = append(moves[f.at[m.source]], move{copies[m.target].UID, a.message()})
	}
	for i, c := range copies {
		like := slices.ContainsFunc(f.arrivals, func(a candidate) bool { return a.Header == c.Header })
		if !matched[place(i)] && !like && f.trash != nil {
			moves[f.trash] = append(moves[f.trash], move{c.UID, Message{}})
		}
	}
	return moves, nil
}

// untouched lists those of our copies that are still where we put them, with
// the flags that we gave them.
func (f *follower) untouched(ctx context.Context, g *gap) ([]candidate, error) {
	var ours []imap.UID
	source := make(map[imap.UID]imap.UID)
	for _, uid := range g.absent {
		_, target, _ := g.runs.Find(uid)
		source[target] = uid
		ours = append(ours, target)
	}
	sel, err := f.ends.target.Select(ctx, g.pair.TargetWire)
	if err != nil || sel.UIDValidity != g.page.Key().TargetValidity {
		return nil, err
	}
	told, err := list(ctx, f.ends.target, wire.SetOf(ours...), true)
	if err != nil {
		return nil, err
	}
	kept, err := g.page.Flags(ctx)
	if err != nil {
		return nil, err
	}
	book, err := parseFlagBook(kept)
	if err != nil {
		return nil, err
	}
	var copies []candidate
	for _, m := range told {
		if flags, noted := book.flags(source[m.UID]); noted && sameFlags(sel, flags, m.Flags) {
			copies = append(copies, candidateOf(m, unsent))
		}
	}
	return copies, nil
}

// sameFlags reports whether a copy has the flags that we gave it, as far as
// the target keeps them.
func sameFlags(sel wire.Selected, ours string, there []imap.Flag) bool {
	var want []imap.Flag
	for _, name := range strings.Fields(ours) {
		if f := imap.Flag(name); keeps(sel, f) {
			want = append(want, f)
		}
	}
	return joinFlags(want) == joinFlags(there)
}

// move is the only place where messages are moved at the target, and only
// where a UID MOVE does it. Where the target does not name the new UIDs, or
// the run is killed here, the look finds the messages at their new place
// before anything is sent.
func (f *follower) move(ctx context.Context, g *gap, moves map[*Pair][]move) error {
	moved := make(map[imap.UID]bool)
	for _, p := range slices.SortedFunc(maps.Keys(moves), func(a, b *Pair) int { return cmp.Compare(a.Source, b.Source) }) {
		var uids []imap.UID
		for _, m := range moves[p] {
			uids = append(uids, m.target)
		}
		validity, places, err := f.ends.target.Move(ctx, uids, p.TargetWire)
		if refused(err) {
			continue // the copies stay, and count as extra
		} else if err != nil {
			return err
		}
		var runs []journal.Run
		for _, m := range moves[p] {
			moved[m.target] = true
			if to := places[m.target]; to != 0 && m.arrival.UID != 0 {
				runs = append(runs, journal.Run{Source: m.arrival.UID, Target: to, Count: 1, Outcome: journal.Copied})
			}
		}
		if err := f.arrived(ctx, p, validity, runs); err != nil {
			return err
		}
	}
	if len(moved) == 0 {
		return nil
	}
	f.result.Moved += len(moved)
	return g.page.Replace(ctx, g.runs.Without(func(uid imap.UID) bool {
		_, target, _ := g.runs.Find(uid)
		return moved[target]
	}))
}

// arrived notes moved copies at their new place.
func (f *follower) arrived(ctx context.Context, p *Pair, validity uint32, runs []journal.Run) error {
	if len(runs) == 0 || validity == 0 {
		return nil
	}
	d := &delta{carrier: f.carrier, pair: *p}
	page, err := f.journal.Page(ctx, d.key(p.followValidity, validity))
	if err != nil {
		return err
	}
	return page.Found(ctx, journal.Runs{}.Add(runs...))
}
