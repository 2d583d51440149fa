package state

import (
	"errors"
	"time"

	"github.com/mxmove/mxmove/dnsplan"
)

// An Undo is the plain file undo.json: the changes that were about to be
// published, the oldest first. It suffices to go back when state.db is lost;
// a change in it may never have reached the zone.
type Undo struct {
	Version int
	Domain  string
	Made    time.Time
	Changes []dnsplan.Change
}

// ExtendUndo adds changes to undo.json, durably, before they are published.
// Changes that stand last in it already are not added again.
func (m *Move) ExtendUndo(domain string, changes []dnsplan.Change) error {
	return errors.ErrUnsupported
}

// LoadUndo reads undo.json; without one the error is fs.ErrNotExist.
func (m *Move) LoadUndo() (Undo, error) { return Undo{}, errors.ErrUnsupported }
