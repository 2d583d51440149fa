package migrate

import (
	"context"
	"time"
)

// A Clock tells the time and waits. There is one in a move, so that the demo
// can let it jump where a person would have to wait for a day.
type Clock interface {
	Now() time.Time
	// Sleep returns early with the cause of ctx.
	Sleep(ctx context.Context, d time.Duration) error
}

// SystemClock is the machine's own clock.
type SystemClock struct{}

// Now returns the time in UTC, as it is stored.
func (SystemClock) Now() time.Time { return time.Now().UTC() }

// Sleep waits for d or until ctx ends.
func (SystemClock) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
