package migrate

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// applied returns the changes of ours that are in effect, the oldest first.
// undo.json is written before a change is published and the database after:
// a change that stands in the file alone was cut short, and whoever publishes
// it again, or takes it back, finds out whether it got through.
func (r *run) applied(ctx context.Context) ([]dnsplan.Change, error) {
	stored, err := r.state.Applied(ctx)
	if err != nil {
		return nil, err
	}
	undo, err := r.state.LoadUndo()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, c := range undo.Changes {
		if !slices.ContainsFunc(stored, func(s dnsplan.Change) bool { return sameChange(s, c) }) {
			stored = append(stored, c)
		}
	}
	return inEffect(stored), nil
}

// inEffect drops each change that a later one has taken back.
func inEffect(history []dnsplan.Change) []dnsplan.Change {
	var net []dnsplan.Change
	for _, c := range history {
		back := slices.IndexFunc(net, func(n dnsplan.Change) bool { return sameChange(n.Reverse(), c) })
		switch {
		case back >= 0:
			net = slices.Delete(net, back, back+1)
		case slices.ContainsFunc(net, func(n dnsplan.Change) bool { return sameChange(n, c) }):
			// a stage that was repeated is in effect once
		default:
			net = append(net, c)
		}
	}
	return net
}

// sameChange compares what two changes do, not why.
func sameChange(a, b dnsplan.Change) bool {
	return a.Zone == b.Zone && zone.Same(a.Before, b.Before) && zone.Same(a.After, b.After)
}

// reversed returns the changes that take cs back, the newest first.
func reversed(cs []dnsplan.Change) []dnsplan.Change {
	var rs []dnsplan.Change
	for _, c := range slices.Backward(cs) {
		rs = append(rs, c.Reverse())
	}
	return rs
}
