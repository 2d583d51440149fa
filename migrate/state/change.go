package state

import (
	"errors"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// A change is a dnsplan.Change as it is stored, in state.db and in undo.json.
type change struct {
	Zone   string         `json:"zone"`
	Stage  dnsplan.Stage  `json:"stage"`
	Action dnsplan.Action `json:"action"`
	Before *zone.RRset    `json:"before"`
	After  *zone.RRset    `json:"after"`
	Why    string         `json:"why"`
}

func stored(c dnsplan.Change) change { return change(c) }

// change returns what was stored, or an error for what is no change: the
// files may have been edited.
func (c change) change() (dnsplan.Change, error) {
	switch {
	case c.Before == nil && c.After == nil:
		return dnsplan.Change{}, errors.New("a change of nothing")
	case c.Zone == "" || dnsplan.Change(c).RRset().Name == "":
		return dnsplan.Change{}, errors.New("a change without a name")
	}
	return dnsplan.Change(c), nil
}
