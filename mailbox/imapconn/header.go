package imapconn

import (
	"context"
	"fmt"
	"slices"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// Newest gives the UIDs of the last n messages of the open mailbox, in
// ascending order. There may be fewer than n of them.
func (s *session) Newest(ctx context.Context, n uint32) ([]imap.UID, error) {
	last := s.selected.Exists
	if last == 0 || n == 0 {
		return nil, nil
	}
	var found []imap.UID
	_, err := s.run(ctx, func(p *wire.Response) error {
		if p.Name == "SEARCH" || p.Name == "ESEARCH" {
			found = append(found, p.Search(int(n)-len(found))...)
		}
		return nil
	}, text(fmt.Sprintf("UID SEARCH %d:%d", last-min(n, last)+1, last)))
	if err != nil {
		return nil, fmt.Errorf("search in %s: %w", show(s.mailbox), err)
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// HeaderFields fetches the header fields of one name, without marking the
// messages read, and calls fn once for each message that was asked for, with
// all its fields of that name as they stand there. What cannot be read, or is
// larger than a mebibyte, is left out. An error of fn ends the connection.
func (s *session) HeaderFields(ctx context.Context, uids []imap.UID, name string, fn func(uid imap.UID, fields []byte) error) error {
	set := wire.SetOf(uids...)
	if len(set) == 0 {
		return nil
	}
	done := make(map[imap.UID]bool)
	take := func(p *wire.Response) error {
		if p.Name != "FETCH" {
			return nil
		}
		uid, fields, err := p.Fields()
		if err != nil || fields == nil || done[uid] || !set.Contains(uid) {
			return err
		}
		done[uid] = true
		return fn(uid, fields)
	}
	if err := s.pipeline(ctx, take, fetchCommands(set, "(UID BODY.PEEK[HEADER.FIELDS ("+name+")])")); err != nil {
		return fmt.Errorf("header fields from %s: %w", show(s.mailbox), err)
	}
	return nil
}
