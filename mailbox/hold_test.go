package mailbox_test

import (
	"sync"
	"testing"
	"time"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// TestProgressTellsWhatHoldsACopyUp slows one side down.
func TestProgressTellsWhatHoldsACopyUp(t *testing.T) {
	t.Parallel()
	slow := func(verb string) imaplab.Faults {
		return imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
			if c.Verb == verb {
				time.Sleep(300 * time.Millisecond)
			}
			return imaplab.Pass
		}}
	}
	for want, set := range map[mailbox.Hold]func(*lab){
		mailbox.HoldSource:    func(l *lab) { l.source.SetFaults(slow("UID FETCH")) },
		mailbox.HoldTarget:    func(l *lab) { l.target.SetFaults(slow("APPEND")) },
		mailbox.HoldBandwidth: func(l *lab) { l.options.Bandwidth = 100_000 },
	} {
		t.Run(string(want), func(t *testing.T) {
			t.Parallel()
			l := start(t, imaplab.Options{}, imaplab.Options{})
			deliver(t, l.from, "INBOX", letters(0, 700)...)
			set(l)
			var mu sync.Mutex
			var last mailbox.Hold
			l.options.Events = func(e mailbox.Event) {
				mu.Lock()
				defer mu.Unlock()
				if e.Type == mailbox.MailboxProgress {
					last = e.Hold
				}
			}
			l.copy()
			if last != want {
				t.Errorf("held up by %q, want %q", last, want)
			}
		})
	}
}
