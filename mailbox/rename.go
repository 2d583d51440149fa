package mailbox

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
	"github.com/mxmove/mxmove/mailbox/journal"
	"github.com/mxmove/mxmove/migrate/finding"
)

// A renamer finds source mailboxes that were copied under another name, and
// leads them to where their copies are.
type renamer struct {
	*carrier
	source, target viewer
	there          []Mailbox // at the target
	pairs          []Pair
	kept           []journal.Kept
	findings       []finding.Finding
}

// renames corrects the pairs of mailboxes that were renamed at the source
// since they were copied: nothing of them is copied again. Only what was said
// explicitly is stronger.
func (c *carrier) renames(ctx context.Context, source, target viewer, there []Mailbox, pairs []Pair) ([]finding.Finding, error) {
	if c.journal == nil {
		return nil, nil
	}
	r := &renamer{carrier: c, source: source, target: target, there: there, pairs: pairs}
	known, err := c.journal.Renames(ctx, c.account.Name)
	if err != nil {
		return nil, err
	}
	for source, target := range known {
		r.recall(source, target)
	}
	if c.o.Reverse {
		return nil, nil // nobody renames at the new server what is to go back
	}
	if r.kept, err = c.journal.Kept(ctx, c.account.Name); err != nil {
		return nil, err
	}
	for i := range pairs {
		if err := r.trace(ctx, &pairs[i]); err != nil {
			return nil, err
		}
	}
	return r.findings, nil
}

// recall leads a mailbox that was renamed before an earlier run to its copies;
// on the way back it leads the copies to it.
func (r *renamer) recall(source, target string) {
	if r.o.Reverse {
		source, target = target, source
	}
	for i := range r.pairs {
		if journal.Same(source, r.pairs[i].SourceWire) {
			r.lead(&r.pairs[i], target)
		}
	}
}

// lead makes a mailbox of the target the one that a pair leads to, if it is
// still there.
func (r *renamer) lead(p *Pair, target string) bool {
	i := slices.IndexFunc(r.there, func(m Mailbox) bool { return journal.Same(target, m.Wire) && selectable(m) })
	if i < 0 || p.Rule == RuleExplicit || p.Skip != "" {
		return false
	}
	p.Target, p.TargetWire = r.there[i].Name, r.there[i].Wire
	p.Rule, p.Create, p.Subscribe = RuleRenamed, false, false
	return true
}

