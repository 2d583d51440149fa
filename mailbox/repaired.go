package mailbox

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/journal"
	"github.com/mxmove/mxmove/migrate/finding"
)

// unrepaired takes back that a message is sent with a change.
func (d *delta) unrepaired(ctx context.Context, uid imap.UID) error {
	if _, noted := d.repairs[uid]; !noted {
		return nil
	}
	delete(d.repairs, uid)
	return d.page.Unrepaired(ctx, uid)
}

// mostEvidence bounds what a finding shows.
const mostEvidence = 50

// repaired puts the messages that were taken with a change on the list that
// people read, where their originals are kept, and tells of them. What a run
// that was killed has left out is listed by the next one.
func (d *delta) repaired(ctx context.Context) error {
	f := finding.Finding{
		Severity: finding.Note, Code: finding.MessageRepaired, Subject: d.account.Name + " " + d.pair.Source,
		Fix: "nothing is to be done; the originals are kept as files",
	}
	n := 0
	for _, uid := range slices.Sorted(maps.Keys(d.repairs)) {
		r := d.repairs[uid]
		run, _, taken := d.runs.Find(uid)
		if r.Listed || !taken || run.Outcome != journal.Copied {
			continue
		}
		m, ok := d.list.find(uid)
		if !ok {
			m.UID = uid // it has gone from the source meanwhile
		}
		if err := d.listRefused(m, "copied with a repair: "+r.What+"; as it was: "+r.Reason, r.File); err != nil {
			return err
		}
		if err := d.page.RepairListed(ctx, uid); err != nil {
			return err
		}
		r.Listed = true
		d.repairs[uid] = r
		if n++; n <= mostEvidence {
			f.Evidence = append(f.Evidence, fmt.Sprintf("UID %d: %s; %s", uid, r.What, r.Reason))
		}
	}
	if n == 0 {
		return nil
	}
	if n > mostEvidence {
		f.Evidence = append(f.Evidence, "and more")
	}
	f.Text = fmt.Sprintf("the target refused %d of the messages as they are, and took them with a small repair", n)
	d.note(f)
	return nil
}
