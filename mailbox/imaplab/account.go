package imaplab

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
)

// ErrNoMailbox is returned for a mailbox that the account does not have.
var ErrNoMailbox = errors.New("imaplab: no such mailbox")

// A Message is what a mailbox holds. Bodies are kept octet for octet and must
// not be changed by whoever gets one.
type Message struct {
	UID   imap.UID // given by the mailbox
	Body  []byte
	Date  time.Time // INTERNALDATE, with its zone; zero means now
	Flags []imap.Flag
}

// An Account is one login and its mailboxes. Its methods are the test's own
// hand: they do what other clients and the delivery agent would do.
type Account struct {
	user   string
	delim  string
	prefix string
	gmail  bool
	fold   bool // names that differ only in case are one mailbox

	mu         sync.Mutex
	password   string
	logins     int
	boxes      map[string]*mailbox
	subscribed map[string]bool
	validity   uint32 // the last UIDVALIDITY given out
}

// firstValidity makes UIDVALIDITY look like the time values that servers use.
const firstValidity = 1700000000

// newAccount makes an account as a server gives it to a new user: INBOX alone,
// subscribed.
func newAccount(o Options, user, password string) *Account {
	a := &Account{
		user:       user,
		delim:      string(o.Delim),
		prefix:     o.Prefix,
		gmail:      o.Gmail,
		fold:       o.AnyCase,
		password:   password,
		boxes:      make(map[string]*mailbox),
		subscribed: map[string]bool{"INBOX": true},
		validity:   firstValidity,
	}
	a.make("INBOX")
	return a
}

// User returns the account's login name.
func (a *Account) User() string { return a.user }

// try checks a password and counts the attempt.
func (a *Account) try(password string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.logins++
	return a.password == password
}

// Logins counts the login attempts to this account, successful or not.
func (a *Account) Logins() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.logins
}

// SetPassword changes the password; who is logged in stays so.
func (a *Account) SetPassword(password string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.password = password
}

// canonical spells INBOX in one way (RFC 3501, section 5.1).
func canonical(name string) string {
	if strings.EqualFold(name, "INBOX") {
		return "INBOX"
	}
	return name
}

// box finds a mailbox that can be opened; a name that only stands above others
// cannot. The caller holds mu.
func (a *Account) box(name string) (*mailbox, error) {
	b := a.boxes[canonical(name)]
	if b == nil && a.fold {
		for other := range a.boxes {
			if strings.EqualFold(other, name) {
				b = a.boxes[other]
			}
		}
	}
	if b == nil || b.noSelect {
		return nil, fmt.Errorf("%w: %q", ErrNoMailbox, name)
	}
	return b, nil
}

// make adds a mailbox and, as names without content, its parents, as servers
// with a file system below them do. Each mailbox gets another UIDVALIDITY, also
// one of a name that was there before: its UIDs begin anew. The caller holds mu.
func (a *Account) make(name string) *mailbox {
	for i, r := range name {
		if string(r) == a.delim && i > 0 && a.boxes[name[:i]] == nil && name[:i]+a.delim != a.prefix {
			a.boxes[name[:i]] = &mailbox{name: name[:i], noSelect: true}
		}
	}
	a.validity++
	b := &mailbox{name: name, validity: a.validity, next: 1, version: 1, changed: make(chan struct{})}
	a.boxes[name] = b
	return b
}

// Create adds a mailbox by its full name as the server shows it, in UTF-8; use
// is its special use or empty. An existing mailbox only gets the use.
func (a *Account) Create(name string, use imap.MailboxAttr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b, err := a.box(name)
	if err != nil {
		b = a.make(canonical(name))
	}
	b.use = use
}

// Rename gives a mailbox another name, as a user's client does. The mailboxes
// below go along; UIDVALIDITY and UIDs stay.
func (a *Account) Rename(from, to string) error {
	return (&session{acct: a}).Rename(from, to, nil)
}

// Delete takes a mailbox away with its messages, as a user's client does.
func (a *Account) Delete(name string) error { return (&session{acct: a}).Delete(name) }

// Subscribe puts a name on the list of subscriptions, whether there is such a
// mailbox or not (RFC 9051, section 6.3.7).
func (a *Account) Subscribe(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.subscribed[canonical(name)] = true
}

// Subscribed returns the subscriptions, sorted.
func (a *Account) Subscribed() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return sortedKeys(a.subscribed)
}

// Deliver adds a message, as a delivery agent does, and returns its UID.
func (a *Account) Deliver(name string, m Message) (imap.UID, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b, err := a.box(name)
	if err != nil {
		return 0, err
	}
	return a.add(b, m), nil
}

// Remove takes a message away, as a user who deletes and expunges it does.
func (a *Account) Remove(name string, uid imap.UID) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	b, err := a.box(name)
	if err != nil {
		return err
	}
	b.remove(func(m *stored) bool { return m.uid == uid })
	return nil
}

// SetFlags replaces the flags of a message, as a user's client does. A UID
// that is gone is no error: the user was faster.
func (a *Account) SetFlags(name string, uid imap.UID, flags ...imap.Flag) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	b, err := a.box(name)
	if err != nil {
		return err
	}
	if m := b.find(uid); m != nil {
		b.setFlags(m, unique(flags), nil)
	}
	return nil
}

// SetUIDValidity gives a mailbox another UIDVALIDITY; its UIDs stay, as after
// a restore from a backup. Clients learn of it when they select it again.
func (a *Account) SetUIDValidity(name string, validity uint32) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	b, err := a.box(name)
	if err != nil {
		return err
	}
	b.validity = validity
	return nil
}

// SetUIDNext lets the UIDs of new messages begin at next, or behind those that
// are there. Lower than it was, as a broken server has it, other messages get
// UIDs that were in use before.
func (a *Account) SetUIDNext(name string, next imap.UID) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	b, err := a.box(name)
	if err != nil {
		return err
	}
	for _, m := range b.msgs {
		next = max(next, m.uid+1)
	}
	b.next = next
	return nil
}

// UIDValidity returns the UIDVALIDITY of a mailbox, 0 where there is none.
func (a *Account) UIDValidity(name string) uint32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	b, err := a.box(name)
	if err != nil {
		return 0
	}
	return b.validity
}

// Mailboxes returns the names of the mailboxes that can be opened, in full and
// in UTF-8, sorted.
func (a *Account) Mailboxes() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var names []string
	for _, name := range sortedKeys(a.boxes) {
		if !a.boxes[name].noSelect {
			names = append(names, name)
		}
	}
	return names
}

// Use returns the special use of a mailbox, or nothing.
func (a *Account) Use(name string) imap.MailboxAttr {
	a.mu.Lock()
	defer a.mu.Unlock()
	b, err := a.box(name)
	if err != nil {
		return ""
	}
	return b.use
}

// Messages returns what a mailbox holds, in the order of UIDs. A mailbox that
// is not there holds nothing.
func (a *Account) Messages(name string) []Message {
	a.mu.Lock()
	defer a.mu.Unlock()
	b, err := a.box(name)
	if err != nil {
		return nil
	}
	out := make([]Message, 0, len(b.msgs))
	for _, m := range b.msgs {
		out = append(out, Message{UID: m.uid, Body: m.body, Date: m.date, Flags: slices.Clone(m.flags)})
	}
	return out
}
