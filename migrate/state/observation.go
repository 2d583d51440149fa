package state

import (
	"context"
	"errors"
	"time"
)

// An Observation is something seen at a time, such as that a stage was
// visible on every server. Waits are counted from observations, never from
// the wish.
type Observation struct {
	Kind    string    // such as "visible"
	Subject string    // such as "prepare"
	At      time.Time // stored in UTC
	Value   string    // what was seen; may be empty
}

// Observe stores an observation after those of the same kind and subject.
func (m *Move) Observe(ctx context.Context, o Observation) error { return errors.ErrUnsupported }

// Observations returns all of a kind and subject in the order in which they
// were stored, not of their times: a clock may have been set back.
func (m *Move) Observations(ctx context.Context, kind, subject string) ([]Observation, error) {
	return nil, errors.ErrUnsupported
}

// Latest returns the observation of a kind and subject that was stored last.
func (m *Move) Latest(ctx context.Context, kind, subject string) (o Observation, ok bool, err error) {
	return Observation{}, false, errors.ErrUnsupported
}

// Forget drops the observations of a kind and subject: what was seen before
// an undo proves nothing after it.
func (m *Move) Forget(ctx context.Context, kind, subject string) error {
	return errors.ErrUnsupported
}

// Newest returns the latest time that any step, observation or change has
// been stored with. A clock that shows less has been set back.
func (m *Move) Newest(ctx context.Context) (time.Time, error) {
	return time.Time{}, errors.ErrUnsupported
}
