package imapconn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// maxMailboxes bounds a listing; a server that goes on is hostile or broken.
const maxMailboxes = 100_000

// A Namespace is one prefix of mailbox names, as wire octets, and its
// delimiter.
type Namespace = wire.Namespace

// Namespaces is the answer to NAMESPACE. All are empty where the server does
// not announce it.
type Namespaces struct{ Personal, Other, Shared []Namespace }

// List gives all mailboxes, subscribed or not, sorted by their wire name. It
// asks for what the server announces (LIST-EXTENDED, SPECIAL-USE) and falls
// back to plain LIST and LSUB. Names that are only subscribed and no longer
// exist carry \NonExistent.
func (s *session) List(ctx context.Context) ([]wire.Mailbox, error) {
	if s.caps.Has("LIST-EXTENDED") || s.caps.Has("IMAP4REV2") {
		options := "SUBSCRIBED"
		if s.caps.Has("SPECIAL-USE") {
			options += " SPECIAL-USE"
		}
		list, err := s.list(ctx, `LIST "" "*" RETURN (`+options+`)`)
		var refusal *ResponseError
		if err == nil || !errors.As(err, &refusal) || Class(err) == ClassTemporary {
			return list, err
		}
	}
	list, err := s.list(ctx, `LIST "" "*"`)
	if err != nil {
		return nil, err
	}
	subscribed, err := s.list(ctx, `LSUB "" "*"`)
	var refusal *ResponseError
	if err != nil && !errors.As(err, &refusal) {
		return nil, err
	}
	return mark(list, subscribed), nil
}

func (s *session) list(ctx context.Context, command string) ([]wire.Mailbox, error) {
	seen := make(map[string]int)
	var list []wire.Mailbox
	_, err := s.run(ctx, func(p *wire.Response) error {
		if p.Name != "LIST" && p.Name != "LSUB" {
			return nil
		}
		m, ok, err := p.List()
		if err != nil || !ok {
			return err
		}
		if i, double := seen[m.Wire]; double {
			list[i] = m
			return nil
		}
		if len(list) >= maxMailboxes {
			return fmt.Errorf("%w: more than %d mailboxes", ErrProtocol, maxMailboxes)
		}
		seen[m.Wire] = len(list)
		list = append(list, m)
		return nil
	}, text(command))
	if err != nil {
		return nil, fmt.Errorf("list of mailboxes: %w", err)
	}
	slices.SortFunc(list, func(a, b wire.Mailbox) int { return strings.Compare(a.Wire, b.Wire) })
	return list, nil
}

// mark joins the answers to LIST and LSUB. LSUB names with \Noselect are only
// parents of subscribed ones (RFC 3501, section 6.3.9).
func mark(list, subscribed []wire.Mailbox) []wire.Mailbox {
	for _, m := range subscribed {
		if slices.Contains(m.Attrs, imap.MailboxAttrNoSelect) {
			continue
		}
		i, found := slices.BinarySearchFunc(list, m, func(a, b wire.Mailbox) int { return strings.Compare(a.Wire, b.Wire) })
		if found {
			list[i].Subscribed = true
			continue
		}
		m.Subscribed = true
		m.Attrs = append(m.Attrs, imap.MailboxAttrNonExistent)
		list = slices.Insert(list, i, m)
	}
	return list
}

// Namespaces asks for the prefixes of names (RFC 2342).
func (s *session) Namespaces(ctx context.Context) (Namespaces, error) {
	var ns Namespaces
	if !s.caps.Has("NAMESPACE") && !s.caps.Has("IMAP4REV2") {
		return ns, nil
	}
	_, err := s.run(ctx, func(p *wire.Response) error {
		if p.Name != "NAMESPACE" {
			return nil
		}
		lists, err := p.Namespaces()
		ns = Namespaces{lists[0], lists[1], lists[2]}
		return err
	}, text("NAMESPACE"))
	if err != nil {
		return Namespaces{}, fmt.Errorf("namespaces: %w", err)
	}
	return ns, nil
}

// Examine opens a mailbox for reading only, by its wire name.
func (s *session) Examine(ctx context.Context, name string) (wire.Selected, error) {
	return s.choose(ctx, "EXAMINE", name)
}

// choose runs EXAMINE or SELECT. Whatever was selected before is not any more,
// even where the server refuses (RFC 9051, section 6.3.2).
func (s *session) choose(ctx context.Context, verb, name string) (wire.Selected, error) {
	s.mailbox, s.selected = "", wire.Selected{}
	sel := wire.Selected{ReadOnly: verb == "EXAMINE"}
	permanent := false
	p, err := s.run(ctx, func(p *wire.Response) error {
		p.Select(&sel)
		permanent = permanent || p.Code == "PERMANENTFLAGS"
		return nil
	}, text(verb+" "), str(name))
	if err != nil {
		return wire.Selected{}, fmt.Errorf("%s of %s: %w", strings.ToLower(verb), show(name), err)
	}
	p.Select(&sel)
	if !permanent {
		// RFC 9051, section 7.1: all flags can then be stored.
		sel.PermanentFlags = append(slices.Clip(sel.Flags), imap.FlagWildcard)
	}
	s.mailbox, s.selected = name, sel
	return sel, nil
}

// Unselect leaves the mailbox without expunging anything. Servers without
// UNSELECT are left as they are: CLOSE would expunge, and the next EXAMINE or
// SELECT leaves too.
func (s *session) Unselect(ctx context.Context) error {
	if s.mailbox == "" {
		return nil
	}
	s.mailbox, s.selected = "", wire.Selected{}
	if !s.caps.Has("UNSELECT") && !s.caps.Has("IMAP4REV2") {
		return nil
	}
	if _, err := s.run(ctx, nil, text("UNSELECT")); err != nil {
		return fmt.Errorf("unselect: %w", err)
	}
	return nil
}

// Status asks about a mailbox without opening it, by its wire name.
func (s *session) Status(ctx context.Context, name string) (wire.Status, error) {
	want := "MESSAGES UIDNEXT UIDVALIDITY"
	if s.caps.Has("STATUS=SIZE") || s.caps.Has("IMAP4REV2") {
		want += " SIZE"
	}
	if s.caps.Has("CONDSTORE") || s.caps.Has("QRESYNC") {
		want += " HIGHESTMODSEQ"
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

// show is a wire name fit for an error.
func show(name string) string { return printable(wire.DecodeName(name)) }
