package mailbox

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/repair"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
	"github.com/mxmove/mxmove/mailbox/journal"
)

// A comparison is all source mailboxes that lead into one target mailbox, and
// that one.
type comparison struct {
	*verifier
	eyes    *eyes
	sides   []*half
	source  []candidate // of one half after the other
	target  []candidate
	blind   uidSet  // of the target, what it does not tell enough of to be compared
	partner []place // at the target, by the place at the source; alone: none
	hashes  map[place]verdict

	sourceTitles, targetTitles map[place]Title // of what is not simply on both sides, where somebody listens
}

// A half is one source mailbox of a comparison.
type half struct {
	pair     Pair
	end      place // of its messages in the list
	balance  *MailboxBalance
	silent   []imap.UID
	runs     journal.Runs
	vanished uidSet // was at the target, in a mailbox that was given up since
	refusals map[imap.UID]journal.Refusal
	repairs  map[imap.UID]journal.Repair
	open     map[imap.UID]bool
	next     imap.UID // of the last inventory; 0: none
}

// alone is the partner of a message that has none.
const alone place = -1

// of returns the half that a source message is in.
func (c *comparison) of(i place) *half {
	for _, h := range c.sides {
		if i < h.end {
			return h
		}
	}
	panic("mailbox: no half holds the message")
}

// compare fills in the balances of some pairs with one target. An error means
// that the target could not be read, or that a connection was lost; a source
// mailbox that cannot be opened costs itself only.
func (v *verifier) compare(ctx context.Context, e *eyes, pairs []Pair, places []int) error {
	c := &comparison{verifier: v, eyes: e, hashes: make(map[place]verdict)}
	var validity uint32
	first := pairs[places[0]]
	if first.Skip == "" && !first.Create {
		sel, err := e.target.Examine(ctx, first.TargetWire)
		if err != nil {
			return err
		}
		validity = sel.UIDValidity
		there, err := v.everything(ctx, e.target, sel, uidSet{}, first.Target)
		if err != nil {
			return err
		}
		c.target = there.messages
		c.blinded(there)
	}
	for _, i := range places {
		if err := c.read(ctx, pairs[i], &v.balance.Mailboxes[i], validity); err != nil {
			return err
		}
	}
	if err := c.match(ctx); err != nil {
		return err
	}
	if err := c.hash(ctx); err != nil {
		return err
	}
	if err := c.titles(ctx); err != nil {
		return err
	}
	c.judge()
	return nil
}

// read lists a source mailbox and takes what the journal says of it.
func (c *comparison) read(ctx context.Context, p Pair, b *MailboxBalance, validity uint32) error {
	*b = MailboxBalance{Source: p.Source, Target: p.Target, Skip: p.Skip}
	if p.Skip != "" {
		if st, err := c.eyes.source.Status(ctx, p.SourceWire); err == nil && st.Messages != nil {
			b.Messages, b.Skipped = int(*st.Messages), int(*st.Messages)
		}
		return nil
	}
	sel, err := c.eyes.source.Examine(ctx, p.SourceWire)
	var refusal *imapconn.ResponseError
	if errors.As(err, &refusal) && imapconn.Class(err) != imapconn.ClassTemporary {
		*b = c.unreadBalance(ctx, c.eyes, p, err)
		return nil
	}
	if err != nil {
		return err
	}
	apart, err := p.apart(ctx, c.eyes.source)
	if err != nil {
		return err
	}
	there, err := c.everything(ctx, c.eyes.source, sel, apart, p.Source)
	if err != nil {
		return err
	}
	h := &half{pair: p, balance: b, silent: there.silent}
	b.Skipped = there.left
	if err := c.recall(ctx, h, sel.UIDValidity, validity); err != nil {
		return err
	}
	if c.sides = append(c.sides, h); len(c.source) == 0 {
		c.source = there.messages
	} else {
		c.source = append(c.source, there.messages...)
	}
	h.end = place(len(c.source))
	return nil
}

// recall asks the journal why messages are where they are.
func (c *comparison) recall(ctx context.Context, h *half, source, target uint32) error {
	if c.journal == nil {
		return nil
	}
	page, err := c.journal.Page(ctx, journal.Key{
		Account: c.account.Name, Source: h.pair.SourceWire, Target: h.pair.TargetWire,
		SourceValidity: source, TargetValidity: target, Reverse: c.run.o.Reverse,
	})
	if err != nil {
		return err
	}
	if h.runs, err = page.Runs(ctx); err != nil {
		return err
	}
	if h.vanished, err = vanished(ctx, page); err != nil {
		return err
	}
	if h.refusals, err = page.Refusals(ctx); err != nil {
		return err
	}
	if h.repairs, err = page.Repairs(ctx); err != nil {
		return err
	}
	if h.next, err = page.Inventory(ctx); err != nil {
		return err
	}
	intents, err := page.Intents(ctx)
	if err != nil {
		return err
	}
	h.open = make(map[imap.UID]bool)
	for _, in := range intents {
		for _, m := range in.Messages {
			h.open[m.UID] = true
		}
	}
	return nil
}

