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
func (r *run) applied(ctx context.Context) ([]dnsplan.Change, error) {
	history, err := r.published(ctx)
	return inEffect(history), err
}

// published returns every change of ours, also those that took others back,
// the oldest first. undo.json is written before a change is published and the
// database after: a change that stands in the file alone was cut short, and
// whoever publishes it again, or takes it back, finds out whether it got
// through.
func (r *run) published(ctx context.Context) ([]dnsplan.Change, error) {
	stored, err := r.state.Applied(ctx)
	if err != nil {
		return nil, err
	}
	undo, err := r.state.LoadUndo()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return remembered(stored, undo.Changes), nil
}

// remembered joins the history in the database with the changes in undo.json.
// What the file alone knows is the newest, unless the database knows that it
// was taken back: then what came before was lost with an earlier database.
func remembered(stored, file []dnsplan.Change) []dnsplan.Change {
	var lost []dnsplan.Change
	history := slices.Clone(stored)
	for _, c := range file {
		known := func(want dnsplan.Change) bool {
			return slices.ContainsFunc(stored, func(s dnsplan.Change) bool { return sameChange(s, want) })
		}
		switch {
		case known(c):
		case known(c.Reverse()):
			lost = append(lost, c)
		default:
			history = append(history, c)
		}
	}
	return append(lost, history...)
}

// takenBack returns the changes that took an earlier one back and that no
// later change of the same RRset has followed. An undo that was cut short
// after it had written finds nothing in effect any more, and still has to see
// these on every server.
func takenBack(history []dnsplan.Change) []dnsplan.Change {
	var back []dnsplan.Change
	for i, c := range history {
		back = slices.DeleteFunc(back, func(b dnsplan.Change) bool { return sameRRset(b, c) })
		if slices.ContainsFunc(history[:i], func(earlier dnsplan.Change) bool { return sameChange(earlier.Reverse(), c) }) {
			back = append(back, c)
		}
	}
	return back
}

// sameRRset reports whether two changes are about the same RRset.
func sameRRset(a, b dnsplan.Change) bool {
	return a.Zone == b.Zone && a.RRset().Key() == b.RRset().Key()
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
