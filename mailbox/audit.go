package mailbox

import (
	"context"
	"maps"
	"slices"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
	"github.com/mxmove/mxmove/mailbox/journal"
	"github.com/mxmove/mxmove/migrate/finding"
)

// audit judges a look at the target after something was sent.
func (d *delta) audit(ctx context.Context) error {
	intents, err := d.page.Intents(ctx)
	if err != nil {
		return err
	}
	if err := d.read(ctx); err != nil {
		return err
	}
	s := &settling{delta: d, intents: intents}
	if err := s.find(ctx); err != nil {
		return err
	}
	if err := s.doubles(ctx); err != nil {
		return err
	}
	if err := s.melted(ctx); err != nil {
		return err
	}
	if err := s.conclude(ctx); err != nil {
		return err
	}
	return s.strange(ctx)
}

// strange looks at the messages of others when all of ours are there: a mailbox
// may have been too small to look at them before.
func (s *settling) strange(ctx context.Context) error {
	strangers := 0
	for _, c := range s.free {
		if !s.taken[c.UID] {
			strangers++
		}
	}
	if strangers < fewStrangers || s.account.Into != "" {
		return nil
	}
	if err := s.compete(ctx, s.known); err != nil {
		return err
	}
	s.err = s.rivalry.stopped()
	return nil
}

// doubles looks among what is at the target and belongs to nothing for first
// attempts that came to light after they had been given up.
func (s *settling) doubles(ctx context.Context) error {
	doubts, err := s.page.Doubts(ctx)
	if err != nil || len(doubts) == 0 {
		return err
	}
	over := slices.DeleteFunc(slices.Clone(s.free), func(c candidate) bool { return s.taken[c.UID] })
	if err := s.freeHeaders(ctx, over); err != nil {
		return err
	}
	for _, m := range doubts {
		i := slices.IndexFunc(over, func(c candidate) bool {
			return c.Header == m.Header && (c.Size == m.Size || c.meets(candidateOf(Message{InternalDate: m.Date}, doubted)))
		})
		if i < 0 {
			continue
		}
		s.res.Extra++
		s.note(finding.Finding{
			Severity: finding.Warn, Code: finding.MessageDoubled, Subject: s.account.Name + " " + s.pair.Target,
			Text:     "a message that was sent again after its connection had been lost is at the target twice",
			Evidence: []string{over[i].date().UTC().Format("2006-01-02 15:04:05 UTC")},
			Fix:      "the owner may delete one of the two; nothing else is to be done",
		})
		over = slices.Delete(over, i, i+1)
	}
	return s.page.Audited(ctx)
}

// melted looks for messages that the target has just taken under a UID and
// does not have under it any more: Gmail answers OK and then keeps one of
// several identical ones. Their UIDs count as not known.
func (s *settling) melted(ctx context.Context) error {
	if s.from == 0 {
		return nil
	}
	missed := make(map[imap.UID]imap.UID) // at the target: at the source
	for _, r := range s.list.rows {
		if !s.sentNow.has(r.uid) {
			continue
		}
		_, target, _ := s.runs.Find(r.uid)
		if _, there := slices.BinarySearch(s.there, target); target >= s.from && !there {
			missed[target] = r.uid
		}
	}
	if len(missed) == 0 {
		return nil
	}
	target, err := s.atTarget(ctx)
	if err != nil {
		return err
	}
	exist, err := target.Search(ctx, wire.SetOf(slices.Collect(maps.Keys(missed))...))
	if err != nil {
		return err
	}
	for _, uid := range exist { // only the listing has left it out
		delete(missed, uid)
	}
	if len(missed) == 0 {
		return nil
	}
	var gone uidSet
	for _, uid := range missed {
		gone.add(uid)
	}
	kept := s.runs.Without(gone.has)
	for _, uid := range missed {
		kept = append(kept, journal.Run{Source: uid, Count: 1, Outcome: journal.Copied})
	}
	s.runs = journal.Runs{}.Add(kept...)
	return s.page.Replace(ctx, s.runs)
}

// recopy forgets what was copied once and is no longer at the target, and
// what was refused, so that it is sent again.
func (d *delta) recopy(ctx context.Context) error {
	there, err := d.stillThere(ctx)
	if err != nil {
		return err
	}
	kept := d.runs.Without(func(uid imap.UID) bool {
		_, target, _ := d.runs.Find(uid)
		return target != 0 && !there[target]
	})
	d.runs = kept
	refused := d.refusals
	d.refusals = make(map[imap.UID]journal.Refusal)
	if d.o.DryRun {
		return nil
	}
	for uid := range refused {
		if err := d.page.Pardon(ctx, uid); err != nil {
			return err
		}
	}
	return d.page.Replace(ctx, kept)
}

// stillThere tells what the target mailbox has, by an exact search where its
// listing leaves something out.
func (d *delta) stillThere(ctx context.Context) (map[imap.UID]bool, error) {
	there := make(map[imap.UID]bool)
	if d.target.Exists == 0 {
		return there, nil
	}
	target, err := d.atTarget(ctx)
	if err != nil {
		return nil, err
	}
	ms, err := list(ctx, target, wire.From(1), false)
	if err != nil {
		return nil, err
	}
	for _, m := range ms {
		there[m.UID] = true
	}
	if !short(d.target, len(ms), func(i int) imap.UID { return ms[i].UID }) {
		return there, nil
	}
	exist, err := target.Search(ctx, wire.From(1))
	for _, uid := range exist {
		there[uid] = true
	}
	return there, err
}
