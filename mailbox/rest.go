package mailbox

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
	"github.com/mxmove/mxmove/mailbox/journal"
)

// A mark is what a source said of a mailbox before it was read: as long as it
// says the same again, there is nothing to be done for it.
type mark struct {
	UIDNext  uint32  `json:"uidnext"`
	Messages uint32  `json:"messages"`
	ModSeq   uint64  `json:"modseq,omitempty"` // 0: flags may have changed unseen
	Deleted  Deleted `json:"deleted,omitempty"`
}

// A restNote is what became of the messages of a pair at rest.
type restNote struct {
	Tally
	Repaired int `json:"repaired,omitempty"`
}

// markOf reads a mark out of a status; ok is false where that tells too
// little.
func (o Options) markOf(s wire.Status) (m mark, ok bool) {
	if s.UIDNext == nil || s.Messages == nil || *s.UIDNext == 0 {
		return m, false
	}
	m = mark{UIDNext: uint32(*s.UIDNext), Messages: *s.Messages, Deleted: o.Deleted}
	if s.HighestModSeq != nil {
		m.ModSeq = *s.HighestModSeq
	}
	return m, true
}

// rest notes that nothing is left to be done, by what the source said before
// the inventory: what has changed since then is seen at the next run.
func (d *delta) rest(ctx context.Context) error {
	before := d.pair.sourceStatus
	if before.UIDValidity == nil { // not told with the list; EXAMINE says the same
		s := &d.source
		before = wire.Status{UIDValidity: &s.UIDValidity, UIDNext: &s.UIDNext, Messages: &s.Exists, HighestModSeq: &s.HighestModSeq}
	}
	m, ok := d.o.markOf(before)
	t := d.res.Tally
	if !ok || d.pair.behind || *before.UIDValidity != d.source.UIDValidity || t.Messages != int(m.Messages) ||
		t.Settled() != t.Messages || d.source.UIDValidity == 0 || d.target.UIDValidity == 0 {
		return nil
	}
	doubts, err := d.page.Doubts(ctx)
	if err != nil || len(doubts) > 0 {
		return err // the next run has to look for doubles
	}
	intents, err := d.page.Intents(ctx)
	if err != nil || len(intents) > 0 {
		return err
	}
	if d.o.Additions {
		m.ModSeq = 0 // flags were not carried over
	}
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("rest of %s: %w", clean(d.pair.Source), err)
	}
	note, err := json.Marshal(restNote{t, d.res.Repaired})
	if err != nil {
		return fmt.Errorf("rest of %s: %w", clean(d.pair.Source), err)
	}
	return d.page.Rested(ctx, string(text), string(note))
}

// rests takes what the journal remembers of an account at rest into the pairs.
func (c *carrier) rests(ctx context.Context, pairs []Pair) error {
	all, err := c.journal.Rests(ctx, c.account.Name, c.o.Reverse)
	if err != nil {
		return err
	}
	type names struct{ source, target string }
	by := make(map[names]*journal.Rest, len(all))
	for i, r := range all {
		by[names{r.Source, r.Target}] = &all[i]
	}
	for i := range pairs {
		p := &pairs[i]
		p.rest = by[names{p.SourceWire, p.TargetWire}]
		// An earlier run has learnt that the target takes the two names for one:
		// it is not asked again by a CREATE.
		if joined := by[names{p.SourceWire, p.alike}]; p.Create && p.rest == nil && p.alike != "" && joined != nil {
			p.join(nil)
			p.rest, p.targetStatus = joined, p.alikeStatus
		}
	}
	return nil
}

// statuses asks for what the lists did not tell, where a pair was at rest and
// the answer can say that it still is.
func (c *carrier) statuses(ctx context.Context, e *ends, pairs []Pair) error {
	caps := e.source.Caps()
	if !c.o.Additions && !caps.Has("CONDSTORE") && !caps.Has("QRESYNC") {
		return nil // flags may have changed whatever it says
	}
	var at []int
	var mine, theirs []string
	for i, p := range pairs {
		if p.rest != nil && p.Skip == "" && !p.Create && (p.sourceStatus.UIDNext == nil || p.targetStatus.UIDValidity == nil) {
			at, mine, theirs = append(at, i), append(mine, p.SourceWire), append(theirs, p.TargetWire)
		}
	}
	if len(at) == 0 {
		return nil
	}
	var here, there map[string]wire.Status
	err := both(func() (err error) {
		here, err = e.source.Statuses(ctx, mine)
		return err
	}, func() (err error) {
		there, err = e.target.Statuses(ctx, theirs)
		return err
	})
	for _, i := range at {
		pairs[i].sourceStatus, pairs[i].targetStatus = here[pairs[i].SourceWire], there[pairs[i].TargetWire]
	}
	return err
}

// unchanged reports whether there is nothing to be done for a pair, and what
// its tally is: the source says what it said when everything was at the
// target, and the target is the same mailbox still.
func (o Options) unchanged(p Pair) (t restNote, ok bool) {
	here, there := p.sourceStatus, p.targetStatus
	if p.rest == nil || p.Create || o.RecopyMissing || here.UIDValidity == nil || there.UIDValidity == nil ||
		*here.UIDValidity != p.rest.SourceValidity || *there.UIDValidity != p.rest.TargetValidity {
		return t, false
	}
	now, told := o.markOf(here)
	var then mark
	if !told || json.Unmarshal([]byte(p.rest.Mark), &then) != nil || json.Unmarshal([]byte(p.rest.Note), &t) != nil {
		return t, false
	}
	flags := now.ModSeq != 0 && now.ModSeq == then.ModSeq
	now.ModSeq, then.ModSeq = 0, 0
	return t, now == then && (flags || o.Additions)
}

// ahead estimates how many messages of a pair have to be asked for.
func (p Pair) ahead() (int, bool) {
	if p.sourceStatus.Messages == nil {
		return 0, false
	}
	n := int(*p.sourceStatus.Messages)
	var then mark
	if p.rest == nil || p.sourceStatus.UIDNext == nil || json.Unmarshal([]byte(p.rest.Mark), &then) != nil {
		return n, true
	}
	// What was copied already is only listed.
	return min(n, max(0, int(*p.sourceStatus.UIDNext)-int(then.UIDNext))+n/50), true
}
