package mailbox

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mxmove/mxmove/mailbox/imapconn"
)

// ends are the two connections over which one mailbox after another is
// copied, opened when they are needed. They are owned by one goroutine.
type ends struct {
	account *Account
	source  *imapconn.Source
	target  *imapconn.Target
	opening *errgroup.Group // connects; nil: nothing is under way
}

// begin connects while something else is done. Open, or close, waits for it.
func (e *ends) begin(ctx context.Context) {
	e.opening = new(errgroup.Group)
	e.opening.Go(func() error { return e.connect(ctx) })
}

// begun waits for what begin has begun.
func (e *ends) begun() error {
	if e.opening == nil {
		return nil
	}
	err := e.opening.Wait()
	e.opening = nil
	return err
}

// open connects whatever is not connected.
func (e *ends) open(ctx context.Context) error {
	if err := e.begun(); err != nil {
		return err
	}
	return e.connect(ctx)
}

func (e *ends) connect(ctx context.Context) error {
	return both(func() error { return e.openSource(ctx) }, func() error { return e.openTarget(ctx) })
}

// live reports whether both connections are there and not broken.
func (e *ends) live() bool {
	return e.source != nil && e.target != nil && e.source.Alive() && e.target.Alive()
}

// both does something on each side at the same time, and waits for both. The
// source's error comes first.
func both(source, target func() error) error {
	var g errgroup.Group
	var err error
	g.Go(func() error {
		err = source()
		return nil
	})
	g.Go(target)
	if other := g.Wait(); err == nil {
		err = other
	}
	return err
}

func (e *ends) openSource(ctx context.Context) (err error) {
	if e.source == nil || !e.source.Alive() {
		e.source, err = imapconn.DialSource(ctx, e.account.Source.Endpoint, e.account.Source.Login)
	}
	if err != nil {
		e.source = nil
		return fmt.Errorf("source of %s: %w", e.account.Name, err)
	}
	return nil
}

func (e *ends) openTarget(ctx context.Context) (err error) {
	if e.target != nil && !e.target.Alive() {
		e.closeTarget()
	}
	if e.target == nil {
		e.target, err = imapconn.DialTarget(ctx, e.account.Target.Endpoint, e.account.Target.Login)
	}
	if err != nil {
		e.target = nil
		return fmt.Errorf("target of %s: %w", e.account.Name, err)
	}
	return nil
}

// freshTarget connects to the target anew: a look must not be answered from
// what an old session believes.
func (e *ends) freshTarget(ctx context.Context) error {
	e.closeTarget()
	return e.openTarget(ctx)
}

func (e *ends) closeTarget() {
	if e.target != nil {
		_ = e.target.Close() // nothing is under way, and nobody could act on it
		e.target = nil
	}
}

func (e *ends) close() {
	_ = e.begun() // what has come of it is closed
	if e.source != nil {
		_ = e.source.Close() // as above
		e.source = nil
	}
	e.closeTarget()
}

// refused reports whether an error is a server's NO or BAD: it concerns what
// was asked for, and the connection is in order behind it.
func refused(err error) bool {
	var answer *imapconn.ResponseError
	return errors.As(err, &answer) && answer.Status != "BYE"
}

// tries is how often something is begun again after a temporary failure, as
// long as it makes no progress.
const tries = 3

// longestWait bounds the time that a run waits for a server that asks for
// patience; beyond it the run ends, and the same command later is right.
const longestWait = 10 * time.Minute

// again reports whether an error may pass when the same is tried on other
// connections, and how long to wait before.
func again(err error, attempt int, base time.Duration) (time.Duration, bool) {
	if early(err) {
		return 0, false
	}
	switch imapconn.Class(err) {
	case imapconn.ClassTemporary, imapconn.ClassProtocol:
	default:
		return 0, false
	}
	if d, ok := imapconn.ThrottleDelay(err); ok {
		return d, d <= longestWait
	}
	d := base << (attempt - 1)
	return d/2 + rand.N(d), true
}
