package mailbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/migrate/finding"
)

// A carrier copies one account.
type carrier struct {
	*run
	account *Account
	result  *AccountResult

	mu sync.Mutex // guards result.Findings
}

// carry copies the account and fills the result in.
func (c *carrier) carry(ctx context.Context) {
	e := &ends{account: c.account}
	defer e.close()
	pairs, err := c.prepare(ctx, e)
	if err != nil {
		c.result.Err = err
		return
	}
	c.result.Mailboxes = make([]MailboxResult, len(pairs))
	if err := c.copyAll(ctx, e, pairs); err != nil {
		c.result.Err = err
	}
	for _, m := range c.result.Mailboxes {
		c.result.Tally = c.result.Tally.Add(m.Tally)
		c.result.Sent += m.Sent
		c.result.Bytes += m.Bytes
	}
	slices.SortStableFunc(c.result.Findings, compareFindings)
}

// prepare connects, pairs the mailboxes, and makes those that the target does
// not have. It is begun again where a server was only busy.
func (c *carrier) prepare(ctx context.Context, e *ends) (pairs []Pair, err error) {
	for attempt := 1; ; attempt++ {
		pairs, err = c.prepareOnce(ctx, e)
		if err == nil || attempt == tries || !c.pause(ctx, err, attempt) {
			return pairs, err
		}
		e.close()
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
	if c.o.DryRun {
		return pairs, nil
	}
	return pairs, c.create(ctx, e.target, pairs)
}

// lister is what listing needs of either side.
type lister interface {
	List(ctx context.Context) ([]Mailbox, error)
	Namespaces(ctx context.Context) (imapconn.Namespaces, error)
}

// pairs lists both sides and pairs them.
func (c *carrier) pairs(ctx context.Context, source, target lister) ([]Pair, []finding.Finding, error) {
	o := c.o.pairOptions(c.account)
	var mine, theirs []Mailbox
	err := both(func() (err error) {
		if mine, o.Source, err = listed(ctx, source); err != nil {
			err = fmt.Errorf("source of %s: %w", c.account.Name, err)
		}
		return err
	}, func() (err error) {
		if theirs, o.Target, err = listed(ctx, target); err != nil {
			err = fmt.Errorf("target of %s: %w", c.account.Name, err)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if c.o.Reverse {
		pairs, found := pairsBack(mine, theirs, o)
		return pairs, found, nil
	}
	pairs, found := Pairs(mine, theirs, o)
	return pairs, found, nil
}

func listed(ctx context.Context, l lister) ([]Mailbox, imapconn.Namespaces, error) {
	ns, err := l.Namespaces(ctx)
	if err != nil {
		return nil, ns, err
	}
	boxes, err := l.List(ctx)
	return boxes, ns, err
}

// pairOptions are the options of a copy that concern names.
func (o Options) pairOptions(a *Account) PairOptions {
	return PairOptions{
		Into: a.Into, Exclude: o.Exclude, Mailboxes: o.Mailboxes, Names: o.Names, Reserved: o.Reserved,
	}
}

// copyAll copies the mailboxes over several pairs of connections. Mailboxes
// that lead into the same target go one after the other, so that what one
// appends is not taken for a foreign delivery by the next; names that differ
// only in case may be one mailbox.
func (c *carrier) copyAll(ctx context.Context, first *ends, pairs []Pair) error {
	jobs := byTarget(pairs, fold)
	queue := make(chan []int, len(jobs))
	for _, job := range jobs {
		queue <- job
	}
	close(queue)
	var g errgroup.Group
	for i := range min(c.o.Connections, len(jobs)) {
		e := first
		if i > 0 {
			e = &ends{account: c.account}
		}
		g.Go(func() error {
			defer e.close()
			if err := e.open(ctx); err != nil && i > 0 {
				// Servers bound the connections of a user; the first pair, which
				// is there, takes what this one would have.
				c.o.Log.Warn("go on with fewer connections", "account", c.account.Name, "err", err)
				return nil
			}
			for job := range queue {
				for _, i := range job {
					c.result.Mailboxes[i] = c.mailbox(ctx, e, pairs[i])
				}
			}
			return nil
		})
	}
	return g.Wait()
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

// mailbox copies one mailbox, and begins again on fresh connections after a
// failure that may pass. Each begin makes sure of what the one before has
// left in doubt.
func (c *carrier) mailbox(ctx context.Context, e *ends, p Pair) MailboxResult {
	res := MailboxResult{Source: p.Source, Target: p.Target, Skipped: p.Skip, Keywords: make(map[string]int)}
	if err := c.spent(ctx); err != nil && p.Skip == "" {
		if res.Err = err; !errors.Is(err, ErrStopped) {
			c.unread(ctx, e, p, &res, false)
		}
		return res
	}
	if p.Skip != "" {
		c.skipped(ctx, e, p, &res)
		return res
	}
	c.emit(Event{Type: MailboxStart, Account: c.account.Name, Mailbox: p.Source})
	for attempt := 1; ; attempt++ {
		sent := res.Sent
		err := c.mailboxOnce(ctx, e, p, &res)
		if res.Err = err; err == nil {
			break
		}
		if res.Sent > sent {
			attempt = 1
		}
		if attempt >= tries || !c.pause(ctx, err, attempt) {
			c.unread(ctx, e, p, &res, true)
			break
		}
		e.close()
	}
	tally := res.Tally
	c.emit(Event{
		Type: MailboxDone, Account: c.account.Name, Mailbox: p.Source,
		Total: tally.Messages, Done: tally.Settled(), Bytes: res.Bytes, Tally: &tally, Text: text(res.Err),
	})
	return res
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
