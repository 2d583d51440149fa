package migrate

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/migrate/step"
)

// A Clock tells the time and waits. There is one in a move, so that the demo
// can let it jump where a person would have to wait for a day.
type Clock interface {
	Now() time.Time
	// Sleep returns early with the cause of ctx.
	Sleep(ctx context.Context, d time.Duration) error
}

// wait sleeps where a person may look on for minutes or days: what is said on
// the way there has long scrolled away, so the wait shows itself. Nothing is
// in flight meanwhile, so a stop ends it at once, with ErrStopped.
func (m *Move) wait(ctx context.Context, stop <-chan struct{}, d time.Duration, phase step.Phase, what string) error {
	m.emit(Event{Type: Waiting, Phase: phase, Text: what, Until: m.o.Clock.Now().Add(d)})
	defer m.emit(Event{Type: Waiting, Phase: phase})
	ctx, cancel := context.WithCancelCause(ctx)
	var g errgroup.Group
	g.Go(func() error {
		select {
		case <-stop:
			cancel(mailbox.ErrStopped)
		case <-ctx.Done():
		}
		return nil
	})
	err := m.o.Clock.Sleep(ctx, d)
	cancel(nil)
	_ = g.Wait() // it has no error
	return err
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
