package imapconn

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

const (
	// ahead is how many commands of a split set are under way at once. More
	// would only fill the server's input.
	ahead = 4

	// maxAhead bounds commands that bring little back: all of them fit the
	// server's input together.
	maxAhead = 64

	// maxBuffered bounds a body that comes before its UID, which is held until
	// the UID is known. A larger one is left out; asked for alone it streams.
	maxBuffered = 8 << 20

	// maxPartial bounds the messages told in several responses.
	maxPartial = 64 << 10

	// maxFound bounds the answer to a search for an open set.
	maxFound = 1 << 20
)

// Fetch lists UID, flags, INTERNALDATE and size of the messages in set, with
// headers the Fingerprint of their header too, and calls fn for each as it
// comes: in any order, possibly twice, and for "n:*" possibly with one message
// below n. A UID that is not told is not proven gone. An error of fn ends the
// connection.
func (s *session) Fetch(ctx context.Context, set wire.Set, headers bool, fn func(wire.Message) error) error {
	validity := s.selected.UIDValidity
	g := newGatherer(headers, func(m wire.Message) error {
		m.UIDValidity = validity
		return fn(m)
	})
	if err := s.pipeline(ctx, g.take, fetchCommands(set, fetchItems(headers))); err != nil {
		return fmt.Errorf("fetch from %s: %w", show(s.mailbox), err)
	}
	if err := g.rest(); err != nil {
		return s.handled(err)
	}
	return nil
}

// fetchItems is what a listing asks for.
func fetchItems(headers bool) string {
	items := "UID FLAGS INTERNALDATE RFC822.SIZE"
	if headers {
		items += " BODY.PEEK[HEADER.FIELDS (" + wire.FingerprintFields + ")]"
	}
	return "(" + items + ")"
}

func fetchCommands(set wire.Set, items string) []string {
	var commands []string
	for _, part := range set.Split(wire.MaxSet) {
		commands = append(commands, "UID FETCH "+part.String()+" "+items)
	}
	return commands
}

// gatherer puts messages together: a server may tell one message in several
// responses (Gmail), and tell flags that nobody asked for in between.
type gatherer struct {
	want    wire.Items
	fn      func(wire.Message) error
	partial map[imap.UID]partial

	known   imap.UID                 // messages below it are known, apart from their flags
	changed func(wire.Message) error // told about those
}

func newGatherer(headers bool, fn func(wire.Message) error) *gatherer {
	g := &gatherer{
		want: wire.ItemUID | wire.ItemFlags | wire.ItemDate | wire.ItemSize,
		fn:   fn, partial: make(map[imap.UID]partial),
	}
	if headers {
		g.want |= wire.ItemHeader
	}
	return g
}

type partial struct {
	m   wire.Message
	got wire.Items
}

func (g *gatherer) take(p *wire.Response) error {
	if p.Name != "FETCH" {
		return nil
	}
	var now partial
	got, err := p.Fetch(&now.m, nil)
	if err != nil {
		return err
	}
	uid := now.m.UID
	switch {
	case uid == 0:
		return nil
	case uid < g.known && g.changed != nil:
		if got&wire.ItemFlags == 0 {
			return nil
		}
		return g.changed(now.m)
	}
	now.got = got
	if before, ok := g.partial[uid]; ok {
		now = merge(before, now)
	}
	if now.got&g.want == g.want {
		delete(g.partial, uid)
		return g.fn(now.m)
	}
	if len(g.partial) >= maxPartial {
		return fmt.Errorf("%w: messages told in pieces", ErrProtocol)
	}
	g.partial[uid] = now
	return nil
}

func merge(a, b partial) partial {
	if b.got&wire.ItemFlags != 0 {
		a.m.Flags, a.m.OddFlags = b.m.Flags, b.m.OddFlags
	}
	if b.got&wire.ItemDate != 0 {
		a.m.InternalDate = b.m.InternalDate
	}
	if b.got&wire.ItemSize != 0 {
		a.m.Size = b.m.Size
	}
	if b.got&wire.ItemHeader != 0 {
		a.m.Header, a.m.Named = b.m.Header, b.m.Named
	}
	a.got |= b.got
	return a
}

