package migrate

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/probe"
	"github.com/mxmove/mxmove/migrate/step"
)

// homeKind is the kind of observation that holds a Homemade.
const homeKind = "homemade"

// A Homemade is what the old machine has written itself since the switch, to
// people whose mail it still takes for its own: jobs of cron, monitors, web
// forms. It goes on for as long as the machine runs, so it says nothing about
// late mail; and it never leaves the machine but by a sweep.
type Homemade struct {
	Messages int      `json:"messages"`
	Accounts []string `json:"accounts"` // some of those that got it
}

// homemade counts what of a sweep the old machine has written itself. What
// cannot be traced is late mail.
func (r *run) homemade(ctx context.Context, result mailbox.Result) (int, error) {
	p, _, err := r.provider()
	if err != nil {
		return 0, err
	}
	accounts, err := r.accounts(p, nil)
	if err != nil {
		return 0, err
	}
	var mu sync.Mutex // guards own
	var own Homemade
	if err := mailbox.Received(ctx, accounts, result, r.copyOptions(p), func(a mailbox.AccountResult, mb mailbox.MailboxResult, fields []byte) {
		if mb.Use == imap.MailboxAttrJunk || !probe.Homemade(fields) {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		own.add(1, a.Account)
	}); err != nil {
		r.o.Log.DebugContext(ctx, "late mail not traced", "err", err)
	}
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if own.Messages == 0 {
		return 0, nil
	}
	r.say("%s: the old machine has written %s itself, for %s", finding.OldMachineWrites, Plural(own.Messages, "message"), some(own.Accounts))
	before, err := recall[Homemade](ctx, r, homeKind, "")
	if err != nil {
		return 0, err
	}
	now := own.Messages
	if before != nil {
		own.add(before.Messages, before.Accounts...)
	}
	return now, r.remember(ctx, homeKind, "", own)
}

// add enters messages and who got them.
func (h *Homemade) add(messages int, accounts ...string) {
	const most = 20
	h.Messages += messages
	h.Accounts = slices.Compact(slices.Sorted(slices.Values(append(h.Accounts, accounts...))))
	h.Accounts = h.Accounts[:min(len(h.Accounts), most)]
}

// tellHomemade says what a person has to do about mail of the old machine's
// own, as long as the machine is needed for nothing else.
func (r *run) tellHomemade(ctx context.Context, s *Status, phase step.Phase) error {
	if phase != step.Switched && phase != step.Settled {
		return nil
	}
	own, err := recall[Homemade](ctx, r, homeKind, "")
	if err != nil || own == nil {
		return err
	}
	s.Yours = append(s.Yours, Yours{Code: finding.OldMachineWrites, Text: fmt.Sprintf(
		"the old machine has written %s itself since the switch, for %s: let its jobs and web forms send through the provider",
		Plural(own.Messages, "message"), some(own.Accounts))})
	return nil
}
