package mailbox_test

import (
	"sync/atomic"
	"testing"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// TestWhatIsInDoubtIsNotFollowed kills a run over a message that was moved at
// the source: it is at its new place in the target, and nobody knows. The copy
// at its old place must not follow it there.
func TestWhatIsInDoubtIsNotFollowed(t *testing.T) {
	t.Parallel()
	l, uids := followLab(t, imaplab.Options{})
	remove(t, l, uids[3])
	deliver(t, l.from, "INBOX.Archive", letter(3))
	var ended atomic.Bool
	l.options.Additions = true // this run follows nothing, as if the message had been moved during it
	l.target.SetFaults(imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if ended.Load() {
			return imaplab.Cut
		}
		if c.Verb == "APPEND" {
			ended.Store(true)
			return imaplab.Mute
		}
		return imaplab.Pass
	}})
	if res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.account}); err == nil && res.Err() == nil {
		t.Fatal("a run without an answer to what it sent says that all is done")
	}
	l.target.SetFaults(imaplab.Faults{})
	if n := len(l.to.Messages("Archive")); n != 3 {
		t.Fatalf("Archive holds %d messages after the kill, want 3", n)
	}
	l.options.Additions = false
	if err := l.from.Remove("INBOX.Trash", l.from.Messages("INBOX.Trash")[0].UID); err != nil {
		t.Fatal(err)
	}
	l.copy()
	same(t, l.from, "INBOX.Archive", l.to, "Archive")
}

// TestWhatCameAnotherWayIsNotFollowed restores the state of the day before a
// message was moved at the source, and was then copied to its new place.
func TestWhatCameAnotherWayIsNotFollowed(t *testing.T) {
	t.Parallel()
	l, uids := followLab(t, imaplab.Options{})
	yesterday := copyState(t, l.state)
	remove(t, l, uids[3])
	deliver(t, l.from, "INBOX.Archive", letter(3))
	l.options.Gone = mailbox.GoneKeep
	l.copy()
	l.state, l.options.Gone = yesterday, mailbox.GoneFollow
	l.copy()
	same(t, l.from, "INBOX.Archive", l.to, "Archive")
}

// TestOneArrivalIsFollowedOnce takes twins away in two mailboxes, where only
// one comes to a third.
func TestOneArrivalIsFollowedOnce(t *testing.T) {
	t.Parallel()
	l, uids := followLab(t, imaplab.Options{})
	l.from.Create("INBOX.B", "")
	twin := deliver(t, l.from, "INBOX.B", append(letters(300, 330), letter(3))...)[30]
	l.copy()
	remove(t, l, uids[3])
	if err := l.from.Remove("INBOX.B", twin); err != nil {
		t.Fatal(err)
	}
	deliver(t, l.from, "INBOX.Archive", letter(3))
	l.copy()
	same(t, l.from, "INBOX.Archive", l.to, "Archive")
}

// TestWhatIsMovedDuringTheGlanceIsNotDeleted moves a message at the source
// from a mailbox that is glanced at later into one that was glanced at before.
func TestWhatIsMovedDuringTheGlanceIsNotDeleted(t *testing.T) {
	t.Parallel()
	l, uids := followLab(t, imaplab.Options{})
	remove(t, l, uids[5])                            // for this the source is glanced at
	deliver(t, l.from, "INBOX.Archive", letter(150)) // and at Archive after INBOX
	before := len(l.to.Messages("Trash"))
	l.source.SetFaults(imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if c.Verb == "EXAMINE" && c.N == 2 {
			_, _ = l.from.Deliver("INBOX", letter(100))
			_ = l.from.Remove("INBOX.Archive", l.from.Messages("INBOX.Archive")[0].UID)
		}
		return imaplab.Pass
	}})
	l.copy()
	if n := len(l.to.Messages("Trash")); n != before {
		t.Errorf("Trash holds %d messages, want %d: it is not known what was deleted", n, before)
	}
	same(t, l.from, "INBOX.Trash", l.to, "Trash")
}