// rest gives what was never told completely. Flags alone are a notice about a
// message that was told already, or was not asked for.
func (g *gatherer) rest() error {
	uids := make([]imap.UID, 0, len(g.partial))
	for uid, p := range g.partial {
		if p.got&(wire.ItemDate|wire.ItemSize|wire.ItemHeader) != 0 {
			uids = append(uids, uid)
		}
	}
	slices.Sort(uids)
	for _, uid := range uids {
		if err := g.fn(g.partial[uid].m); err != nil {
			return err
		}
	}
	return nil
}

// Bodies fetches whole messages without marking them read, and streams each to
// fn, in the server's order and once each. Fn may leave octets unread, which
// are skipped; a stream that ends early is io.ErrUnexpectedEOF there. The size
// is the number of octets that come. When Bodies returns without an error some
// UIDs may have been left out all the same: compare. An error of fn ends the
// connection.
//
// Where the server sends a body before its UID, up to 8 MiB of it are held in
// memory; a larger one is left out unless it is the only one asked for.
func (s *session) Bodies(ctx context.Context, uids []imap.UID, fn func(uid imap.UID, size int64, body io.Reader) error) error {
	set := wire.SetOf(uids...)
	if len(set) == 0 {
		return nil
	}
	if err := s.squeeze(ctx); err != nil {
		return err
	}
	defer s.messages()()
	if err := s.pipeline(ctx, newBodies(uids, fn).take, fetchCommands(set, "(UID BODY.PEEK[])")); err != nil {
		return fmt.Errorf("bodies from %s: %w", show(s.mailbox), err)
	}
	return nil
}

type bodies struct {
	set  wire.Set
	only imap.UID // the one that was asked for, where it was one
	done map[imap.UID]bool
	fn   func(imap.UID, int64, io.Reader) error
}

func newBodies(uids []imap.UID, fn func(imap.UID, int64, io.Reader) error) *bodies {
	b := &bodies{set: wire.SetOf(uids...), fn: fn, done: make(map[imap.UID]bool)}
	if n, _ := b.set.Count(); n == 1 {
		b.only = b.set[0].First
	}
	return b
}

func (b *bodies) take(p *wire.Response) error {
	if p.Name != "FETCH" {
		return nil
	}
	var m wire.Message
	var held []byte
	holding, given := false, imap.UID(0)
	_, err := p.Fetch(&m, func(size int64, body io.Reader) error {
		switch {
		case m.UID == 0 && b.only == 0 && size <= maxBuffered:
			var err error
			holding = true
			held, err = io.ReadAll(body)
			return err
		case m.UID == 0 && b.only == 0:
			return nil
		}
		given = m.UID
		if given == 0 {
			given = b.only
		}
		return b.give(given, size, body)
	})
	switch {
	case err != nil:
		return err
	case given != 0 && m.UID != 0 && m.UID != given:
		return fmt.Errorf("%w: uid %d answered with uid %d", ErrProtocol, given, m.UID)
	case holding && m.UID != 0:
		return b.give(m.UID, int64(len(held)), bytes.NewReader(held))
	}
	return nil
}

// give hands a body on, unless it was not asked for or went already.
func (b *bodies) give(uid imap.UID, size int64, body io.Reader) error {
	if b.done[uid] || !b.set.Contains(uid) {
		return nil
	}
	b.done[uid] = true
	return b.fn(uid, size, body)
}

// Search asks which UIDs of set exist, by an exact UID SEARCH, and gives them
// in ascending order. An open set is answered up to a million.
func (s *session) Search(ctx context.Context, set wire.Set) ([]imap.UID, error) {
	if len(set) == 0 {
		return nil, nil
	}
	var commands []string
	for _, part := range set.Split(wire.MaxSet) {
		commands = append(commands, "UID SEARCH UID "+part.String())
	}
	var found []imap.UID
	err := s.pipeline(ctx, func(p *wire.Response) error {
		if p.Name == "SEARCH" || p.Name == "ESEARCH" {
			found = append(found, p.Search(maxFound-len(found))...)
		}
		return nil
	}, commands)
	if err != nil {
		return nil, fmt.Errorf("search in %s: %w", show(s.mailbox), err)
	}
	found = slices.DeleteFunc(found, func(uid imap.UID) bool { return !set.Contains(uid) })
	slices.Sort(found)
	return slices.Compact(found), nil
}
