package mailbox

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
	"github.com/mxmove/mxmove/migrate/finding"
)

// This file is about servers that answer OK and leave messages out: nothing
// may follow from what they do not say.

// searcher is what finding out about left out messages needs of either side.
type searcher interface {
	fetcher
	Search(ctx context.Context, set wire.Set) ([]imap.UID, error)
}

// leftOut asks again for the messages of the open mailbox that a listing did
// not tell: only an exact search may call one gone. What exists, and is left
// out once more, is silent.
func leftOut(ctx context.Context, f searcher, headers bool, told func(imap.UID) bool) (more []Message, silent []imap.UID, err error) {
	there, err := f.Search(ctx, wire.From(1))
	if err != nil {
		return nil, nil, err
	}
	untold := slices.DeleteFunc(there, told)
	if len(untold) == 0 {
		return nil, nil, nil
	}
	if more, err = list(ctx, f, wire.SetOf(untold...), headers); err != nil {
		return nil, nil, err
	}
	return more, slices.DeleteFunc(untold, func(uid imap.UID) bool {
		_, ok := find(more, uid)
		return ok
	}), nil
}

// short reports whether a listing by UID told fewer messages than there were
// when the mailbox was opened.
func short(sel wire.Selected, n int, uid func(int) imap.UID) bool {
	return before(sel, n, uid) < int(sel.Exists)
}

// before counts what of a listing by UID was there when the mailbox was opened:
// what has come since does not stand in for what was left out.
func before(sel wire.Selected, n int, uid func(int) imap.UID) int {
	if sel.UIDNext == 0 {
		return n
	}
	return sort.Search(n, func(i int) bool { return uid(i) >= sel.UIDNext })
}

// blinded notes of what at the target nobody can say which message it is.
func (c *comparison) blinded(there sight) {
	for _, uid := range there.silent {
		c.blind.add(uid)
	}
	for _, m := range there.messages {
		if m.Header.IsZero() {
			c.blind.add(m.UID)
		}
	}
}

// blinded finds out whether the target hides something in the window: what it
// leaves out of an OK, or tells no header of, may be what is looked for. Until
// it tells, that is not sent again by itself.
func (s *settling) blinded(ctx context.Context) error {
	if s.open(doubted) == 0 || s.o.RecopyMissing || s.target.Exists == 0 {
		return nil
	}
	untold, err := s.untold(ctx)
	if err != nil {
		return err
	}
	if len(untold) > 0 { // or it has come since
		if err := s.lookAtTarget(ctx, s.known); err != nil {
			return err
		}
		if err := s.find(ctx); err != nil {
			return err
		}
		if untold, err = s.untold(ctx); err != nil {
			return err
		}
	}
	s.blind = len(untold) > 0 || slices.ContainsFunc(s.free, func(c candidate) bool { return c.Header.IsZero() && !s.taken[c.UID] })
	return nil
}

// untold lists what exists in the window and was not listed with it.
func (s *settling) untold(ctx context.Context) ([]imap.UID, error) {
	target, err := s.atTarget(ctx)
	if err != nil {
		return nil, err
	}
	exist, err := target.Search(ctx, wire.From(s.known))
	return slices.DeleteFunc(exist, func(uid imap.UID) bool {
		_, told := slices.BinarySearch(s.there, uid)
		return told
	}), err
}

// mostHidden bounds how many UIDs are named.
const mostHidden = 20

// noteHidden tells of messages that are in doubt since a server hides them. One
// that ends connections has been told of by its own name.
func (d *delta) noteHidden() {
	var silent []string
	for _, uid := range d.silent {
		if d.suspected[uid].read < strikes {
			silent = append(silent, fmt.Sprint(uid))
		}
	}
	if n := len(silent); n > 0 {
		d.note(finding.Finding{
			Severity: finding.Warn, Code: finding.MessagesHidden, Subject: d.account.Name + " " + d.pair.Source,
			Text:     "the old server has messages here and gives nothing for them; they are in doubt",
			Evidence: []string{fmt.Sprintf("%d, with the UIDs %s", n, strings.Join(silent[:min(n, mostHidden)], ", "))},
			Fix:      "open them in a mail program, or have the mailbox repaired, then run mxmove sync again",
		})
	}
	if n := d.withheld.len(); n > 0 {
		d.note(finding.Finding{
			Severity: finding.Warn, Code: finding.MessagesHidden, Subject: d.account.Name + " " + d.pair.Target,
			Text:     "the new server hides messages here that may be those that were on their way when a connection was lost; they are not sent again",
			Evidence: []string{fmt.Sprintf("%d in doubt", n)},
			Fix:      "run mxmove sync again later",
		})
	}
}
