package mailbox_test

import (
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
	l.options.Additions = true // this run follows nothing, as if the message had been moved during it
	l.killWhen(l.target, func(c imaplab.Command) bool { return c.Verb == "APPEND" }, imaplab.Mute)
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
