package mailbox

import (
	"context"
	"io"

	"github.com/emersion/go-imap/v2"
)

// keepStreamed fetches refused large messages once more. One that fits into
// memory twice is tried in its other forms; the rest goes into files.
func (v *convoy) keepStreamed(ctx context.Context, d *delta) error {
	for _, r := range d.unkept {
		if r.err != nil && 2*r.message.Size <= v.o.Memory {
			if err := v.again(ctx, d, r); err != nil {
				return err
			}
			continue
		}
		source, err := d.atSource(ctx)
		if err != nil {
			return err
		}
		err = source.Bodies(ctx, []imap.UID{r.message.UID}, func(_ imap.UID, _ int64, body io.Reader) error {
			return d.keep(ctx, r, body)
		})
		if err != nil {
			return err
		}
	}
	d.unkept = nil
	return nil
}

// again takes a refused large message into memory and sends it in its other
// forms, with nothing beside it. It keeps what the target takes in none.
func (v *convoy) again(ctx context.Context, d *delta, r refusal) error {
	release, err := v.run.acquire(ctx, 2*r.message.Size, true)
	if err != nil {
		return err
	}
	l := &load{d: d, messages: []Message{r.message}, single: true, release: release, refused: []int{0}, reasons: []error{r.err}}
	w := v.writer()
	w.live[l] = true
	defer w.end()
	source, err := d.atSource(ctx)
	if err != nil {
		return err
	}
	err = source.Bodies(ctx, []imap.UID{r.message.UID}, func(_ imap.UID, size int64, body io.Reader) error {
		if size != r.message.Size {
			return nil // it is another message now, and stays for the next run
		}
		octets := make([]byte, size)
		_, err := io.ReadFull(body, octets)
		l.octets = [][]byte{octets}
		return err
	})
	if err != nil {
		return err
	}
	if l.octets == nil {
		d.halted = true
		return nil
	}
	if err := w.refused(ctx, l); err != nil {
		return err
	}
	for len(w.queue)+len(w.flights) > 0 {
		if len(w.queue) > 0 {
			next := w.queue[0]
			w.queue = w.queue[1:]
			err = w.begin(ctx, next)
		} else {
			err = w.receive(ctx)
		}
		if err != nil {
			return err
		}
	}
	if _, refused := d.refusals[r.message.UID]; !refused && !d.sentNow.has(r.message.UID) {
		d.halted = true
	}
	return d.fail
}
