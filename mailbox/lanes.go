package mailbox

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/mxmove/mxmove/mailbox/imapconn"
)

// These bound what travels in one convoy: its inventories are in memory
// together, and its looks are as old as its first message.
const (
	convoyMailboxes = 64
	convoyMessages  = 20_000
)

// These are how many messages are worth a pair of connections. Ordinary ones, of
// some hundred kilobytes in the mean, fill more of a line than small ones. Where
// the target has to be asked before each message, a pair takes one in a round
// trip.
const (
	laneMessages      = 600
	laneMessagesAsked = 50
)

// copyAll copies the mailboxes over several pairs of connections. Mailboxes
// that lead into the same target go one after the other, so that what one
// appends is not taken for a foreign delivery by the next; names that differ
// only in case may be one mailbox.
func (c *carrier) copyAll(ctx context.Context, first *ends, pairs []Pair) {
	var jobs [][]int
	for _, job := range byTarget(pairs, fold) {
		if left := c.easy(ctx, first, pairs, job); len(left) > 0 {
			jobs = append(jobs, left)
		}
	}
	lanes, convoys := c.convoys(pairs, jobs, worth(first))
	queue := make(chan [][]int, len(convoys))
	for _, jobs := range convoys {
		queue <- jobs
	}
	close(queue)
	hands := &crew{lanes: lanes}
	var g errgroup.Group
	for i := range lanes {
		e := first
		if i > 0 {
			e = c.spare()
		}
		g.Go(func() error {
			defer e.close()
			if err := e.open(ctx); err != nil && i > 0 {
				// Servers bound the connections of a user; the first pair, which
				// is there, takes what this one would have.
				c.o.Log.Warn("go on with fewer connections", "account", c.account.Name, "err", err)
				hands.leave(e)
				return nil
			}
			for !hands.left(e) {
				jobs, ok := <-queue
				if !ok {
					break
				}
				c.together(ctx, e, pairs, jobs, hands)
			}
			return nil
		})
	}
	_ = g.Wait() // errors are in the results
	last := &crew{lanes: 1}
	for jobs := range queue { // where all have left, each for the others
		c.together(ctx, first, pairs, jobs, last)
	}
	for _, i := range hands.behind {
		c.mailboxes(ctx, first, pairs, []int{i}, last)
	}
}

// worth is how many messages are worth a pair of connections.
func worth(first *ends) int {
	if first.target != nil && !first.target.Caps().Has("LITERAL+") {
		return laneMessagesAsked
	}
	return laneMessages
}

// ready begins the connections of the further pairs, as many as the mailboxes
// are worth, so that they are there when the target has made the mailboxes.
// Where other accounts wait for their turn that is nothing gained.
func (c *carrier) ready(ctx context.Context, first *ends, pairs []Pair) {
	if !c.sole || len(c.spares) > 0 {
		return
	}
	jobs := slices.DeleteFunc(byTarget(pairs, fold), func(job []int) bool { return pairs[job[0]].Skip != "" })
	lanes, _ := c.convoys(pairs, jobs, worth(first))
	for range lanes - 1 {
		e := &ends{account: c.account}
		e.begin(ctx)
		c.spares = append(c.spares, e)
	}
}

// spare returns a pair of connections, one that was begun before where there
// is any left.
func (c *carrier) spare() *ends {
	if len(c.spares) == 0 {
		return &ends{account: c.account}
	}
	e := c.spares[0]
	c.spares = c.spares[1:]
	return e
}

// closeSpares gives up what nobody has taken.
func (c *carrier) closeSpares() {
	for _, e := range c.spares {
		e.close()
	}
	c.spares = nil
}

// easy deals with what needs no convoy, and returns the places of the others.
func (c *carrier) easy(ctx context.Context, e *ends, pairs []Pair, job []int) (left []int) {
	for _, i := range job {
		p, res := pairs[i], &c.result.Mailboxes[i]
		*res = MailboxResult{Source: p.Source, Target: p.Target, Use: p.Use, Skipped: p.Skip, Keywords: make(map[string]int), wire: p.SourceWire}
		if p.Skip != "" {
			c.skipped(ctx, e, p, res)
			continue
		}
		if note, ok := c.o.unchanged(p); ok {
			tally := note.Tally
			res.Tally, res.Repaired = tally, note.Repaired
			c.emit(Event{
				Type: MailboxDone, Account: c.account.Name, Mailbox: p.Source,
				Total: tally.Messages, Done: tally.Settled(), Tally: &tally,
			})
			continue
		}
		left = append(left, i)
	}
	return left
}

