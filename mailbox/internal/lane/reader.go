// Package lane is the bulk path of messages: bodies out of the source in
// batches, and into the target by the fastest way that it announces. Reader
// and Writer share nothing; whoever joins them bounds the memory in between.
package lane

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/emersion/go-imap/v2"
)

// ErrSize means that a server announced far more octets for a message than its
// listing had said.
var ErrSize = errors.New("lane: message larger than listed")

// A Fetcher gives whole messages: both ends of a move do.
type Fetcher interface {
	Bodies(ctx context.Context, uids []imap.UID, fn func(uid imap.UID, size int64, body io.Reader) error) error
}

// slack is how much larger than listed a message may be: sizes are estimates
// on some servers, and line ends are counted in two ways.
const slack = 1 << 20

// Read fetches messages into memory. Limit says what the listing told of
// their sizes. What the server leaves out is not in the result: silence is no
// proof that a message is gone.
func Read(ctx context.Context, f Fetcher, uids []imap.UID, limit func(imap.UID) int64) (map[imap.UID][]byte, error) {
	bodies := make(map[imap.UID][]byte, len(uids))
	err := f.Bodies(ctx, uids, func(uid imap.UID, size int64, body io.Reader) error {
		if size < 0 || size > 2*limit(uid)+slack {
			return fmt.Errorf("uid %d of %d octets: %w", uid, size, ErrSize)
		}
		octets := make([]byte, size)
		if _, err := io.ReadFull(body, octets); err != nil {
			return err
		}
		bodies[uid] = octets
		return nil
	})
	return bodies, err
}
