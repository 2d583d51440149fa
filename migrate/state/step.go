package state

import (
	"context"
	"errors"
	"time"

	"github.com/mxmove/mxmove/migrate/step"
)

// Done is the outcome of a step that has reached its phase.
const Done = "done"

// Begin stores a step before anything of it is done and returns its number.
// Began is set when it is zero.
func (m *Move) Begin(ctx context.Context, s step.Step) (int64, error) {
	return 0, errors.ErrUnsupported
}

// End stores how the step with the number s.ID has ended: Ended, which is set
// when it is zero, Outcome, Gates and Accepted. With the outcome Done the
// phase is the one that the step led to.
func (m *Move) End(ctx context.Context, s step.Step) error { return errors.ErrUnsupported }

// Phase returns the phase that the last successful step has reached, and the
// time when it was first reached in a row.
func (m *Move) Phase(ctx context.Context) (step.Phase, time.Time, error) {
	return step.None, time.Time{}, errors.ErrUnsupported
}

// Steps returns all steps, the oldest first.
func (m *Move) Steps(ctx context.Context) ([]step.Step, error) { return nil, errors.ErrUnsupported }