// trace looks whether a mailbox that nothing was ever copied from is one whose
// name has gone.
func (r *renamer) trace(ctx context.Context, p *Pair) error {
	if p.Skip != "" || p.Rule == RuleExplicit || p.Rule == RuleInbox || r.knows(p.SourceWire) {
		return nil
	}
	var lost []journal.Kept
	for _, k := range r.kept {
		if !slices.ContainsFunc(r.pairs, func(q Pair) bool { return journal.Same(k.Source, q.SourceWire) }) {
			lost = append(lost, k)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	s, err := r.sample(ctx, p)
	if err != nil || s == nil {
		return err
	}
	// The one with the same UIDVALIDITY is likely it (RFC 9051, section 6.3.6).
	slices.SortStableFunc(lost, func(a, b journal.Kept) int {
		return -compareBool(a.Validity == s.validity, b.Validity == s.validity)
	})
	for _, k := range lost {
		same, err := r.same(ctx, s, k)
		if err != nil {
			return err
		}
		if same && r.lead(p, k.Target) {
			return r.found(ctx, p, k)
		}
	}
	return nil
}

// knows reports whether messages were copied from a mailbox of that name.
func (r *renamer) knows(source string) bool {
	return slices.ContainsFunc(r.kept, func(k journal.Kept) bool { return journal.Same(k.Source, source) })
}

// found notes a rename.
func (r *renamer) found(ctx context.Context, p *Pair, k journal.Kept) error {
	r.findings = append(r.findings, finding.Finding{
		Severity: finding.Note, Code: finding.RenameFollowed, Subject: clean(r.account.Name + " " + p.Source),
		Text:     fmt.Sprintf("the mailbox was %q when it was copied; its copies stay in %q", clean(wire.DecodeName(k.Source)), clean(p.Target)),
		Evidence: []string{fmt.Sprintf("%d messages were copied under the old name", k.Messages)},
		Fix:      "nothing is to be done; its owner may rename the mailbox at the target when the move is over",
	})
	for i := range r.kept {
		if r.kept[i].Source == k.Source && r.kept[i].Target == k.Target {
			r.kept[i].Source = p.SourceWire // taken; no other mailbox is it too
		}
	}
	if r.o.DryRun || r.verifies {
		return nil
	}
	return r.journal.Renamed(ctx, r.account.Name, k.Source, p.SourceWire, k.Target)
}

// sampled is how many messages speak for a mailbox.
const sampled = 100

// A sample is what a source mailbox shows of itself.
type sample struct {
	validity uint32
	exists   int
	headers  []Message // some of its messages, with their fingerprints
}

// sample looks into a source mailbox. One that cannot be opened, or is empty,
// shows nothing.
func (r *renamer) sample(ctx context.Context, p *Pair) (*sample, error) {
	sel, err := r.source.Examine(ctx, p.SourceWire)
	if refused(err) || err == nil && sel.Exists == 0 {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	all, err := list(ctx, r.source, wire.From(1), false)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	var some []imap.UID
	for i := range min(sampled, len(all)) {
		some = append(some, all[i*len(all)/min(sampled, len(all))].UID)
	}
	headers, err := list(ctx, r.source, wire.SetOf(some...), true)
	return &sample{sel.UIDValidity, len(all), headers}, err
}

// same reports whether nearly all of the sampled messages are in the target
// mailbox that holds what was copied under a lost name: under the UIDs that
// they were given, where the source's still hold, or anywhere in it.
func (r *renamer) same(ctx context.Context, s *sample, k journal.Kept) (bool, error) {
	i := slices.IndexFunc(r.there, func(m Mailbox) bool { return journal.Same(k.Target, m.Wire) && selectable(m) })
	if i < 0 || 2*s.exists < k.Messages || k.Validity != s.validity && s.exists > 2*k.Messages {
		return false, nil
	}
	sel, err := r.target.Examine(ctx, r.there[i].Wire)
	if refused(err) || err == nil && sel.Exists == 0 {
		return false, nil
	} else if err != nil {
		return false, err
	}
	if k.Validity == s.validity {
		return r.byUID(ctx, s, k, sel.UIDValidity)
	}
	if k.Messages > convoyMessages {
		return false, nil // too many to look through for a guess
	}
	told, err := list(ctx, r.target, wire.From(1), true)
	if err != nil {
		return false, err
	}
	n := 0
	for _, m := range s.headers {
		if slices.ContainsFunc(told, func(t Message) bool { return t.Header == m.Header }) {
			n++
		}
	}
	return enough(n, len(s.headers)), nil
}

// byUID compares sampled messages with those that they became at the target,
// as far as they are still there.
func (r *renamer) byUID(ctx context.Context, s *sample, k journal.Kept, target uint32) (bool, error) {
	page, err := r.journal.Page(ctx, journal.Key{
		Account: r.account.Name, Source: k.Source, Target: k.Target, SourceValidity: k.Validity, TargetValidity: target,
	})
	if err != nil {
		return false, err
	}
	runs, err := page.Runs(ctx)
	if err != nil {
		return false, err
	}
	was := make(map[imap.UID]wire.Digest)
	for _, m := range s.headers {
		if _, uid, ok := runs.Find(m.UID); ok && uid != 0 {
			was[uid] = m.Header
		}
	}
	if len(was) == 0 {
		return false, nil
	}
	told, err := list(ctx, r.target, wire.SetOf(slices.Collect(maps.Keys(was))...), true)
	if err != nil {
		return false, err
	}
	n := 0
	for _, m := range told {
		if was[m.UID] == m.Header {
			n++
		}
	}
	return n > 0 && n == len(told), nil // a UID means one message only
}

// enough reports whether so many of a sample speak for a mailbox.
func enough(n, of int) bool { return n > 0 && 10*n >= 9*of }
