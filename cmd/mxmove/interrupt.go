package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// grace is how long what is in flight may take after the first Ctrl-C.
const grace = 30 * time.Second

// interruptible returns a context for the command. The first signal asks it
// to finish what is in flight and stop; the second, or the end of the grace,
// ends it at once, which is safe too.
func interruptible(parent context.Context, a *app) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	soft := make(chan struct{})
	a.stop = soft
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-signals:
		case <-ctx.Done():
			return
		}
		close(soft)
		a.term.say("stopping after what is in flight; once more stops at once")
		select {
		case <-signals:
		case <-time.After(grace):
		case <-ctx.Done():
			return
		}
		cancel(errInterrupted)
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(context.Canceled)
		<-done
	}
}
