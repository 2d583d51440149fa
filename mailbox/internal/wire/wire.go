// Package wire is the grammar of IMAP (RFC 3501, RFC 9051), read leniently and
// written strictly. It knows no network: a Reader takes octets from anywhere
// and gives responses, the rest are functions over strings.
//
// Real servers write mailbox names in Latin-1, keywords with brackets and
// blanks, dates without a zone, and single blanks while they think. The rule
// throughout is that such a thing costs at most itself: the other items of the
// same line still count, and no line ends a connection unless its length or
// its literals can no longer be told.
package wire

import (
	"time"

	"github.com/emersion/go-imap/v2"
)

// A Digest is a SHA-256 sum; the zero Digest means "not known".
type Digest [32]byte

// IsZero reports whether the digest is not known.
func (d Digest) IsZero() bool { return d == Digest{} }

// A Message is what a mailbox listing tells about one message.
type Message struct {
	UIDValidity uint32
	UID         imap.UID

	// InternalDate keeps the zone as served; zero where the server gave none
	// that could be read.
	InternalDate time.Time

	// Flags holds valid flags and keywords only, without \Recent. Messages of
	// one listing share these slices: do not write into them.
	Flags []imap.Flag

	// OddFlags counts the names that are no valid keyword and were left out.
	OddFlags int

	Size int64

	// Header is the Fingerprint of chosen header fields, zero unless asked for.
	Header Digest

	// Named reports that the header, where it was asked for, has a Message-ID.
	Named bool

	// Body is the SHA-256 of the body with CRLF line ends (see BodyHash), zero
	// until it was streamed.
	Body Digest
}

// A Mailbox is one line of a LIST answer.
type Mailbox struct {
	Wire       string // name as LIST gave it, which goes back into commands
	Name       string // name in UTF-8, for people
	Delim      rune   // hierarchy delimiter; 0 means flat
	Attrs      []imap.MailboxAttr
	Subscribed bool
}

// Selected is what SELECT and EXAMINE tell about a mailbox.
type Selected struct {
	Exists         uint32
	UIDValidity    uint32      // 0: the server gave none
	UIDNext        imap.UID    // 0: the server gave none
	Flags          []imap.Flag // flags in use, valid ones only
	PermanentFlags []imap.Flag // flags that can be stored, valid ones only; may contain \*
	ReadOnly       bool
	HighestModSeq  uint64
}

// Status is what STATUS tells about a mailbox without opening it. A nil field
// was not answered.
type Status struct {
	Name          string // as the server echoes it, often in a spelling of its own
	Messages      *uint32
	UIDNext       *imap.UID
	UIDValidity   *uint32
	Size          *int64
	HighestModSeq *uint64
}
