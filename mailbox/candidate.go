package mailbox

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// A candidate is a message that may be the same as one on the other side. A
// mailbox may hold a million of them, so it takes half the room of a Message.
type candidate struct {
	UID     imap.UID
	zone    int16 // of INTERNALDATE, in minutes
	claim   claim
	traits  trait
	Size    int64
	seconds int64       // INTERNALDATE, in Unix time
	Header  wire.Digest // zero: not told
	read    *content    // nil: it was not read
}

// A claim says how sure a source message is to be found at the target. The
// surer ones choose first.
type claim uint8

const (
	stored  claim = iota // the target said OK without naming the UID
	doubted claim = iota // it was on its way when the connection was lost
	unsent  claim = iota // never sent by us
)

// A trait is something that a message has or not.
type trait uint8

const (
	hasDate   trait = 1 << iota // it has an INTERNALDATE
	hasID     trait = 1 << iota // it has a Message-ID
	isDeleted trait = 1 << iota // it bears \Deleted
)

// content is what the octets of a message say.
type content struct {
	text  wire.Digest // of what stands behind the header
	whole wire.Digest // of all, zero where only the text counts
}

// candidateOf takes over what a listing says of a message.
func candidateOf(m Message, claim claim) candidate {
	c := candidate{UID: m.UID, Size: m.Size, Header: m.Header, claim: claim}
	if !m.InternalDate.IsZero() {
		_, zone := m.InternalDate.Zone()
		c.traits, c.zone, c.seconds = hasDate, int16(zone/60), m.InternalDate.Unix()
	}
	if m.Named {
		c.traits |= hasID
	}
	if slices.Contains(m.Flags, imap.FlagDeleted) {
		c.traits |= isDeleted
	}
	return c
}

func (c candidate) named() bool { return c.traits&hasID != 0 }

// date is the INTERNALDATE, zero where there is none.
func (c candidate) date() time.Time {
	if c.traits&hasDate == 0 {
		return time.Time{}
	}
	return time.Unix(c.seconds, 0).In(time.FixedZone("", int(c.zone)*60))
}

// meets reports whether two messages have the same INTERNALDATE.
func (c candidate) meets(o candidate) bool {
	return c.seconds == o.seconds && c.traits&hasDate == o.traits&hasDate
}

// text is the digest of what stands behind the header, zero where it was not
// read.
func (c candidate) text() wire.Digest {
	if c.read == nil {
		return wire.Digest{}
	}
	return c.read.text
}

// message is the candidate as others see it.
func (c candidate) message() Message {
	return Message{UID: c.UID, InternalDate: c.date(), Size: c.Size, Header: c.Header, Named: c.named()}
}

// mostAhead bounds the room that is made for messages before they are told: a
// server may say that there are as many as it likes.
const mostAhead = 1 << 20

// A sight is all of a mailbox, as its server tells it.
type sight struct {
	messages []candidate // by UID
	left     int         // left out, since they are copied from other mailboxes
	silent   []imap.UID  // exist, and the server gives nothing for them
}

// everything lists a mailbox that was opened, with the headers. It leaves out
// what apart has.
func (v *verifier) everything(ctx context.Context, f searcher, sel wire.Selected, apart uidSet, name string) (s sight, err error) {
	if sel.Exists == 0 {
		return s, nil
	}
	s.messages = make([]candidate, 0, min(sel.Exists, mostAhead))
	err = f.Fetch(ctx, wire.From(1), true, counting(v.counter(name), func(m wire.Message) error {
		if len(s.messages) >= maxMessages {
			return fmt.Errorf("%w: more than %d messages in a mailbox", imapconn.ErrProtocol, maxMessages)
		}
		s.messages = append(s.messages, candidateOf(m, unsent))
		return nil
	}))
	if err != nil {
		return sight{}, err
	}
	s.order()
	if short(sel, len(s.messages), func(i int) imap.UID { return s.messages[i].UID }) {
		if err := s.again(ctx, f); err != nil {
			return sight{}, err
		}
	}
	all := len(s.messages) + len(s.silent)
	s.messages = slices.DeleteFunc(s.messages, func(c candidate) bool { return apart.has(c.UID) })
	s.silent = slices.DeleteFunc(s.silent, apart.has)
	s.left = all - len(s.messages) - len(s.silent)
	return s, nil
}

// order sorts what was told by UID, each once.
func (s *sight) order() {
	by := func(a, b candidate) int { return cmp.Compare(a.UID, b.UID) }
	if !slices.IsSortedFunc(s.messages, by) {
		slices.SortStableFunc(s.messages, by)
	}
	s.messages = slices.CompactFunc(s.messages, func(a, b candidate) bool { return a.UID == b.UID })
}

// again asks for what was not told, in the mailbox that is open.
func (s *sight) again(ctx context.Context, f searcher) error {
	told := func(uid imap.UID) bool {
		_, ok := slices.BinarySearchFunc(s.messages, uid, func(c candidate, uid imap.UID) int { return cmp.Compare(c.UID, uid) })
		return ok
	}
	more, silent, err := leftOut(ctx, f, true, told)
	for _, m := range more {
		s.messages = append(s.messages, candidateOf(m, unsent))
	}
	s.silent = silent
	s.order()
	return err
}
