package mailbox

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/journal"
	"github.com/mxmove/mxmove/migrate/finding"
)

// A Copier copies accounts. Both fields are set before the first Copy and left
// alone after it.
type Copier struct {
	Journal *journal.Journal // needed by Copy; without it Verify gives no reasons
	Options Options
}

// A Result is what a run of Copy did.
type Result struct {
	Accounts []AccountResult // in the order of the accounts handed in
	Sent     int             // messages sent by this run
	Bytes    int64           // octets of them
}

// An AccountResult is what a run did for one account.
type AccountResult struct {
	Account   string
	Mailboxes []MailboxResult
	Tally     Tally // the sum of the mailboxes
	Sent      int   // messages sent by this run; with DryRun: that would be sent
	Bytes     int64
	Repaired  int // of the copied ones, those that the target took only with a repair
	Moved     int // copies of ours that followed their message to another mailbox
	Findings  []finding.Finding
	Err       error // why the account could not be finished; nil when it was
}

// A MailboxResult is what a run did for one mailbox.
type MailboxResult struct { //nolint:revive // beside Result and AccountResult the name is the plain one
	Source, Target string // as people see the names
	Use            imap.MailboxAttr
	Tally          Tally
	Sent           int
	Traced         []imap.UID // the first of the sent messages, at the source; with Options.Trace
	Bytes          int64
	Extra          int            // doubles of our own that came to light
	Repaired       int            // of the copied ones, those that the target took only with a repair
	Flags          int            // messages whose flags were carried over
	Keywords       map[string]int // keywords that the target does not keep, and on how many messages
	Skipped        string         // why the mailbox as a whole was left out; empty when it was not
	Err            error

	wire string // the source mailbox as its server writes it
}

// Tally returns the sum over all accounts.
func (r Result) Tally() Tally {
	var t Tally
	for _, a := range r.Accounts {
		t = t.Add(a.Tally)
	}
	return t
}

// Err returns what kept accounts and mailboxes from being finished, nil when
// all were.
func (r Result) Err() error {
	var errs []error
	for _, a := range r.Accounts {
		errs = append(errs, a.Err)
		for _, m := range a.Mailboxes {
			errs = append(errs, m.Err)
		}
	}
	return errors.Join(errs...)
}

// Copy copies the accounts, several at a time. One that fails does not stop
// the others: its error is in the Result. Copy returns an error of its own
// only where the run as a whole ended early: ErrLimit, ErrStopped, the cause
// of ctx. Nothing is sent that the journal could not note before.
func (c *Copier) Copy(ctx context.Context, accounts []Account) (Result, error) {
	r := newRun(c, c.Options)
	r.sole = len(accounts) == 1
	res := Result{Accounts: make([]AccountResult, len(accounts))}
	var g errgroup.Group
	g.SetLimit(2 * r.o.Accounts) // half of them only prepare themselves
	turn := semaphore.NewWeighted(int64(r.o.Accounts))
	for i := range accounts {
		result := &res.Accounts[i]
		result.Account = accounts[i].Name
		g.Go(func() error {
			if result.Err = r.spent(ctx); result.Err == nil {
				(&carrier{run: r, account: r.over(accounts[i]), result: result}).carry(ctx, turn)
			}
			return nil
		})
	}
	_ = g.Wait() // errors are in the results
	for _, a := range res.Accounts {
		res.Sent += a.Sent
		res.Bytes += a.Bytes
	}
	tally := res.Tally()
	r.emit(Event{Type: RunDone, Total: tally.Messages, Done: tally.Settled(), Bytes: res.Bytes, Tally: &tally})
	return res, res.ended(ctx)
}

// ended returns why the run as a whole ended before its time, nil when it did
// not.
func (r Result) ended(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	err := r.Err()
	for _, whole := range []error{ErrStopped, ErrLimit} {
		if errors.Is(err, whole) {
			return whole
		}
	}
	return nil
}
