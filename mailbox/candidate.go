package mailbox

import (
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

// everything lists a mailbox that was opened, with the headers, by UID. It
// leaves out what apart has.
func everything(ctx context.Context, f fetcher, sel wire.Selected, apart uidSet) (cs []candidate, told int, err error) {
	if sel.Exists == 0 {
		return nil, 0, nil
	}
	cs = make([]candidate, 0, min(sel.Exists, mostAhead))
	err = f.Fetch(ctx, wire.From(1), true, func(m wire.Message) error {
		if len(cs) >= maxMessages {
			return fmt.Errorf("%w: more than %d messages in a mailbox", imapconn.ErrProtocol, maxMessages)
		}
		cs = append(cs, candidateOf(m, unsent))
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	by := func(a, b candidate) int { return int(int64(a.UID) - int64(b.UID)) }
	if !slices.IsSortedFunc(cs, by) {
		slices.SortStableFunc(cs, by)
	}
	cs = slices.CompactFunc(cs, func(a, b candidate) bool { return a.UID == b.UID })
	told = len(cs)
	return slices.DeleteFunc(cs, func(c candidate) bool { return apart.has(c.UID) }), told, nil
}
