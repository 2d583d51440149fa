package imaplab

import (
	"errors"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
)

// A session is one connection as imapserver sees it. imapserver calls it from
// one goroutine, the one that also reads from the front; only Idle runs beside.
type session struct {
	srv   *Server
	front *conn
	acct  *Account // nil before the login
	view  *view    // nil unless a mailbox is selected

	until time.Time // when the token that opened the session has expired; zero: never
}

var (
	_ imapserver.SessionIMAP4rev2 = (*session)(nil)
	_ imapserver.SessionSASL      = (*session)(nil)
)

func (s *Server) newSession(ic *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
	c, ok := ic.NetConn().(*conn)
	if !ok {
		return nil, nil, errors.New("imaplab: a connection without a front")
	}
	c.sess = &session{srv: s, front: c}
	return c.sess, nil, nil
}

// no is a refusal with a response code (RFC 5530).
func no(code imap.ResponseCode, text string) error {
	return &imap.Error{Type: imap.StatusResponseTypeNo, Code: code, Text: text}
}

func (s *session) Close() error { return nil }

// Login also serves AUTHENTICATE PLAIN. A wrong password costs nothing but the
// count: tests look at how often a client tries.
func (s *session) Login(user, password string) error {
	a, err := s.srv.login(user, password)
	if err != nil {
		return err
	}
	s.acct = a
	return nil
}

func (s *session) Namespace() (*imap.NamespaceData, error) {
	d := imap.NamespaceDescriptor{Prefix: s.srv.opts.Prefix, Delim: s.srv.opts.Delim}
	return &imap.NamespaceData{Personal: []imap.NamespaceDescriptor{d}}, nil
}

// Create refuses what Courier and Dovecot refuse: names outside the personal
// namespace and names with an empty level.
func (s *session) Create(name string, o *imap.CreateOptions) error {
	a := s.acct
	name = canonical(strings.TrimSuffix(name, a.delim))
	a.mu.Lock()
	defer a.mu.Unlock()
	switch _, err := a.box(name); {
	case err == nil:
		return no(imap.ResponseCodeAlreadyExists, "Mailbox exists")
	case !strings.HasPrefix(name, a.prefix):
		return no(imap.ResponseCodeCannot, "Outside the personal namespace")
	case name == "" || strings.HasPrefix(name, a.delim) || strings.Contains(name, a.delim+a.delim):
		return no(imap.ResponseCodeCannot, "Invalid mailbox name")
	}
	b := a.make(name)
	if o != nil && len(o.SpecialUse) > 0 {
		b.use = o.SpecialUse[0]
	}
	return nil
}

// Delete leaves the name of a mailbox that has others below it (RFC 9051,
// section 6.3.5).
func (s *session) Delete(name string) error {
	a := s.acct
	name = canonical(name)
	a.mu.Lock()
	defer a.mu.Unlock()
	if name == "INBOX" {
		return no(imap.ResponseCodeCannot, "INBOX stays")
	}
	if a.boxes[name] == nil {
		return no(imap.ResponseCodeNonExistent, "No such mailbox")
	}
	if a.children(name) {
		a.boxes[name] = &mailbox{name: name, noSelect: true}
	} else {
		delete(a.boxes, name)
	}
	return nil
}

// children reports whether a name has others below it. The caller holds mu.
func (a *Account) children(name string) bool {
	for other := range a.boxes {
		if strings.HasPrefix(other, name+a.delim) {
			return true
		}
	}
	return false
}

// Rename takes the mailboxes below along; UIDVALIDITY and UIDs stay. INBOX,
// whose renaming means something else, is refused.
func (s *session) Rename(from, to string, _ *imap.RenameOptions) error {
	a := s.acct
	from, to = canonical(from), canonical(to)
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case from == "INBOX":
		return no(imap.ResponseCodeCannot, "INBOX stays")
	case a.boxes[from] == nil:
		return no(imap.ResponseCodeNonExistent, "No such mailbox")
	case a.boxes[to] != nil:
		return no(imap.ResponseCodeAlreadyExists, "Mailbox exists")
	}
	for _, name := range sortedKeys(a.boxes) {
		if name != from && !strings.HasPrefix(name, from+a.delim) {
			continue
		}
		b := a.boxes[name]
		delete(a.boxes, name)
		b.name = to + strings.TrimPrefix(name, from)
		a.boxes[b.name] = b
	}
	return nil
}

