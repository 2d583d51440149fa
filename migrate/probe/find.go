package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
)

// ErrNotFound is returned by Find while the probe is not there. Mail takes
// its time; the caller looks again by its own clock.
var ErrNotFound = errors.New("probe: the message has not arrived")

// Bounds of one look: a probe is young and small.
const (
	lookBack  = 100
	lookBatch = 10
	maxProbe  = 1 << 20
)

// A Mailbox is where probes arrive: an account elsewhere. It is only read,
// and no message is marked as seen. It remembers what it has looked at, so
// that looking again is cheap; it serves one goroutine.
type Mailbox struct {
	Endpoint imapconn.Endpoint
	Login    imapconn.Login

	token  string
	looked map[string]mark
}

// A mark is how far a mailbox was looked through.
type mark struct {
	validity uint32
	next     imap.UID
}

// A Found is a probe that arrived, as the server stores it.
type Found struct {
	Mailbox string // as people see it: INBOX, or where spam goes
	Message []byte

	// Envelope is how the message was handed in, where a Listener took it; of
	// one from a mailbox it is nil, and the trace fields tell.
	Envelope *Envelope
}

// Find looks once, in INBOX and in the mailbox for spam, for the message that
// carries the token in its header, and returns ErrNotFound when it is not
// there yet.
func (m *Mailbox) Find(ctx context.Context, token string) (Found, error) {
	if err := checkToken(token); err != nil {
		return Found{}, err
	}
	if m.token != token {
		m.token, m.looked = token, map[string]mark{}
	}
	src, err := imapconn.DialSource(ctx, m.Endpoint, m.Login)
	if err != nil {
		return Found{}, fmt.Errorf("probe mailbox: %w", err)
	}
	defer src.Close()
	list, err := src.List(ctx)
	if err != nil {
		return Found{}, fmt.Errorf("probe mailbox: list: %w", err)
	}
	for _, mb := range list {
		if !receives(mb.Name, mb.Attrs) {
			continue
		}
		msg, err := m.look(ctx, src, mb.Wire)
		if err != nil {
			return Found{}, fmt.Errorf("probe mailbox: %s: %w", printable(mb.Name, 64), err)
		}
		if msg != nil {
			return Found{Mailbox: mb.Name, Message: msg}, nil
		}
	}
	return Found{}, ErrNotFound
}

// Find is one look with a [Mailbox] of its own, for a caller that keeps none.
func Find(ctx context.Context, e imapconn.Endpoint, l imapconn.Login, token string) ([]byte, error) {
	m := &Mailbox{Endpoint: e, Login: l}
	found, err := m.Find(ctx, token)
	return found.Message, err
}

// look reads what is new in one mailbox, the newest first. It goes by UID
// alone: a header search is slow on large mailboxes and lags behind delivery
// on some servers.
func (m *Mailbox) look(ctx context.Context, src *imapconn.Source, wire string) ([]byte, error) {
	sel, err := src.Examine(ctx, wire)
	if err != nil {
		return nil, err
	}
	if sel.Exists == 0 || sel.UIDNext <= 1 {
		return nil, nil
	}
	lowest := imap.UID(1)
	if sel.UIDNext > lookBack {
		lowest = sel.UIDNext - lookBack
	}
	if k, ok := m.looked[wire]; ok && k.validity == sel.UIDValidity {
		lowest = max(lowest, k.next)
	}
	for next := sel.UIDNext; next > lowest; {
		var uids []imap.UID
		for len(uids) < lookBatch && next > lowest {
			next--
			uids = append(uids, next)
		}
		slices.Reverse(uids)
		msg, err := m.read(ctx, src, uids)
		if err != nil || msg != nil {
			return msg, err
		}
	}
	m.looked[wire] = mark{sel.UIDValidity, sel.UIDNext}
	return nil, nil
}

// read fetches some messages and returns the one with the token.
func (m *Mailbox) read(ctx context.Context, src *imapconn.Source, uids []imap.UID) (found []byte, err error) {
	err = src.Bodies(ctx, uids, func(_ imap.UID, size int64, body io.Reader) error {
		if size > maxProbe || found != nil {
			_, err := io.Copy(io.Discard, body)
			return err
		}
		msg, err := io.ReadAll(body)
		if err == nil && carries(msg, m.token) {
			found = msg
		}
		return err
	})
	return found, err
}

// carries reports whether the header holds the token. Providers rewrite the
// Message-ID, and some the subject, hardly ever both.
func carries(msg []byte, token string) bool {
	header, _, _ := bytes.Cut(withCRLF(msg), []byte("\r\n\r\n"))
	return bytes.Contains(header, []byte(token))
}

// receives reports whether new mail comes into a mailbox.
func receives(name string, attrs []imap.MailboxAttr) bool {
	for _, a := range attrs {
		if strings.EqualFold(string(a), string(imap.MailboxAttrNoSelect)) ||
			strings.EqualFold(string(a), string(imap.MailboxAttrNonExistent)) {
			return false
		}
		if strings.EqualFold(string(a), string(imap.MailboxAttrJunk)) {
			return true
		}
	}
	last := name[strings.LastIndexAny(name, "./")+1:]
	switch strings.ToLower(last) {
	case "inbox":
		return strings.EqualFold(name, "INBOX")
	case "junk", "spam", "junk email", "junk e-mail", "bulk mail":
		return true
	}
	return false
}
