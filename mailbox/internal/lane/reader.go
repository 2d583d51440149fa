// Package lane is the bulk path of messages: bodies out of the source in
// batches, and into the target by the fastest way that it announces. Reader
// and Writer share nothing; whoever joins them bounds the memory in between.
package lane

import (
	"io"

	"github.com/emersion/go-imap/v2"
)

// slack is how much larger than listed the messages of a batch may be
// together: sizes are estimates on some servers, and line ends are counted in
// two ways.
const slack = 1 << 20

// A Batch takes messages into memory, in all about as many octets as their
// listing has promised. One that would take more room is large, and stays
// unread: a server may announce what it likes. What the server leaves out is
// in neither: silence is no proof that a message is gone.
type Batch struct {
	Bodies map[imap.UID][]byte
	Large  []imap.UID
	room   int64
	listed int64
	slab   []byte // of so many octets as were listed, at the first body
}

// NewBatch returns a batch for messages that were listed with so many octets
// together.
func NewBatch(octets int64) *Batch {
	return &Batch{Bodies: make(map[imap.UID][]byte), room: octets + slack, listed: octets}
}

// Take takes one message in.
func (b *Batch) Take(uid imap.UID, n int64, body io.Reader) error {
	if n < 0 || n > b.room {
		b.Large = append(b.Large, uid)
		return nil
	}
	b.room -= n
	octets := b.take(n)
	if _, err := io.ReadFull(body, octets); err != nil {
		return err
	}
	b.Bodies[uid] = octets
	return nil
}

// take returns room for a body. The bodies of a batch lie side by side, since
// they come and go together.
func (b *Batch) take(n int64) []byte {
	if b.slab == nil {
		b.slab = make([]byte, b.listed)
	}
	if n > int64(len(b.slab)) {
		return make([]byte, n)
	}
	octets := b.slab[:n:n]
	b.slab = b.slab[n:]
	return octets
}
