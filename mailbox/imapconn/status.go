package imapconn

import (
	"context"
	"fmt"
	"strings"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// Status asks about a mailbox without opening it, by its wire name.
func (s *session) Status(ctx context.Context, name string) (wire.Status, error) {
	want := s.statusItems()
	if s.caps.Has("STATUS=SIZE") || s.caps.Has("IMAP4REV2") {
		want += " SIZE"
	}
	var st wire.Status
	_, err := s.run(ctx, func(p *wire.Response) (err error) {
		if p.Name == "STATUS" {
			st, err = p.Status()
		}
		return err
	}, text("STATUS "), str(name), text(" ("+want+")"))
	if err != nil {
		return wire.Status{}, fmt.Errorf("status of %s: %w", show(name), err)
	}
	return st, nil
}

// statusItems is what tells whether a mailbox has changed.
func (s *session) statusItems() string {
	if s.caps.Has("CONDSTORE") || s.caps.Has("QRESYNC") {
		return "MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ"
	}
	return "MESSAGES UIDNEXT UIDVALIDITY"
}

// Statuses asks about several mailboxes without waiting in between, by their
// wire names. One that the server refuses, or echoes under another name, is not
// in the answer.
func (s *session) Statuses(ctx context.Context, names []string) (map[string]wire.Status, error) {
	all := make(map[string]wire.Status, len(names))
	asked := make(map[string]bool, len(names))
	take := func(p *wire.Response) error {
		if p.Name != "STATUS" {
			return nil
		}
		st, err := p.Status()
		if strings.EqualFold(st.Name, "INBOX") && !asked[st.Name] {
			st.Name = "INBOX"
		}
		if err == nil && asked[st.Name] {
			all[st.Name] = st
		}
		return err
	}
	var steps []*step
	for _, name := range names {
		asked[name] = true
		steps = append(steps, &step{parts: []part{text("STATUS "), str(name), text(" (" + s.statusItems() + ")")}, take: take})
	}
	if err := s.all(ctx, steps); err != nil {
		return nil, fmt.Errorf("status of mailboxes: %w", err)
	}
	return all, nil
}
