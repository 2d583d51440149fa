package mailbox

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-imap/v2"
	"golang.org/x/sync/semaphore"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
	"github.com/mxmove/mxmove/migrate/finding"
)

// A carrier copies one account.
type carrier struct {
	*run
	account *Account
	result  *AccountResult

	verifies bool // it only compares, and notes nothing

	holds     holds
	allowance allowance
	rivalry   rivalry
	passed    atomic.Bool  // some message of this run is at the target
	largest   atomic.Int64 // octets of the largest one, of those that may be asked for
	spares    []*ends      // further pairs of connections, begun before they are needed

	fidelity fidelity

	mu        sync.Mutex // guards result.Findings and suspected
	suspected map[string]map[imap.UID]suspicion
}

// stale is how long an account that is ready to be copied may wait for its
// turn: servers end what lies idle, and its lists grow old.
const stale = 30 * time.Second

// carry copies the account and fills the result in. While it waits for its
// turn it has connected and looked already, which over a long line takes
// longer than copying a small account.
func (c *carrier) carry(ctx context.Context, turn *semaphore.Weighted) {
	defer c.closeAllowance(ctx)
	if c.result.Err = c.openAllowance(ctx); c.result.Err == nil {
		c.result.Err = c.spent(ctx)
	}
	if c.result.Err != nil {
		return
	}
	e := &ends{account: c.account}
	defer e.close()
	defer c.closeSpares()
	pairs, err := c.prepare(ctx, e)
	if err != nil {
		c.result.Err = err
		return
	}
	began := time.Now()
	if turn.Acquire(ctx, 1) != nil {
		c.result.Err = context.Cause(ctx)
		return
	}
	defer turn.Release(1)
	if time.Since(began) > stale {
		e.close()
		if pairs, err = c.prepare(ctx, e); err != nil {
			c.result.Err = err
			return
		}
	}
	c.result.Mailboxes = make([]MailboxResult, len(pairs))
	c.copyAll(ctx, e, pairs)
	for _, m := range c.result.Mailboxes {
		c.result.Tally = c.result.Tally.Add(m.Tally)
		c.result.Sent += m.Sent
		c.result.Bytes += m.Bytes
		c.result.Repaired += m.Repaired
	}
	slices.SortStableFunc(c.result.Findings, compareFindings)
}

// prepare connects, pairs the mailboxes, and makes those that the target does
// not have. It is begun again where a server was only busy.
func (c *carrier) prepare(ctx context.Context, e *ends) (pairs []Pair, err error) {
	for attempt := 1; ; attempt++ {
		pairs, err = c.prepareOnce(ctx, e)
		err = c.exhausted(ctx, err, false)
		if err == nil || attempt == tries || !c.pause(ctx, err, attempt) {
			return pairs, err
		}
		e.close()
		c.closeSpares()
	}
}

func (c *carrier) prepareOnce(ctx context.Context, e *ends) ([]Pair, error) {
	if err := e.open(ctx); err != nil {
		return nil, err
	}
	pairs, found, err := c.pairs(ctx, e.source, e.target)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.result.Findings = found
	c.mu.Unlock()
	if err := c.rests(ctx, pairs); err != nil {
		return nil, err
	}
	if err := c.statuses(ctx, e, pairs); err != nil {
		return nil, err
	}
	if c.o.DryRun {
		return pairs, nil
	}
	if err := c.create(ctx, e, pairs); err != nil {
		return nil, err
	}
	return pairs, c.follow(ctx, e, pairs)
}

// viewer is what pairing needs of either side.
type viewer interface {
	fetcher
	Survey(ctx context.Context) (imapconn.Listing, error)
	Examine(ctx context.Context, name string) (wire.Selected, error)
}

// pairs lists both sides and pairs them.
func (c *carrier) pairs(ctx context.Context, source, target viewer) ([]Pair, []finding.Finding, error) {
	o := c.o.pairOptions(c.account)
	var mine, theirs imapconn.Listing
	err := both(func() (err error) {
		if mine, err = source.Survey(ctx); err != nil {
			err = fmt.Errorf("source of %s: %w", c.account.Name, err)
		}
		return err
	}, func() (err error) {
		if theirs, err = target.Survey(ctx); err != nil {
			err = fmt.Errorf("target of %s: %w", c.account.Name, err)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	c.fidelity.name(mine.Exchange || theirs.Exchange)
	o.Source, o.Target, o.Exchange = mine.Namespaces, theirs.Namespaces, mine.Exchange
	if o.Gmail = mine.Gmail; c.o.Reverse {
		o.Gmail, o.FromGmail = theirs.Gmail, mine.Gmail // the way forth, which is undone, was the other way round
	}
	paired := Pairs
	if c.o.Reverse {
		paired = pairsBack
	}
	pairs, found := paired(mine.Mailboxes, theirs.Mailboxes, o)
	renamed, err := c.renames(ctx, source, target, theirs.Mailboxes, pairs)
	if err != nil {
		return nil, nil, err
	}
	found = append(found, renamed...)
	for i, p := range pairs {
		pairs[i].exchange = theirs.Exchange
		if c.verifies {
			pairs[i].join(nil)
			p = pairs[i]
		}
		pairs[i].sourceStatus, pairs[i].targetStatus = mine.Status[p.SourceWire], theirs.Status[p.TargetWire]
		pairs[i].alikeStatus = theirs.Status[p.alike]
	}
	return pairs, found, nil
}

// pairOptions are the options of a copy that concern names.
func (o Options) pairOptions(a *Account) PairOptions {
	return PairOptions{
		Into: a.Into, Exclude: o.Exclude, Mailboxes: o.Mailboxes, Names: o.Names, Reserved: o.Reserved,
	}
}

// byTarget groups the places of pairs by their target, as alike tells it.
func byTarget(pairs []Pair, alike func(string) string) [][]int {
	var jobs [][]int
	place := make(map[string]int)
	for i, p := range pairs {
		key := alike(p.Target)
		if p.Skip != "" {
			key = "\x00" + p.Source
		}
		at, ok := place[key]
		if !ok {
			at = len(jobs)
			place[key] = at
			jobs = append(jobs, nil)
		}
		jobs[at] = append(jobs[at], i)
	}
	return jobs
}

// pause waits before something is begun again, and reports whether it is
// worth it.
func (c *carrier) pause(ctx context.Context, err error, attempt int) bool {
	d, ok := again(err, attempt, c.o.Settle)
	if !ok || ctx.Err() != nil {
		return false
	}
	c.o.Log.Warn("begin again", "account", c.account.Name, "attempt", attempt, "err", err)
	c.emit(Event{Type: AccountWaiting, Account: c.account.Name, Wait: d, Text: err.Error()})
	return c.wait(ctx, d) == nil
}

// note adds a finding to the account's.
func (c *carrier) note(f finding.Finding) {
	f.Subject = clean(f.Subject)
	for i := range f.Evidence {
		f.Evidence[i] = clean(f.Evidence[i])
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.result.Findings = append(c.result.Findings, f)
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