func (s *session) Subscribe(name string) error {
	s.acct.Subscribe(name)
	return nil
}

func (s *session) Unsubscribe(name string) error {
	s.acct.mu.Lock()
	defer s.acct.mu.Unlock()
	delete(s.acct.subscribed, canonical(name))
	return nil
}

func (s *session) Status(name string, o *imap.StatusOptions) (*imap.StatusData, error) {
	s.acct.mu.Lock()
	defer s.acct.mu.Unlock()
	b, err := s.acct.box(name)
	if err != nil {
		return nil, no(imap.ResponseCodeNonExistent, "No such mailbox")
	}
	return s.status(b, o), nil
}

// status reads all items, asked for or not. The caller holds the account.
func (s *session) status(b *mailbox, _ *imap.StatusOptions) *imap.StatusData {
	messages, deleted := uint32(len(b.msgs)), b.count(imap.FlagDeleted)
	unseen, recent := messages-b.count(imap.FlagSeen), uint32(0)
	size, held := b.size(), int64(0)
	data := &imap.StatusData{
		Mailbox: b.name, NumMessages: &messages, UIDNext: b.next, UIDValidity: b.validity,
		NumUnseen: &unseen, NumDeleted: &deleted, NumRecent: &recent, Size: &size, DeletedStorage: &held,
	}
	if s.srv.opts.AppendLimit > 0 {
		limit := uint32(s.srv.opts.AppendLimit)
		data.AppendLimit = &limit
	}
	return data
}

// Append is never called: the front keeps the command to itself.
func (s *session) Append(string, imap.LiteralReader, *imap.AppendOptions) (*imap.AppendData, error) {
	return nil, errors.New("imaplab: the front speaks APPEND")
}

// Select remembers which messages the client is told of: sequence numbers are
// positions among these.
func (s *session) Select(name string, o *imap.SelectOptions) (*imap.SelectData, error) {
	data, err := s.open(name, o)
	if err == nil && s.front.speaks(imap.CapCondStore) {
		err = s.front.reply("* OK [HIGHESTMODSEQ %d] highest", s.view.version)
	}
	return data, err
}

func (s *session) open(name string, o *imap.SelectOptions) (*imap.SelectData, error) {
	s.acct.mu.Lock()
	defer s.acct.mu.Unlock()
	b, err := s.acct.box(name)
	if err != nil {
		return nil, no(imap.ResponseCodeNonExistent, "No such mailbox")
	}
	if s.srv.opts.Restless && !b.settled {
		if b.settled = o == nil || !o.ReadOnly; !b.settled {
			b.validity += 1000 // stays apart from those of others
		}
	}
	v := &view{acct: s.acct, box: b, readOnly: o != nil && o.ReadOnly, version: b.version}
	for _, m := range b.msgs {
		v.known = append(v.known, m.uid)
	}
	s.view = v
	flags := b.flags()
	data := &imap.SelectData{
		Flags: flags, PermanentFlags: flags, NumMessages: uint32(len(b.msgs)),
		UIDNext: b.next, UIDValidity: b.validity,
	}
	switch {
	case v.readOnly:
		data.PermanentFlags = nil
	case s.srv.opts.permanent() != nil:
		data.PermanentFlags = s.srv.opts.permanent()
	default:
		data.PermanentFlags = append(append([]imap.Flag(nil), flags...), imap.FlagWildcard)
	}
	return data, nil
}

func (s *session) Unselect() error {
	s.view = nil
	return nil
}

// Poll is called by imapserver at the end of every command.
func (s *session) Poll(_ *imapserver.UpdateWriter, allowExpunge bool) error {
	return s.sync(allowExpunge)
}

// sync tells the client what others did to the selected mailbox. It writes
// below imapserver, whose own buffer is empty between two responses.
func (s *session) sync(allowExpunge bool) error {
	if s.view == nil {
		return nil
	}
	return s.front.writeLines(s.view.news(allowExpunge))
}

// Idle takes the channel before it looks, so that a change between the look
// and the wait is not missed.
func (s *session) Idle(_ *imapserver.UpdateWriter, stop <-chan struct{}) error {
	if s.view == nil {
		<-stop
		return nil
	}
	for {
		changed := s.view.changed()
		if err := s.sync(true); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-stop:
			return nil
		}
	}
}
