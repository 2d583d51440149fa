package mailbox

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/journal"
)

// ErrAllowance means that a server takes or gives no more of an account for
// now, because of what went through in the last day. Other accounts go on.
var ErrAllowance = errors.New("mailbox: a day's allowance is used up")

// An AllowanceError says until when an account has to rest. It is an
// ErrAllowance.
type AllowanceError struct {
	Account string
	Until   time.Time
	Why     string // the server's words, or the rule
}

func (e *AllowanceError) Error() string {
	return fmt.Sprintf("%s rests until %s: %s", e.Account, e.Until.UTC().Format("2006-01-02 15:04:05 UTC"), e.Why)
}

// Is implements the interface of errors.Is.
func (e *AllowanceError) Is(target error) bool { return target == ErrAllowance }

// Rest returns until when some of the account has to rest, nil where all of it
// went on.
func (a AccountResult) Rest() *AllowanceError {
	errs := []error{a.Err}
	for _, m := range a.Mailboxes {
		errs = append(errs, m.Err)
	}
	var last *AllowanceError
	for _, err := range errs {
		if e, ok := errors.AsType[*AllowanceError](err); ok && (last == nil || e.Until.After(last.Until)) {
			last = e
		}
	}
	return last
}

const (
	// windowHours is how long what was sent counts: providers allow so much in any
	// 24 hours. Hours are counted whole, so one more passes.
	windowHours = 25

	firstPause   = time.Hour // what a server that names no time is left alone; each time in a row twice as long,
	longestPause = 24 * time.Hour

	// manyUnsaved is how much may be sent before it is written down: so much
	// may a kill hide, and a day's allowance is hundreds of times more.
	manyUnsaved = 1 << 20
)

// An allowance is what one account may send in a day, and what it has sent.
// Servers count by themselves, so their word stands above the books.
type allowance struct {
	most int64 // octets in 24 hours; 0: not known

	mu      sync.Mutex
	hours   map[int64]int64 // octets, by the hour in Unix time
	unsaved int64
	pause   journal.Pause
}

func hourOf(t time.Time) int64 { return t.Unix() / 3600 }

// openAllowance reads what the account has sent of late, and whether it rests.
func (c *carrier) openAllowance(ctx context.Context) (err error) {
	a := &c.allowance
	if a.pause, err = c.journal.Pause(ctx, c.account.Name); err != nil || c.o.Allowance <= 0 {
		return err
	}
	a.most = c.o.Allowance
	a.hours, err = c.journal.SentSince(ctx, c.account.Name, hourOf(c.o.Now())-windowHours)
	return err
}

// spent says why nothing more may begin for the account, nil while something
// may.
func (c *carrier) spent(ctx context.Context) error {
	if err := c.run.spent(ctx); err != nil {
		return err
	}
	if err := c.rivalry.stopped(); err != nil {
		return err
	}
	c.allowance.mu.Lock()
	defer c.allowance.mu.Unlock()
	if p := c.allowance.pause; c.paused(p) {
		return &AllowanceError{c.account.Name, p.Until, p.Why}
	}
	return nil
}

// paused reports whether a pause is not over. One longer than any is of a clock
// that went wrong.
func (c *carrier) paused(p journal.Pause) bool {
	if p.Span == 0 {
		return false
	}
	rest := p.Until.Sub(c.o.Now())
	return rest > 0 && rest <= longestPause+time.Hour
}

// maySend says why nothing more may be sent, nil while something may.
func (c *carrier) maySend(ctx context.Context) error {
	if err := c.spent(ctx); err != nil {
		return err
	}
	c.allowance.mu.Lock()
	defer c.allowance.mu.Unlock()
	if c.allowance.most <= 0 {
		return nil
	}
	if free := c.allowance.free(c.o.Now()); !free.IsZero() {
		return &AllowanceError{c.account.Name, free.Add(shift(c.account.Name)), "the provider takes " + Amount(c.allowance.most) + " of an account in a day"}
	}
	return nil
}

