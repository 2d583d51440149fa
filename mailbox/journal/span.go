package journal

import (
	"context"
	"fmt"
	"slices"

	"github.com/emersion/go-imap/v2"
)

// A Span is a number of consecutive UIDs.
type Span struct {
	First imap.UID
	Count uint32
}

// end is the first UID after the span; it may not fit a UID.
func (s Span) end() uint64 { return uint64(s.First) + uint64(s.Count) }

// Spans are UIDs in ascending order, without overlap.
type Spans []Span

// Has reports whether uid is among the spans.
func (s Spans) Has(uid imap.UID) bool {
	i, exact := slices.BinarySearchFunc(s, uid, func(sp Span, uid imap.UID) int {
		return compare(sp.First, uid)
	})
	return exact || i > 0 && uint64(uid) < s[i-1].end()
}

// join sorts spans and melts those that touch or overlap.
func join(all Spans) Spans {
	slices.SortFunc(all, func(a, b Span) int { return compare(a.First, b.First) })
	out := all[:0]
	for _, s := range all {
		if n := len(out); n > 0 && uint64(s.First) <= out[n-1].end() {
			out[n-1].Count = uint32(max(out[n-1].end(), s.end()) - uint64(out[n-1].First))
			continue
		}
		out = append(out, s)
	}
	return out
}

// Targets returns the UIDs in the page's target mailbox that the journal
// knows, of this page and of every other that leads into the same mailbox.
// Those of this pair under another UIDVALIDITY of the source are left out:
// their messages are to be matched again.
func (p *Page) Targets(ctx context.Context) (Spans, error) {
	uid, name, target, source := "new_uid", "new_mailbox", "new_validity", "old_validity"
	if p.key.Reverse {
		uid, name, target, source = "old_uid", "old_mailbox", "old_validity", "new_validity"
	}
	var all Spans
	err := p.j.rows(ctx, `SELECT r.`+uid+`, r.messages FROM copy_run r JOIN copy_pair q ON q.id = r.pair
		WHERE q.account = $1 AND q.`+name+` = $2 AND r.`+target+` = $3 AND r.`+uid+` <> 0
		AND (r.pair <> $4 OR r.`+source+` = $5)`,
		[]any{text(p.key.Account), text(p.key.Target), p.key.TargetValidity, p.pair, p.key.SourceValidity},
		func(scan func(...any) error) error {
			var s Span
			if err := scan(&s.First, &s.Count); err != nil {
				return fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
			all = append(all, s)
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("journal targets: %w", err)
	}
	return join(all), nil
}
