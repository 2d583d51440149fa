package mailbox

import (
	"context"
	"io"
	"sync"
	"time"
)

// A bandwidth bounds how many octets of messages are read in a second, all
// accounts together. A nil one does not bound.
type bandwidth struct {
	octets int64 // in a second

	mu   sync.Mutex
	free time.Time // when what was let through so far is paid for
}

// paidAhead is how much may come at once after a pause.
const paidAhead = 100 * time.Millisecond

// pay returns how long to wait before n further octets.
func (b *bandwidth) pay(now time.Time, n int) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if earliest := now.Add(-paidAhead); b.free.Before(earliest) {
		b.free = earliest
	}
	b.free = b.free.Add(time.Duration(float64(n) / float64(b.octets) * float64(time.Second)))
	return max(0, b.free.Sub(now))
}

// limited is a message that comes no faster than it may. The server is held
// back by what lies unread on the line.
type limited struct {
	io.Reader
	ctx context.Context //nolint:containedctx // it lives as long as the one read that it bounds
	c   *carrier
}

// slice is how much is read at once: small enough that no server takes the
// reader for dead.
const slice = 16 << 10

// Read implements io.Reader.
func (l *limited) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p[:min(len(p), slice)])
	if wait := l.c.bandwidth.pay(time.Now(), n); n > 0 && wait > 0 {
		defer since(&l.c.holds.bandwidth, time.Now())
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-l.ctx.Done():
			return n, context.Cause(l.ctx)
		}
	}
	return n, err
}

// limit bounds a message by the run's bandwidth.
func (c *carrier) limit(ctx context.Context, body io.Reader) io.Reader {
	if c.bandwidth == nil {
		return body
	}
	return &limited{body, ctx, c}
}
