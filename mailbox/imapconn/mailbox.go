package imapconn

import (
	"context"
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

// Examine opens a mailbox for reading only, by its wire name.
func (s *session) Examine(ctx context.Context, name string) (wire.Selected, error) {
	return s.choose(ctx, "EXAMINE", name)
}

// choose runs EXAMINE or SELECT. Whatever was selected before is not any more,
// even where the server refuses (RFC 9051, section 6.3.2).
func (s *session) choose(ctx context.Context, verb, name string) (wire.Selected, error) {
	s.mailbox, s.selected = "", wire.Selected{}
	o := newOpening(verb)
	p, err := s.run(ctx, o.take, text(verb+" "), str(name))
	if err != nil {
		return wire.Selected{}, openError(verb, name, err)
	}
	s.mailbox, s.selected = name, o.end(p)
	return s.selected, nil
}

func openError(verb, name string, err error) error {
	return fmt.Errorf("%s of %s: %w", strings.ToLower(verb), show(name), err)
}

// opening takes what EXAMINE or SELECT tells.
type opening struct {
	sel       wire.Selected
	permanent bool
}

func newOpening(verb string) *opening {
	return &opening{sel: wire.Selected{ReadOnly: verb == "EXAMINE"}}
}

func (o *opening) take(p *wire.Response) error {
	p.Select(&o.sel)
	o.permanent = o.permanent || p.Code == "PERMANENTFLAGS"
	return nil
}

// end takes the tagged answer too.
func (o *opening) end(p *wire.Response) wire.Selected {
	p.Select(&o.sel)
	if !o.permanent {
		// RFC 9051, section 7.1: all flags can then be stored.
		o.sel.PermanentFlags = append(slices.Clip(o.sel.Flags), imap.FlagWildcard)
	}
	return o.sel
}

// MyRights returns the rights that the login has in a mailbox, one letter each
// (RFC 4314, section 3.5), of a server that announces ACL.
func (s *session) MyRights(ctx context.Context, name string) (string, error) {
	rights := ""
	_, err := s.run(ctx, func(p *wire.Response) error {
		if words := strings.Fields(p.Rest()); p.Name == "MYRIGHTS" && len(words) > 0 {
			rights = words[len(words)-1]
		}
		return nil
	}, text("MYRIGHTS "), str(name))
	if err != nil {
		return "", fmt.Errorf("rights in %s: %w", show(name), err)
	}
	return rights, nil
}

// Selected is the wire name of the mailbox that is open, empty for none, and
// what the server told of it.
func (s *session) Selected() (string, wire.Selected) { return s.mailbox, s.selected }

// Unselect leaves the mailbox without expunging anything. Servers without
// UNSELECT are left as they are: CLOSE would expunge, and the next EXAMINE or
// SELECT leaves too.
func (s *session) Unselect(ctx context.Context) error {
	if s.mailbox == "" {
		return nil
	}
	s.mailbox, s.selected = "", wire.Selected{}
	if !s.unselects() {
		return nil
	}
	if _, err := s.run(ctx, nil, text("UNSELECT")); err != nil {
		return fmt.Errorf("unselect: %w", err)
	}
	return nil
}

func (s *session) unselects() bool { return s.caps.Has("UNSELECT") || s.caps.Has("IMAP4REV2") }

// show is a wire name fit for an error.
func show(name string) string { return printable(wire.DecodeName(name)) }
