package state

import (
	"context"
	"errors"

	"github.com/mxmove/mxmove/dnsplan"
)

// AppendApplied stores changes that were published, after all earlier ones.
// Changes that an undo has published are appended too: the list is history.
func (m *Move) AppendApplied(ctx context.Context, changes []dnsplan.Change) error {
	return errors.ErrUnsupported
}

// Applied returns the changes that were published, the oldest first.
func (m *Move) Applied(ctx context.Context) ([]dnsplan.Change, error) {
	return nil, errors.ErrUnsupported
}
