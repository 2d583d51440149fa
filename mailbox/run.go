package mailbox

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/mxmove/mxmove/mailbox/journal"
)

// A run is what all accounts of one Copy or Verify share.
type run struct {
	o       Options
	journal *journal.Journal
	memory  *semaphore.Weighted // octets of messages in flight
	began   time.Time           // by Options.Now
	started time.Time           // by the machine's own clock, which never jumps
	bytes   atomic.Int64        // octets sent so far

	bandwidth *bandwidth // nil: not bounded
	sole      bool       // there is no other account

	mu sync.Mutex // held while Options.Events or the list of refused ones is called

	sources, targets lines
}

func newRun(c *Copier, o Options) *run {
	o = o.filled()
	r := &run{o: o, journal: c.Journal, memory: semaphore.NewWeighted(o.Memory), began: o.Now(), started: time.Now()}
	if o.Bandwidth > 0 {
		r.bandwidth = &bandwidth{octets: o.Bandwidth}
	}
	return r
}

// spent says why no further batch may begin, nil while one may.
func (r *run) spent(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-r.o.Stop: // a nil channel never answers
		return ErrStopped
	default:
	}
	switch {
	case r.o.MaxTime > 0 && r.o.Now().Sub(r.began) >= r.o.MaxTime:
		return fmt.Errorf("%w: %s have passed", ErrLimit, r.o.MaxTime)
	case r.o.MaxBytes > 0 && r.bytes.Load() >= r.o.MaxBytes:
		return fmt.Errorf("%w: %d octets are sent", ErrLimit, r.bytes.Load())
	}
	return nil
}

// emit tells whoever listens what happened.
func (r *run) emit(e Event) {
	if r.o.Events == nil {
		return
	}
	e.Time = r.o.Now().UTC()
	e.Mailbox, e.Text = clean(e.Mailbox), clean(e.Text)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.o.Events(e)
}

// acquire takes room for octets in flight. A message larger than all the room
// takes all of it, and travels alone. Without wait it returns nothing where
// there is no room now.
func (r *run) acquire(ctx context.Context, octets int64, wait bool) (release func(), err error) {
	octets = min(octets, r.o.Memory)
	if !wait {
		if !r.memory.TryAcquire(octets) {
			return nil, nil
		}
	} else if r.memory.Acquire(ctx, octets) != nil {
		return nil, context.Cause(ctx)
	}
	return func() { r.memory.Release(octets) }, nil
}

// wait waits for d, or for the end of ctx or of the run.
func (r *run) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-r.o.Stop:
		return ErrStopped
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
