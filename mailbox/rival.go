package mailbox

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
	"github.com/mxmove/mxmove/mailbox/journal"
)

// ErrRival means that somebody else copies the same messages to the same
// account at the same time: another machine with a state of its own, or another
// program. Nothing can lock a mailbox against that. The copy stops as soon as it
// is seen; when the other has ended, the same command finds what both have sent.
var ErrRival = errors.New("mailbox: somebody else copies the same messages")

// A RivalError says where that was seen. It is an ErrRival.
type RivalError struct {
	Account, Mailbox string // of the target
	Messages         int    // sent by this run, and by somebody else too
}

func (e *RivalError) Error() string {
	return fmt.Sprintf("%s: somebody else copies the same messages at the same time: %d that this run has sent are twice in %s",
		e.Account, e.Messages, clean(e.Mailbox))
}

// Is implements the interface of errors.Is.
func (e *RivalError) Is(target error) bool { return target == ErrRival }

const (
	// fewStrangers is from how many messages of others on a mailbox is looked
	// at: some mail always comes meanwhile.
	fewStrangers = 3

	// manyTwins is how many of them it takes that are messages of ours, by
	// header, size and date. Mail that is delivered on both sides has other
	// lines of its way, and so another size.
	manyTwins = 10

	// rivalWindow bounds how much of a mailbox is looked at.
	rivalWindow = 20_000
)

// rivalry is what is known of others who copy to an account.
type rivalry struct {
	mu    sync.Mutex
	twins int
	err   *RivalError
}

// stopped returns why nothing more may begin, nil without a rival.
func (r *rivalry) stopped() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		return nil
	}
	return r.err
}

// met notes further messages that others have sent too.
func (r *rivalry) met(account, mailbox string, twins int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.twins += twins; r.twins >= manyTwins && r.err == nil {
		r.err = &RivalError{account, mailbox, r.twins}
	}
}

// A share is what of a target mailbox this attempt has put there.
type share struct {
	top     imap.UID // the highest UID that it was given
	mine    int      // how many it was given
	checked int      // strangers at the last check
	twins   int      // of the strangers then, those that are messages of ours
}

// given takes the UIDs that the target gave a load.
func (s *share) given(taken []answered) {
	for _, a := range taken {
		if a.uid != 0 {
			s.top, s.mine = max(s.top, a.uid), s.mine+1
		}
	}
}

// strangers counts what others have put into the mailbox since the look, by
// what is missing between our own UIDs.
func (d *delta) strangers() int {
	if d.look == 0 || d.share.top < d.look {
		return 0
	}
	return int(d.share.top-d.look) + 1 - d.share.mine
}

// crowded reports whether so many strangers have come that it is time to look
// who they are: at some, and at twice as many. An account that is poured into
// another may have others of this run beside it.
func (d *delta) crowded() bool {
	n := d.strangers()
	return d.account.Into == "" && n >= fewStrangers && n >= 2*d.share.checked
}

// compete looks between two loads whether others send what this run sends.
func (w *writer) compete(ctx context.Context, d *delta) error {
	for len(w.flights) > 0 {
		if err := w.receive(ctx); err != nil {
			return err
		}
	}
	if err := d.compete(ctx, d.look); err != nil {
		return err
	}
	w.stop = w.rivalry.stopped()
	return nil
}

// compete looks for strangers that are messages of ours, among what has come
// since the look.
func (d *delta) compete(ctx context.Context, look imap.UID) error {
	d.share.checked = max(d.strangers(), fewStrangers)
	target, err := d.atTarget(ctx)
	if err != nil {
		return err
	}
	mine, err := d.page.Targets(ctx)
	if err != nil {
		return err
	}
	again, err := d.page.Doubts(ctx)
	if err != nil {
		return err
	}
	resent := make(map[wire.Digest]bool, len(again)) // their first attempts may be stored late
	for _, m := range again {
		resent[m.Header] = true
	}
	from := max(look, 1)
	if d.share.top > rivalWindow {
		from = max(from, d.share.top-rivalWindow)
	}
	there, err := list(ctx, target, wire.From(from), true)
	if err != nil {
		return err
	}
	if more := twins(there, mine, resent) - d.share.twins; more > 0 {
		d.share.twins += more
		d.rivalry.met(d.account.Name, d.pair.Target, more)
	}
	return nil
}

// twins counts the messages of others that have all in common with one of ours
// that can be told without their text.
func twins(there []Message, mine journal.Spans, resent map[wire.Digest]bool) int {
	type likeness struct {
		header  wire.Digest
		size    int64
		seconds int64
	}
	of := func(m Message) likeness { return likeness{m.Header, m.Size, m.InternalDate.Unix()} }
	ours := make(map[likeness]bool)
	for _, m := range there {
		if mine.Has(m.UID) && m.Named && !resent[m.Header] {
			ours[of(m)] = true
		}
	}
	n := 0
	for _, m := range there {
		if !mine.Has(m.UID) && ours[of(m)] && !resent[m.Header] {
			n++
		}
	}
	return n
}