// match pairs the messages of both sides.
func (c *comparison) match(ctx context.Context) error {
	single, open := matchHeaders(c.source, c.target)
	pairs, likely := c.fidelity.trust(single, c.source, c.target, true)
	open = append(open, likely...)
	var mine, theirs []place
	for _, g := range open {
		mine, theirs = append(mine, g.source...), append(theirs, g.target...)
	}
	if err := c.sourceTexts(ctx, mine); err != nil {
		return err
	}
	if err := readTexts(ctx, c.eyes.target, c.target, theirs); err != nil {
		return err
	}
	c.partner = slices.Repeat([]place{alone}, len(c.source))
	for _, p := range append(pairs, c.fidelity.decide(open, c.source, c.target)...) {
		c.partner[p.source] = p.target
	}
	return nil
}

// sourceTexts reads texts of source messages, mailbox by mailbox.
func (c *comparison) sourceTexts(ctx context.Context, places []place) error {
	return c.bySide(ctx, places, func(some []place) error {
		return readTexts(ctx, c.eyes.source, c.source, some)
	})
}

// bySide calls fn for the places of each source mailbox, while that is open.
func (c *comparison) bySide(ctx context.Context, places []place, fn func([]place) error) error {
	for _, h := range c.sides {
		var some []place
		for _, i := range places {
			if c.of(i) == h {
				some = append(some, i)
			}
		}
		if len(some) == 0 {
			continue
		}
		if _, err := c.eyes.source.Examine(ctx, h.pair.SourceWire); err != nil {
			return err
		}
		if err := fn(some); err != nil {
			return err
		}
	}
	return nil
}

// A verdict is what the content of a message says.
type verdict string

const (
	equal      verdict = "equal"
	mended     verdict = "repaired"
	different  verdict = "different"
	unreadable verdict = "unreadable"
)

// hash compares the content of a share of the messages that were found. The
// share is chosen by UID, so that it is the same at the next run.
func (c *comparison) hash(ctx context.Context) error {
	var mine []place
	for s, t := range c.partner {
		if t != alone && int(uint32(c.source[s].UID)*2654435761>>16)%100 < c.o.Hash {
			mine = append(mine, place(s))
		}
	}
	for some := range slices.Chunk(mine, hashedAtOnce) {
		if err := c.hashSome(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// hashedAtOnce is of how many messages the contents are remembered.
const hashedAtOnce = 10_000

func (c *comparison) hashSome(ctx context.Context, mine []place) error {
	theirs := make([]place, len(mine))
	for n, s := range mine {
		theirs[n] = c.partner[s]
		defer func(s, t *content) { // what the match has read stays, and no more
			c.source[mine[n]].read, c.target[theirs[n]].read = s, t
		}(c.source[s].read, c.target[theirs[n]].read)
	}
	err := c.bySide(ctx, mine, func(some []place) error { return readWhole(ctx, c.eyes.source, c.source, some) })
	if err != nil {
		return err
	}
	if err := readWhole(ctx, c.eyes.target, c.target, theirs); err != nil {
		return err
	}
	var changed []place
	for n, s := range mine {
		v := c.content(s, theirs[n])
		if v == different && c.source[s].Size <= mendable {
			changed = append(changed, s)
		}
		if v != equal {
			c.hashes[s] = v
		}
	}
	return c.bySide(ctx, changed, func(some []place) error { return c.mended(ctx, some) })
}

// mendable is the largest message of which mended is asked: it is whole in
// memory.
const mendable = 8 << 20

// mended looks whether what differs is the source's message with a repair, as
// strict servers want it.
func (c *comparison) mended(ctx context.Context, places []place) error {
	at := make(map[imap.UID]place, len(places))
	var of []imap.UID
	for _, i := range places {
		at[c.source[i].UID] = i
		of = append(of, c.source[i].UID)
	}
	return c.eyes.source.Bodies(ctx, of, func(uid imap.UID, size int64, body io.Reader) error {
		i, ok := at[uid]
		if !ok || size > mendable {
			return nil
		}
		octets := make([]byte, size)
		if _, err := io.ReadFull(body, octets); err != nil {
			return err
		}
		there := c.target[c.partner[i]].read.whole
		if _, ok := repair.Between(octets, func(m []byte) bool { return wholeDigest(m) == there }); ok {
			c.hashes[i] = mended
		}
		return nil
	})
}

func wholeDigest(m []byte) wire.Digest {
	h := wire.NewBodyHash()
	_, _ = h.Write(m) // never fails
	return h.Digest()
}

// content judges the content of a pair. What we have sent must be equal octet
// for octet, with line ends in one form; what came to the target by another
// way has other lines in its header.
func (c *comparison) content(s, t place) verdict {
	a, b := c.source[s].read, c.target[t].read
	run, _, ours := c.of(s).runs.Find(c.source[s].UID)
	switch {
	case a == nil || b == nil || a.whole.IsZero() || b.whole.IsZero():
		return unreadable
	case a.whole == b.whole, a.text == b.text && !(ours && run.Outcome == journal.Copied):
		return equal
	}
	return different
}

// readWhole fills in the digests of whole messages.
func readWhole(ctx context.Context, f fetcher, cs []candidate, places []place) error {
	at := make(map[imap.UID]place, len(places))
	var of []imap.UID
	for _, i := range places {
		at[cs[i].UID] = i
		of = append(of, cs[i].UID)
	}
	return f.Bodies(ctx, of, func(uid imap.UID, _ int64, body io.Reader) error {
		text, whole, err := digests(body)
		if i, ok := at[uid]; ok && err == nil {
			cs[i].read = &content{text, whole}
		}
		return err
	})
}
