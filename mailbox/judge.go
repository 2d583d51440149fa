package mailbox

import (
	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/journal"
)

// judge counts every message in exactly one state.
func (c *comparison) judge() {
	taken := make([]bool, len(c.target))
	for i, t := range c.partner {
		if t != alone {
			taken[t] = true
		}
		c.count(place(i), t != alone)
	}
	for _, h := range c.sides {
		b := h.balance
		b.Doubt += len(h.silent)
		for _, uid := range h.silent {
			c.mark(h.pair.Source, '?', "doubt", candidate{UID: uid}, Title{})
		}
		b.Messages = b.sum()
	}
	if len(c.sides) == 0 {
		return
	}
	first := c.sides[0]
	for t, m := range c.target {
		if !taken[t] {
			first.balance.Extra++
			c.mark(first.pair.Target, '-', "extra", m, c.targetTitles[place(t)])
		}
	}
}

// count puts one message into its state.
func (c *comparison) count(i place, found bool) {
	h, m := c.of(i), c.source[i]
	b := h.balance
	if !found {
		state, sign, n := c.absent(i, m)
		*n++
		c.mark(h.pair.Source, sign, state, m, c.sourceTitles[i])
		return
	}
	switch c.hashes[i] {
	case unreadable:
		b.Doubt++
		c.mark(h.pair.Source, '?', "doubt", m, c.sourceTitles[i])
		return
	case different:
		b.Differs++
		c.mark(h.pair.Source, '!', "differs", m, c.sourceTitles[i])
	default:
		state := c.reason(h, m)
		if c.repaired(i, m) {
			b.Repaired++
			state = "repaired"
		}
		c.mark(h.pair.Source, '=', state, m, c.sourceTitles[i])
	}
	if c.reason(h, m) == string(journal.Copied) {
		b.Copied++
	} else {
		b.Present++
	}
}

// repaired reports whether a message is at the target with a repair: its
// content says so, or it was sent that way.
func (c *comparison) repaired(i place, m candidate) bool {
	h := c.of(i)
	_, noted := h.repairs[m.UID]
	return c.hashes[i] == mended || noted && c.reason(h, m) == string(journal.Copied)
}

// reason says how a message that is at the target came there.
func (c *comparison) reason(h *half, m candidate) string {
	if run, _, ok := h.runs.Find(m.UID); ok {
		return string(run.Outcome)
	}
	return string(journal.Present)
}

// absent says why a message is not at the target, and where it counts.
func (c *comparison) absent(i place, m candidate) (state string, sign byte, n *int) {
	h := c.of(i)
	b := h.balance
	run, target, known := h.runs.Find(m.UID)
	known = known || h.vanished.has(m.UID)
	_, refused := h.refusals[m.UID]
	switch {
	case c.run.o.Deleted == DeletedSkip && m.traits&isDeleted != 0:
		return "skipped", '+', &b.Skipped
	case known && run.Outcome == journal.Copied && target == 0 && c.twin(m):
		return "merged", '=', &b.Merged
	case m.Header.IsZero(), known && c.unseen(target):
		return "doubt", '?', &b.Doubt
	case known && c.run.o.Additions:
		return "gone", '+', &b.Gone
	case known:
		return "missing", '+', &b.Missing
	case refused:
		return "refused", '+', &b.Refused
	case h.open[m.UID]:
		return "doubt", '?', &b.Doubt
	case h.next != 0 && m.UID >= h.next:
		return "new", '+', &b.New
	case c.blind.len() > 0:
		return "doubt", '?', &b.Doubt
	}
	return "missing", '+', &b.Missing
}

// unseen reports whether a copy may be among what the target does not tell
// enough of: under the UID that it was given, or any where that is not known.
func (c *comparison) unseen(target imap.UID) bool {
	return c.blind.has(target) || target == 0 && c.blind.len() > 0
}

// twin reports whether the target has an identical message: the one that it
// has kept of several.
func (c *comparison) twin(m candidate) bool {
	for _, t := range c.target {
		if t.Header == m.Header && (sameText(m, t) || sameUnread(m, t)) {
			return true
		}
	}
	return false
}