// free returns when a tenth of the allowance is there again, zero while some
// of it is left. An hour that is yet to come is one of a clock that went wrong:
// it counts only while it may be an hour of today.
func (a *allowance) free(now time.Time) time.Time {
	var sum int64
	var hours []int64
	for _, h := range slices.Sorted(maps.Keys(a.hours)) {
		if age := hourOf(now) - h; age < windowHours && age > -windowHours {
			hours, sum = append(hours, h), sum+a.hours[h]
		}
	}
	if sum < a.most {
		return time.Time{}
	}
	for _, h := range hours {
		if sum -= a.hours[h]; sum <= a.most-a.most/10 {
			return time.Unix((min(h, hourOf(now))+windowHours)*3600, 0).UTC()
		}
	}
	return now.Add(longestPause) // an allowance of a few octets
}

// Amount is a number of octets for people, as providers tell theirs.
func Amount(octets int64) string {
	if octets < 10_000_000 {
		return fmt.Sprintf("%d octets", octets)
	}
	return fmt.Sprintf("%d MB", octets/1_000_000)
}

// shift keeps accounts from coming back all in one second.
func shift(name string) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	return time.Duration(h.Sum32()%300) * time.Second
}

// sending counts octets before they are sent.
func (c *carrier) sending(ctx context.Context, octets int64) error {
	c.bytes.Add(octets)
	a := &c.allowance
	if a.most <= 0 {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hours[hourOf(c.o.Now())] += octets
	if a.unsaved += octets; a.unsaved < manyUnsaved {
		return nil
	}
	return c.saveAllowance(ctx)
}

// closeAllowance writes down what was sent since it was written last, and says
// where the account has to rest.
func (c *carrier) closeAllowance(ctx context.Context) {
	c.allowance.mu.Lock()
	err := c.saveAllowance(context.WithoutCancel(ctx))
	c.allowance.mu.Unlock()
	if c.result.Err == nil {
		c.result.Err = err
	}
	if rest := c.result.Rest(); rest != nil {
		c.emit(Event{Type: AccountWaiting, Account: c.account.Name, Wait: max(0, rest.Until.Sub(c.o.Now())), Text: rest.Why})
	}
}

// saveAllowance wants the allowance's lock held.
func (c *carrier) saveAllowance(ctx context.Context) error {
	octets := c.allowance.unsaved
	if octets == 0 {
		return nil
	}
	c.allowance.unsaved = 0
	hour := hourOf(c.o.Now())
	return c.journal.Sent(ctx, c.account.Name, hour, octets, hour-windowHours)
}

// exhausted takes a server's word that the account has to rest, and returns
// any other error as it is. Where it is the target's word and the allowance is
// known, the books have missed something (mail that came another way) and are
// corrected.
func (c *carrier) exhausted(ctx context.Context, err error, target bool) error {
	why, ok := imapconn.Exhausted(err)
	if !ok || c.verifies {
		return err
	}
	a, now := &c.allowance, c.o.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.paused(a.pause) { // another connection was told the same
		return &AllowanceError{c.account.Name, a.pause.Until, a.pause.Why}
	}
	p := journal.Pause{Span: firstPause, Why: clean(why)}
	if lately := a.pause.Until.Add(longestPause); a.pause.Span > 0 && lately.After(now) {
		p.Span = min(2*a.pause.Span, longestPause)
	}
	p.Until = now.Add(p.Span + shift(c.account.Name)).Truncate(time.Second)
	a.pause = p
	c.o.Log.Warn("account rests", "account", c.account.Name, "until", p.Until, "why", p.Why)
	if err := c.journal.SetPause(context.WithoutCancel(ctx), c.account.Name, p); err != nil {
		return err
	}
	if target {
		if err := c.correct(ctx); err != nil {
			return err
		}
	}
	return &AllowanceError{c.account.Name, p.Until, p.Why}
}

// correct fills the books up to the allowance. It wants the allowance's lock
// held.
func (c *carrier) correct(ctx context.Context) error {
	a, now := &c.allowance, hourOf(c.o.Now())
	missing := a.most
	for h, octets := range a.hours {
		if age := now - h; age < windowHours && age > -windowHours {
			missing -= octets
		}
	}
	if a.most <= 0 || missing <= 0 {
		return nil
	}
	a.hours[now] += missing
	a.unsaved += missing
	return c.saveAllowance(context.WithoutCancel(ctx))
}
