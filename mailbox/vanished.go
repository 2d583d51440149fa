package mailbox

import (
	"context"
	"fmt"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/journal"
	"github.com/mxmove/mxmove/migrate/finding"
)

// vanished tells what was at the target under a UIDVALIDITY that it has given
// up: the mailbox was deleted and made anew, restored, or only renumbered.
// What is still there is found by its header and its text; the rest was taken
// away by somebody, and nobody has asked for it to come back.
func vanished(ctx context.Context, page *journal.Page) (uids uidSet, err error) {
	former, err := page.Former(ctx)
	for _, r := range former {
		for n := range min(int(r.Count), maxMessages-uids.len()) {
			uids.add(r.Source + imap.UID(n))
		}
	}
	return uids, err
}

// noteVanished tells how many of the mailbox's messages that concerns.
func (d *delta) noteVanished() {
	if d.vanished.len() == 0 || d.o.RecopyMissing {
		return
	}
	n := 0
	for _, uid := range d.unknown() {
		if d.vanished.has(uid) {
			n++
		}
	}
	if n == 0 {
		return
	}
	d.note(finding.Finding{
		Severity: finding.Warn, Code: finding.CopiesVanished, Subject: d.account.Name + " " + d.pair.Target,
		Text:     "the target mailbox is another one than before, and messages that were copied are not in it; they are not sent again by themselves",
		Evidence: []string{fmt.Sprintf("%d messages; UIDVALIDITY is now %d", n, d.target.UIDValidity)},
		Fix:      "run mxmove sync --recopy-missing if they are to be there",
	})
}
