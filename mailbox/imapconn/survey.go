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

// A Listing is all that a server tells about its mailboxes at once.
type Listing struct {
	Mailboxes  []wire.Mailbox // sorted by their wire name
	Namespaces Namespaces
	Exchange   bool // the server is an Exchange, which shows more than mail
	Gmail      bool // the server is a Gmail, whose mailboxes are labels

	// Status holds what STATUS tells, by wire name. It is nil where the server
	// cannot tell it along with the list (RFC 5819).
	Status map[string]wire.Status
}

// Survey lists everything in one round trip where the server announces enough
// (LIST-EXTENDED, SPECIAL-USE, LIST-STATUS), and falls back to plain LIST and
// LSUB. Names that are only subscribed and no longer exist carry \NonExistent.
func (s *session) Survey(ctx context.Context) (Listing, error) {
	return s.survey(ctx, s.caps.Has("LIST-STATUS"))
}

// List gives the mailboxes of a Survey, without their status.
func (s *session) List(ctx context.Context) ([]wire.Mailbox, error) {
	l, err := s.survey(ctx, false)
	return l.Mailboxes, err
}

func (s *session) survey(ctx context.Context, status bool) (Listing, error) {
	if !s.caps.Has("LIST-EXTENDED") && !s.caps.Has("IMAP4REV2") {
		return s.plainSurvey(ctx)
	}
	options := "SUBSCRIBED"
	if s.caps.Has("SPECIAL-USE") {
		options += " SPECIAL-USE"
	}
	l := &lister{}
	if status {
		options += " STATUS (" + s.statusItems() + ")"
		l.status = make(map[string]wire.Status)
	}
	err := s.all(ctx, []*step{s.id(), s.namespaces(l), l.step(`LIST "" "*" RETURN (` + options + `)`)})
	if err == nil {
		err = l.err
	}
	if refused := new(ResponseError); errors.As(err, &refused) && refused.Status != "BYE" && Class(err) != ClassTemporary {
		return s.plainSurvey(ctx) // announced, and not spoken
	}
	if err != nil {
		return Listing{}, fmt.Errorf("list of mailboxes: %w", err)
	}
	return Listing{Mailboxes: l.mailboxes.sorted(), Namespaces: l.namespaces, Exchange: s.exchange(), Gmail: s.caps.Has(gmail), Status: l.status}, nil
}

// plainSurvey asks as every server understands it.
func (s *session) plainSurvey(ctx context.Context) (Listing, error) {
	l := &lister{}
	lsub := &step{parts: []part{text(`LSUB "" "*"`)}, take: l.take} // one that does not speak it has no subscriptions
	err := s.all(ctx, []*step{s.id(), s.namespaces(l), l.step(`LIST "" "*"`), lsub})
	if err == nil {
		err = l.err
	}
	if err != nil {
		return Listing{}, fmt.Errorf("list of mailboxes: %w", err)
	}
	return Listing{Mailboxes: mark(l.mailboxes.sorted(), l.subscribed.sorted()), Namespaces: l.namespaces, Exchange: s.exchange(), Gmail: s.caps.Has(gmail)}, nil
}

// namespaces asks for the prefixes of names (RFC 2342), where the server
// announces that it knows. A refusal leaves them unknown.
func (s *session) namespaces(l *lister) *step {
	if !s.caps.Has("NAMESPACE") && !s.caps.Has("IMAP4REV2") {
		return nil
	}
	return &step{parts: []part{text("NAMESPACE")}, take: l.take}
}

// lister takes the answers to all commands of a survey, in any order.
type lister struct {
	mailboxes, subscribed boxes
	namespaces            Namespaces
	status                map[string]wire.Status // nil: not asked for
	err                   error                  // of LIST
}

func (l *lister) step(command string) *step {
	return &step{parts: []part{text(command)}, take: l.take, done: func(_ *wire.Response, err error) error {
		l.err = err
		return nil
	}}
}

func (l *lister) take(p *wire.Response) error {
	switch p.Name {
	case "LIST":
		return l.mailboxes.take(p)
	case "LSUB":
		return l.subscribed.take(p)
	case "STATUS":
		if l.status != nil {
			return l.takeStatus(p)
		}
	case "NAMESPACE":
		lists, err := p.Namespaces()
		l.namespaces = Namespaces{lists[0], lists[1], lists[2]}
		return err
	}
	return nil
}

// boxes are mailboxes as they were told, each once.
type boxes struct {
	list []wire.Mailbox
	seen map[string]int
}

func (b *boxes) take(p *wire.Response) error {
	m, ok, err := p.List()
	if err != nil || !ok {
		return err
	}
	if i, double := b.seen[m.Wire]; double {
		b.list[i] = m
		return nil
	}
	if len(b.list) >= maxMailboxes {
		return fmt.Errorf("%w: more than %d mailboxes", ErrProtocol, maxMailboxes)
	}
	if b.seen == nil {
		b.seen = make(map[string]int)
	}
	b.seen[m.Wire] = len(b.list)
	b.list = append(b.list, m)
	return nil
}

func (b *boxes) sorted() []wire.Mailbox {
	slices.SortFunc(b.list, func(a, b wire.Mailbox) int { return strings.Compare(a.Wire, b.Wire) })
	return b.list
}

// takeStatus keeps a status under the name that LIST told. One that comes
// under another spelling is as if it had not come: the mailbox is then looked
// at.
func (l *lister) takeStatus(p *wire.Response) error {
	st, err := p.Status()
	if err != nil {
		return err
	}
	name := st.Name
	if strings.EqualFold(name, "INBOX") {
		for _, m := range l.mailboxes.list {
			if strings.EqualFold(m.Wire, name) {
				name = m.Wire
			}
		}
	}
	if _, listed := l.mailboxes.seen[name]; listed {
		l.status[name] = st
	}
	return nil
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
