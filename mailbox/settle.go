package mailbox

import (
	"context"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
	"github.com/mxmove/mxmove/mailbox/journal"
)

// settle finds out what is at the target before anything is sent. It is the
// one rule for a killed run, lost state, an old backup, a second machine and
// foreign deliveries: whatever the journal does not know in the window since
// the last look is matched against what is to be sent.
func (d *delta) settle(ctx context.Context) error {
	if d.o.RecopyMissing {
		if err := d.recopy(ctx); err != nil {
			return err
		}
	}
	intents, err := d.page.Intents(ctx)
	if err != nil {
		return err
	}
	s := &settling{delta: d, intents: intents}
	if err := s.find(ctx); err != nil {
		return err
	}
	// The last APPEND of a dead connection may be stored after the look: a
	// second one, later and over another connection, has to agree that a
	// message is not there before it is sent again.
	if s.open(doubted) > 0 && !d.o.DryRun {
		if err := d.wait(ctx, d.patience(intents)); err != nil {
			return err
		}
		if err := d.ends.freshTarget(ctx); err != nil {
			return err
		}
		if err := d.lookAtTarget(ctx, 0); err != nil {
			return err
		}
		if err := s.find(ctx); err != nil {
			return err
		}
		if err := s.blinded(ctx); err != nil {
			return err
		}
	}
	if err := s.doubles(ctx); err != nil {
		return err
	}
	return s.conclude(ctx)
}

// patience is how long to wait before the second look. What an earlier process
// left in doubt was sent over connections that died with it, before this run
// began: all mailboxes share one wait. A connection of this run's own may have
// died a moment ago.
func (d *delta) patience(intents []journal.Intent) time.Duration {
	for _, in := range intents {
		if !in.Made.Before(d.began) {
			return d.o.Settle
		}
	}
	return max(0, d.o.Settle-time.Since(d.started))
}

// settling is one decision about what is at the target.
type settling struct {
	*delta
	intents  []journal.Intent
	claims   []candidate       // what may be there
	pending  map[imap.UID]bool // of them, those of intents
	complete bool              // with what is to be sent
	known    imap.UID          // where the window begins
	there    []imap.UID        // the window as it was last listed
	from     imap.UID          // where the window began; 0: not listed
	free     []candidate       // what of it the journal does not know, by UID
	found    []journal.Run     // claims that are there
	claimed  map[imap.UID]bool
	taken    map[imap.UID]bool // target UIDs of found
	blind    bool              // the window holds what may be any message
}

// find looks at the window and matches. Claims that were found at an earlier
// look stay found.
func (s *settling) find(ctx context.Context) error {
	if s.claimed == nil {
		s.claimed, s.taken = make(map[imap.UID]bool), make(map[imap.UID]bool)
		s.claimIntents()
	}
	free, err := s.window(ctx)
	if err != nil {
		return err
	}
	if s.free = free; len(free) > 0 && !s.complete {
		s.claimUnsent() // a whole mailbox may be unsent: only where it is looked for
	}
	left := slices.DeleteFunc(slices.Clone(s.claims), func(c candidate) bool { return s.claimed[c.UID] })
	if len(free) == 0 || len(left) == 0 {
		return nil
	}
	if err := s.headers(ctx, left); err != nil {
		return err
	}
	alone, open := matchHeaders(left, free)
	pairs, likely := s.fidelity.trust(alone, left, free, false)
	open = append(open, likely...)
	if err := s.texts(ctx, open, left, free); err != nil {
		return err
	}
	for _, p := range append(pairs, s.fidelity.decide(open, left, free)...) {
		c, t := left[p.source], free[p.target]
		s.claimed[c.UID], s.taken[t.UID] = true, true
		s.found = append(s.found, journal.Run{Source: c.UID, Target: t.UID, Count: 1, Outcome: c.claim.outcome()})
	}
	return nil
}

// outcome is what a claim becomes when its message is found.
func (c claim) outcome() journal.Outcome {
	if c == unsent {
		return journal.Present
	}
	return journal.Copied
}

// claimIntents lists what may be at the target of open intents, of messages
// that are no longer at the source too.
func (s *settling) claimIntents() {
	s.pending = make(map[imap.UID]bool)
	pending := s.pending
	for _, in := range s.intents {
		c := doubted
		if in.Stored {
			c = stored
		}
		for _, im := range in.Messages {
			if _, _, ok := s.runs.Find(im.UID); ok || pending[im.UID] {
				continue
			}
			pending[im.UID] = true
			m, ok := s.list.find(im.UID)
			if !ok {
				m = Message{UID: im.UID, Size: im.Size, InternalDate: im.Date}
			}
			m.Header = im.Header
			s.claims = append(s.claims, candidateOf(m, c))
		}
	}
}

// claimUnsent lists everything that is to be sent, or would be if it had not
// been at the target before.
func (s *settling) claimUnsent() {
	s.complete = true
	for _, uid := range s.unknown() {
		if m, _ := s.list.find(uid); !s.pending[uid] {
			s.claims = append(s.claims, candidateOf(m, unsent))
		}
	}
}

