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
}

// NewBatch returns a batch for messages that were listed with so many octets
// together.
func NewBatch(octets int64) *Batch {
	return &Batch{Bodies: make(map[imap.UID][]byte), room: octets + slack}
}

// Take takes one message in.
func (b *Batch) Take(uid imap.UID, n int64, body io.Reader) error {
	if n < 0 || n > b.room {
		b.Large = append(b.Large, uid)
		return nil
	}
	b.room -= n
	octets := make([]byte, n)
	if _, err := io.ReadFull(body, octets); err != nil {
		return err
	}
	b.Bodies[uid] = octets
	return nil
}
