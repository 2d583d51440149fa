// Package lane is the bulk path of messages: bodies out of the source in
// batches, and into the target by the fastest way that it announces. Reader
// and Writer share nothing; whoever joins them bounds the memory in between.
package lane

import (
	"context"
	"io"

	"github.com/emersion/go-imap/v2"
)

// A Fetcher gives whole messages: both ends of a move do.
type Fetcher interface {
	Bodies(ctx context.Context, uids []imap.UID, fn func(uid imap.UID, size int64, body io.Reader) error) error
}

// slack is how much larger than listed the messages of a batch may be
// together: sizes are estimates on some servers, and line ends are counted in
// two ways.
const slack = 1 << 20

// Read fetches messages into memory, in all about as many octets as the
// listing has promised by size. One that would take more room comes back as
// large, unread: a server may announce what it likes. What the server leaves
// out is in neither result: silence is no proof that a message is gone.
func Read(ctx context.Context, f Fetcher, uids []imap.UID, size func(imap.UID) int64) (bodies map[imap.UID][]byte, large []imap.UID, err error) {
	bodies = make(map[imap.UID][]byte, len(uids))
	room := int64(slack)
	for _, uid := range uids {
		room += size(uid)
	}
	err = f.Bodies(ctx, uids, func(uid imap.UID, n int64, body io.Reader) error {
		if n < 0 || n > room {
			large = append(large, uid)
			return nil
		}
		room -= n
		octets := make([]byte, n)
		if _, err := io.ReadFull(body, octets); err != nil {
			return err
		}
		bodies[uid] = octets
		return nil
	})
	return bodies, large, err
}
