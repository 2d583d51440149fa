package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/migrate/finding"
)

// copyOn copies, and waits and goes on where an account has to rest: because
// of what a provider takes in a day, or because a server asks for patience.
// The lock is free while it waits.
func (m *Move) copyOn(ctx context.Context, o SyncOptions) (mailbox.Result, error) {
	var before mailbox.Result
	deadline, most := m.o.Clock.Now().Add(o.MaxTime), o.MaxBytes
	for {
		result, err := m.syncOnce(ctx, o)
		addSent(&result, before)
		due, why := m.restsUntil(result)
		if !o.Wait || m.o.DryRun || due.IsZero() || ctx.Err() != nil || errors.Is(err, mailbox.ErrLimit) || errors.Is(err, mailbox.ErrStopped) {
			return result, err
		}
		if o.MaxTime > 0 && !due.Before(deadline) || most > 0 && result.Bytes >= most {
			return result, errors.Join(fmt.Errorf("%w: it would be over before the copy can go on", mailbox.ErrLimit), err)
		}
		if err := m.restUntil(ctx, o.Stop, due, why); err != nil {
			return result, err
		}
		if before = result; o.MaxTime > 0 {
			o.MaxTime = max(deadline.Sub(m.o.Clock.Now()), 1)
		}
		if most > 0 {
			o.MaxBytes = most - result.Bytes
		}
	}
}

// restUntil says why nothing goes on, and waits.
func (m *Move) restUntil(ctx context.Context, stop <-chan struct{}, due time.Time, why error) error {
	phase, err := m.phaseNow(ctx)
	if err != nil {
		return err
	}
	d := due.Sub(m.o.Clock.Now())
	m.say("%s", firstLine(why))
	m.say("waiting until %s (%s): then the copy goes on", stamp(due), span(d))
	return m.wait(ctx, stop, d, phase, "until the copy goes on")
}

// addSent counts what the rounds before have sent.
func addSent(result *mailbox.Result, before mailbox.Result) {
	result.Sent, result.Bytes = result.Sent+before.Sent, result.Bytes+before.Bytes
	for i := range min(len(result.Accounts), len(before.Accounts)) {
		result.Accounts[i].Sent += before.Accounts[i].Sent
		result.Accounts[i].Bytes += before.Accounts[i].Bytes
	}
}

// restsUntil returns when the first of the accounts that rest may go on, and
// why it rests; zero where none does.
func (m *Move) restsUntil(result mailbox.Result) (first time.Time, why error) {
	earlier := func(until time.Time, err error) {
		if first.IsZero() || until.Before(first) {
			first, why = until, err
		}
	}
	for _, a := range result.Accounts {
		if rest := a.Rest(); rest != nil {
			earlier(rest.Until, rest)
			continue
		}
		errs := []error{a.Err}
		for _, mb := range a.Mailboxes {
			errs = append(errs, mb.Err)
		}
		for _, err := range errs {
			if d, ok := imapconn.ThrottleDelay(err); ok {
				earlier(m.o.Clock.Now().Add(d), err)
			}
		}
	}
	return first, why
}

// manyDays is how many accounts are named that take days.
const manyDays = 20

// daysFinding says which accounts hold more than the provider takes in a day,
// and how long their first copy will take.
func daysFinding(p *provider.Provider, accounts []AccountState) []finding.Finding {
	daily := p.Limits.DailyBytes
	if daily <= 0 {
		return nil
	}
	large := slices.DeleteFunc(slices.Clone(accounts), func(a AccountState) bool { return a.Bytes <= daily })
	if len(large) == 0 {
		return nil
	}
	slices.SortStableFunc(large, func(a, b AccountState) int { return int(min(max(b.Bytes-a.Bytes, -1), 1)) })
	days := func(a AccountState) string { return Plural(int((a.Bytes+daily-1)/daily), "day") }
	f := finding.Finding{
		Severity: finding.Note, Code: finding.CopyTakesDays, Subject: "accounts",
		Text: fmt.Sprintf("the provider takes %s of an account in a day, and %s more: the first copy takes about %s",
			mailbox.Amount(daily), holds(len(large)), days(large[0])),
		Evidence: []string{},
		Fix:      "begin early with mxmove sync --wait, which goes on by itself, or with mxmove sync from a timer",
	}
	for _, a := range large[:min(len(large), manyDays)] {
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s: %s, about %s", a.Address, mailbox.Amount(a.Bytes), days(a)))
	}
	return []finding.Finding{f}
}

func holds(n int) string {
	if n == 1 {
		return "1 account holds"
	}
	return fmt.Sprintf("%d accounts hold", n)
}
