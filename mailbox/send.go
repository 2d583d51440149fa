package mailbox

import (
	"context"

	"github.com/emersion/go-imap/v2"
	"golang.org/x/sync/errgroup"
)

// send copies messages: one goroutine reads from the source, one writes to
// the target, and what lies between is bounded by octets. What could not be
// sent to its end has an error, or is halted where the convoy has one.
func (v *convoy) send(ctx context.Context) error {
	f := &feeder{convoy: v}
	var last []batch
	for _, d := range v.deltas {
		if d.err != nil {
			continue
		}
		d.sending = d.todo()
		for _, uid := range d.sending {
			if err := d.unrepaired(ctx, uid); err != nil {
				return err // it is tried as it is first
			}
		}
		plain, apart := d.sorted(d.sending)
		for _, uids := range d.batches(plain) {
			f.todo = append(f.todo, batch{d: d, uids: uids})
		}
		for _, uids := range apart {
			last = append(last, batch{d: d, uids: uids, alone: true})
		}
	}
	f.todo = append(f.todo, last...)
	// A few of them may wait, so that the source is read while the target's
	// line is full. Their octets are bounded by the room in memory.
	loads, quit := make(chan *load, 4), make(chan struct{})
	f.loads, f.quit = loads, quit
	var g errgroup.Group
	var readErr, writeErr error
	g.Go(func() error {
		readErr = f.read(ctx)
		return nil
	})
	g.Go(func() error {
		writeErr = v.writeAll(ctx, loads)
		close(quit)
		for l := range loads { // nobody takes them any more
			l.drop()
		}
		return nil
	})
	_ = g.Wait() // both errors are kept apart
	for _, d := range v.deltas {
		d.arrived()
	}
	if writeErr == nil {
		writeErr = readErr
	}
	if writeErr != nil && !early(writeErr) {
		return writeErr
	}
	if err := v.each(func(d *delta) error { return v.keepStreamed(ctx, d) }); err != nil {
		return err
	}
	return writeErr
}

// arrived decides whether everything of the mailbox has got through.
func (d *delta) arrived() {
	gone := make(map[imap.UID]bool, len(d.gone))
	for _, uid := range d.gone {
		gone[uid] = true
	}
	unkept := make(map[imap.UID]bool, len(d.unkept))
	for _, r := range d.unkept {
		unkept[r.message.UID] = true
	}
	d.list.remove(func(uid imap.UID) bool { return gone[uid] })
	for _, err := range []error{d.fail, d.unreadErr} {
		if d.err == nil {
			d.err = err
		}
	}
	for _, uid := range d.sending {
		_, refused := d.refusals[uid]
		if !d.sentNow.has(uid) && !refused && !gone[uid] && !unkept[uid] {
			d.halted = true
		}
	}
	d.sending = nil
}
