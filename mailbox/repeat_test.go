package mailbox_test

import (
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// opened counts how often a mailbox was opened.
func opened(s *imaplab.Server) int { return s.Count("EXAMINE") + s.Count("SELECT") }

func TestRepeatRunOpensOnlyWhatHasChanged(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	fill(t, l)
	l.options.Additions = true
	first := l.copy()
	source, target := opened(l.source), opened(l.target)
	second := l.copy()
	if a, b := opened(l.source)-source, opened(l.target)-target; a != 0 || b != 0 || second.Tally() != first.Tally() {
		t.Errorf("a repeat run opens %d and %d mailboxes, tally %+v, want none and %+v", a, b, second.Tally(), first.Tally())
	}
	deliver(t, l.from, "INBOX.Sent", letter(900))
	if res := l.copy(); res.Sent != 1 || opened(l.source)-source != 1 {
		t.Errorf("one new message: %d sent, %d mailboxes opened at the source, want 1 and 1", res.Sent, opened(l.source)-source)
	}
	samePaths(t, l)
}

// TestRepeatRunWithoutListStatus asks for the status of each mailbox in one
// round trip, where that can say that there is nothing to be done.
func TestRepeatRunWithoutListStatus(t *testing.T) {
	t.Parallel()
	exchange := imaplab.Exchange()
	exchange.Delim = '/'
	for name, tt := range map[string]struct {
		source    imaplab.Options
		additions bool
		opened    int
	}{
		"Exchange after the switch":  {exchange, true, 0},
		"Exchange before the switch": {exchange, false, 3},
		"CONDSTORE":                  {imaplab.Options{Hide: []imap.Cap{imap.CapListStatus}}, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, tt.source, imaplab.Exchange())
			l.options.Additions = tt.additions
			boxes := []string{"INBOX", "Work", "Größe"}
			for i, box := range boxes {
				if i > 0 && tt.source.Delim == 0 {
					boxes[i] = "INBOX." + box
				}
				l.from.Create(boxes[i], "")
				deliver(t, l.from, boxes[i], letters(10*i, 10*i+5)...)
			}
			l.copy()
			l.source.ResetCommands()
			l.target.ResetCommands()
			if res := l.copy(); res.Sent != 0 || opened(l.source) != tt.opened || opened(l.target) != tt.opened || res.Tally().Copied != 15 {
				t.Errorf("a repeat run opens %d and %d mailboxes, want %d; tally %+v", opened(l.source), opened(l.target), tt.opened, res.Tally())
			}
			deliver(t, l.from, boxes[2], letter(900))
			l.source.ResetCommands()
			if res := l.copy(); res.Sent != 1 || opened(l.source) != max(1, tt.opened) {
				t.Errorf("one new message: sent %d, opened %d", res.Sent, opened(l.source))
			}
			same(t, l.from, boxes[2], l.to, "Größe")
		})
	}
}

func TestInterruptedRunIsNotAtRest(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 5)...)
	l.options.Additions = true
	l.copy()
	if err := l.to.Remove("INBOX", 3); err != nil {
		t.Fatal(err)
	}
	l.options.RecopyMissing = true
	l.target.SetFaults(imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if c.Verb == "APPEND" {
			return imaplab.Cut
		}
		return imaplab.Pass
	}})
	if res, _ := l.copier().Copy(t.Context(), []mailbox.Account{l.account}); res.Tally().Copied == 5 {
		t.Fatalf("tally = %+v, want a run that could not end", res.Tally())
	}
	l.target.SetFaults(imaplab.Faults{})
	l.options.RecopyMissing = false
	if res := l.copy(); res.Tally().Copied != 5 {
		t.Errorf("tally = %+v, want 5 copied", res.Tally())
	}
	if n := len(l.to.Messages("INBOX")); n < 5 {
		t.Errorf("the target holds %d messages, want 5", n)
	}
}