// window returns what is at the target since the last look and not known to
// the journal.
func (s *settling) window(ctx context.Context) ([]candidate, error) {
	known, err := s.page.Known(ctx)
	if err != nil {
		return nil, err
	}
	if s.o.RecopyMissing {
		known = 1
	}
	s.known = known
	if s.target.Exists == 0 || s.target.UIDNext != 0 && s.target.UIDNext <= known {
		return nil, nil
	}
	if s.seenFrom == 0 || s.seenFrom != known {
		if err := s.lookAtTarget(ctx, known); err != nil {
			return nil, err
		}
	}
	s.there, s.from, s.seen, s.seenFrom = s.seen, known, nil, 0
	if n := len(s.there); s.target.UIDNext == 0 && n > 0 {
		s.look = s.there[n-1] + 1
	}
	mine, err := s.page.Targets(ctx)
	if err != nil {
		return nil, err
	}
	var free []candidate
	for _, uid := range s.there {
		if !mine.Has(uid) && !s.taken[uid] {
			free = append(free, candidate{UID: uid})
		}
	}
	return free, nil
}

// headers asks both sides for the headers of what is to be matched.
func (s *settling) headers(ctx context.Context, left []candidate) error {
	var ours []imap.UID
	for _, c := range left {
		if s.list.has(c.UID) {
			ours = append(ours, c.UID)
		}
	}
	return both(func() error {
		if len(ours) == 0 {
			return nil
		}
		source, err := s.atSource(ctx)
		if err != nil {
			return err
		}
		return fingerprint(ctx, source, left, ours, s.counter(s.pair.Source))
	}, func() error { return s.freeHeaders(ctx, s.free) })
}

// freeHeaders asks the target for the headers of what belongs to nothing.
func (s *settling) freeHeaders(ctx context.Context, free []candidate) error {
	if len(free) == 0 {
		return nil
	}
	target, err := s.atTarget(ctx)
	if err != nil {
		return err
	}
	return fingerprint(ctx, target, free, uids(free), func() {})
}

// fingerprint fills in what a listing with headers tells.
func fingerprint(ctx context.Context, f fetcher, cs []candidate, of []imap.UID, count func()) error {
	if len(of) == 0 {
		return nil
	}
	var told []Message
	set := wire.SetOf(of...)
	if err := f.Fetch(ctx, set, true, counting(count, collect(&told, set))); err != nil {
		return err
	}
	told = ordered(told)
	for i, c := range cs {
		if m, ok := find(told, c.UID); ok && !m.Header.IsZero() {
			cs[i] = candidateOf(m, c.claim)
		}
	}
	return nil
}

// texts reads the text of the messages of groups on both sides.
func (s *settling) texts(ctx context.Context, open []group, left, free []candidate) error {
	var ours, theirs []place
	for _, g := range open {
		theirs = append(theirs, g.target...)
		for _, i := range g.source {
			if s.list.has(left[i].UID) {
				ours = append(ours, i)
			}
		}
	}
	if len(theirs) == 0 {
		return nil
	}
	return both(func() error {
		source, err := s.atSource(ctx)
		if err != nil {
			return err
		}
		return readTexts(ctx, source, left, ours)
	}, func() error {
		target, err := s.atTarget(ctx)
		if err != nil {
			return err
		}
		return readTexts(ctx, target, free, theirs)
	})
}

// open counts the claims of a kind that were not found.
func (s *settling) open(kind claim) int {
	n := 0
	for _, c := range s.claims {
		if c.claim == kind && !s.claimed[c.UID] {
			n++
		}
	}
	return n
}

// conclude writes the decision down and closes the intents.
func (s *settling) conclude(ctx context.Context) error {
	runs := s.found
	var again []journal.Message
	for _, c := range s.claims {
		switch {
		case s.claimed[c.UID]:
		case c.claim == stored:
			// It was taken, and is not there any more: moved by its owner, or
			// melted with its twin by the server.
			runs = append(runs, journal.Run{Source: c.UID, Count: 1, Outcome: journal.Copied})
		case c.claim == doubted:
			if s.blind || s.withheld.has(c.UID) {
				s.withheld.add(c.UID)
			} else if s.list.has(c.UID) {
				again = append(again, remember(c.message(), c.Header))
			}
		}
	}
	s.runs = s.runs.Add(runs...)
	if s.o.DryRun {
		return nil
	}
	if len(s.intents) > 0 && len(s.found) > 0 {
		s.passed.Store(true) // sent before a connection was lost
	}
	if len(again) > 0 {
		if err := s.page.Doubt(ctx, again); err != nil {
			return err
		}
	}
	var ids []int64
	for _, in := range s.intents {
		if !slices.ContainsFunc(in.Messages, func(m journal.Message) bool { return s.withheld.has(m.UID) }) {
			ids = append(ids, in.ID)
		}
	}
	if len(runs) > 0 || len(ids) > 0 {
		if err := s.page.Done(ctx, journal.Runs{}.Add(runs...), ids...); err != nil {
			return err
		}
	}
	if s.look == 0 {
		return nil
	}
	return s.page.Looked(ctx, s.look)
}

// uids lists the UIDs of candidates.
func uids(cs []candidate) []imap.UID {
	all := make([]imap.UID, len(cs))
	for i, c := range cs {
		all[i] = c.UID
	}
	return all
}

// remember is what an intent keeps of a message.
func remember(m Message, header wire.Digest) journal.Message {
	return journal.Message{UID: m.UID, Size: m.Size, Date: m.InternalDate, Header: header}
}
