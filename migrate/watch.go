package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/migrate/step"
)

// WatchOptions say how long to watch.
type WatchOptions struct {
	Once bool            // one sweep, for timers
	Stop <-chan struct{} // closed: stop after what is in flight
}

// Kinds of observations of the time after the switch.
const (
	sweepKind = "sweep" // a sweep that read every account
	lateKind  = "late"  // a sweep that carried real mail over
	dmarcKind = "dmarc" // a DMARCRecord
)

// Watch sweeps what arrived late at the old server from every paired mailbox,
// until the move is settled: quiet for as long as the policy asks, and
// aligned. The lock is held only during a sweep.
func (m *Move) Watch(ctx context.Context, o WatchOptions) error {
	for {
		var open *GateError
		err := m.locked(ctx, "watch", func(r *run) error { return r.sweep(ctx, o, &open) })
		later, outage := errors.AsType[*LaterError](err)
		switch {
		case outage && !o.Once:
			m.say("%s; the next sweep tries again", later.What)
		case err != nil || open == nil:
			return err
		default:
			for _, g := range open.Refused() {
				m.say("not settled: %s", g.Text)
			}
		}
		if o.Once {
			return nil
		}
		if closed(o.Stop) {
			return mailbox.ErrStopped
		}
		if err := m.wait(ctx, o.Stop, m.Config.Policy.Sweep, step.Switched, "until the next sweep"); err != nil {
			return err
		}
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// sweep copies additions once and asks whether the move is settled. What is
// still open is left in open; nil means that nothing is.
func (r *run) sweep(ctx context.Context, o WatchOptions, open **GateError) error {
	phase, err := r.phase(ctx)
	if err != nil {
		return err
	}
	if phase != step.Switched && phase != step.Settled {
		return &PhaseError{Command: "watch", Phase: phase, Fix: "mxmove status says what is next"}
	}
	result, err := r.sync(ctx, SyncOptions{Stop: o.Stop, trace: true})
	if outage(result) && ctx.Err() == nil {
		return &LaterError{What: "the sweep could not read every account: " + firstLine(result.Err())}
	}
	if _, person := errors.AsType[*PersonError](err); err != nil && (!person || result.Err() != nil) {
		return err
	}
	late := realMail(result)
	if late > 0 {
		own, err := r.homemade(ctx, result)
		if err != nil {
			return err
		}
		late -= own
	}
	if late > 0 {
		if err := r.observe(ctx, lateKind, "", fmt.Sprint(late)); err != nil {
			return err
		}
	}
	if err := r.observe(ctx, sweepKind, "", ""); err != nil {
		return err
	}
	t := result.Tally()
	r.emit(Event{Type: SweepDone, Tally: &t, Done: result.Sent, Text: "sweep: " + Plural(result.Sent, "late message") + " carried over"})
	if err := r.proveOnce(ctx); err != nil {
		return err
	}
	if err := r.hear(ctx); err != nil {
		return err
	}
	if phase == step.Switched {
		if err := r.askOldMX(ctx); err != nil {
			return err
		}
	}
	return r.settle(ctx, phase, open)
}

// outage reports whether all that kept a copy from being finished is a matter
// of time: a server that is away is back at the next sweep, a wrong password
// is not.
func outage(result mailbox.Result) bool {
	var errs []error
	for _, a := range result.Accounts {
		errs = append(errs, a.Err)
		for _, mb := range a.Mailboxes {
			errs = append(errs, mb.Err)
		}
	}
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	return len(errs) > 0 && !slices.ContainsFunc(errs, func(err error) bool {
		return imapconn.Class(err) != imapconn.ClassTemporary && !errors.Is(err, mailbox.ErrAllowance) && !errors.Is(err, mailbox.ErrRival)
	})
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// realMail counts what a sweep carried over, without the mailboxes that hold
// junk: spammers go on for years, and nobody waits for them.
func realMail(result mailbox.Result) int {
	n := 0
	for _, a := range result.Accounts {
		for _, mb := range a.Mailboxes {
			if mb.Use != imap.MailboxAttrJunk {
				n += mb.Sent
			}
		}
	}
	return n
}

// proveOnce sends a probe when none has passed since the switch and one can
// be received. A failed probe is told and does not end the watch.
func (r *run) proveOnce(ctx context.Context) error {
	if r.Config.Probe == nil {
		return nil
	}
	last, err := r.verdict(ctx)
	if err != nil || last != nil && last.DMARC == "pass" {
		return err
	}
	_, err = r.checkDMARC(ctx, DMARCOptions{})
	if err != nil && ctx.Err() == nil {
		r.say("probe: %v", err)
		return nil
	}
	return err
}

// verdict returns what the probes since the switch prove, or nil.
func (r *run) verdict(ctx context.Context) (*DMARCRecord, error) {
	seen, ok, err := r.state.Latest(ctx, seenStage, string(dnsplan.Switch))
	if err != nil || !ok {
		return nil, err
	}
	return r.proof(ctx, seen.At)
}

// settle asks the gates of the quiet time.
func (r *run) settle(ctx context.Context, phase step.Phase, open **GateError) error {
	f, err := r.quietFacts(ctx)
	if err != nil || phase == step.Settled {
		return err
	}
	results := settledGates(f)
	taken, err := r.judge(ctx, "watch", results)
	if refusal, ok := errors.AsType[*GateError](err); ok {
		*open = refusal
		return nil
	}
	s := step.Step{Command: "watch", From: phase, To: step.Settled, Gates: results, Accepted: taken}
	_, err = r.through(ctx, s, func() error { return nil })
	return err
}

func (r *run) quietFacts(ctx context.Context) (Facts, error) {
	f := Facts{Now: r.o.Clock.Now(), Quiet: r.Config.Policy.Quiet}
	var err error
	if f.Newest, err = r.state.Newest(ctx); err != nil {
		return f, err
	}
	if f.Copy, err = recall[CopyRecord](ctx, r, copyKind, ""); err != nil {
		return f, err
	}
	if f.Verdict, err = r.verdict(ctx); err != nil {
		return f, err
	}
	for _, o := range []struct {
		kind, subject string
		at            *time.Time
	}{
		{seenStage, string(dnsplan.Switch), &f.Switched}, {lateKind, "", &f.LastLate}, {deafKind, "", &f.LastDeaf}, {sweepKind, "", &f.LastLook},
	} {
		seen, _, err := r.state.Latest(ctx, o.kind, o.subject)
		if err != nil {
			return f, err
		}
		*o.at = seen.At
	}
	for _, domain := range r.domains() {
		said, err := recall[OldMX](ctx, r, oldMXKind, domain)
		if err != nil {
			return f, err
		}
		if said != nil {
			f.OldMX = append(f.OldMX, *said)
		}
	}
	return f, nil
}