// convoys cuts the jobs into convoys, and says over how many pairs of
// connections they go: a pair costs round trips of its own, which a few
// messages are not worth. A job of several mailboxes travels alone.
func (c *carrier) convoys(pairs []Pair, jobs [][]int, worth int) (lanes int, all [][][]int) {
	total, known := 0, true
	weights := make([]int, len(jobs))
	for n, job := range jobs {
		for _, i := range job {
			messages, ok := pairs[i].ahead()
			known = known && ok
			weights[n] += messages
		}
		total += weights[n]
	}
	lanes = min(c.o.Connections, len(jobs))
	if known {
		lanes = min(lanes, 1+total/worth)
	}
	// As many convoys as lanes, of about the same size: a second one on a lane
	// would wait for the first. Only what is too large for one is cut further.
	wanted := max(lanes, (total+convoyMessages-1)/convoyMessages)
	if !known || total == 0 {
		wanted = max(lanes, (len(jobs)+convoyMailboxes/8-1)/(convoyMailboxes/8))
		total = len(jobs)
		for n := range weights {
			weights[n] = 1
		}
	}
	sum, share, alone := 0, -1, true
	for n, job := range jobs {
		mine := (sum + weights[n]/2) * wanted / total
		if last := len(all) - 1; alone || len(job) > 1 || mine != share || len(all[last]) >= convoyMailboxes {
			all = append(all, nil)
		}
		last := len(all) - 1
		all[last] = append(all[last], job)
		sum, share, alone = sum+weights[n], mine, len(job) > 1
	}
	return min(lanes, len(all)), all
}

// together copies the mailboxes of a convoy.
func (c *carrier) together(ctx context.Context, e *ends, pairs []Pair, jobs [][]int, hands *crew) {
	var places []int
	for _, job := range jobs {
		if len(job) == 1 {
			places = append(places, job[0])
			continue
		}
		for _, i := range job {
			c.mailboxes(ctx, e, pairs, []int{i}, hands)
		}
	}
	if len(places) > 0 {
		c.mailboxes(ctx, e, pairs, places, hands)
	}
}

// mailboxes copies some mailboxes together, and each by itself on fresh
// connections after a failure that may pass. Each begin makes sure of what the
// one before has left in doubt.
func (c *carrier) mailboxes(ctx context.Context, e *ends, pairs []Pair, places []int, hands *crew) {
	if err := c.spent(ctx); err != nil {
		for _, i := range places {
			res := &c.result.Mailboxes[i]
			if res.Err = err; !errors.Is(err, ErrStopped) {
				c.unread(ctx, e, pairs[i], res, false)
			}
		}
		return
	}
	if hands.left(e) {
		hands.hand(places...)
		return
	}
	var some []Pair
	var results []*MailboxResult
	for _, i := range places {
		some, results = append(some, pairs[i]), append(results, &c.result.Mailboxes[i])
		c.emit(Event{Type: MailboxStart, Account: c.account.Name, Mailbox: pairs[i].Source})
	}
	errs := c.once(ctx, e, some, results)
	for i, p := range some {
		if !c.persist(ctx, e, p, results[i], errs[i], hands) {
			hands.hand(places[i])
		}
	}
}

// persist goes on with a mailbox until it is copied, or trying is no use. It
// reports false where its connections are not let in any more beside the
// others: one of those goes on with it.
func (c *carrier) persist(ctx context.Context, e *ends, p Pair, res *MailboxResult, err error, hands *crew) bool {
	best := 0
	for attempt := 1; err != nil; attempt++ {
		err = c.exhausted(ctx, err, false)
		// What is found at the target after a lost connection is progress too,
		// and so is knowing more about what ends connections.
		if now := max(res.Sent, res.Tally.Settled()) + c.struck(p); now > best {
			attempt, best = 1, now
		}
		if imapconn.Ceiling(err) && hands.leave(e) {
			c.o.Log.Warn("go on with fewer connections", "account", c.account.Name, "err", err)
			return false
		}
		if attempt >= tries || !c.resume(ctx, e, err, attempt) {
			break
		}
		if attempt > 1 {
			e.close()
		}
		err = c.once(ctx, e, []Pair{p}, []*MailboxResult{res})[0]
	}
	if res.Err = err; err != nil {
		c.unread(ctx, e, p, res, true)
	}
	tally := res.Tally
	c.emit(Event{
		Type: MailboxDone, Account: c.account.Name, Mailbox: p.Source,
		Total: tally.Messages, Done: tally.Settled(), Bytes: res.Bytes, Tally: &tally, Text: text(res.Err),
	})
	return true
}

// resume waits before something is begun again, and reports whether it is
// worth it. Where lost connections live again, another mailbox of the convoy
// has waited.
func (c *carrier) resume(ctx context.Context, e *ends, err error, attempt int) bool {
	if attempt == 1 && !refused(err) && e.live() {
		_, ok := again(err, attempt, c.o.Settle)
		return ok && c.spent(ctx) == nil
	}
	return c.pause(ctx, err, attempt)
}
