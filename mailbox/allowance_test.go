package mailbox_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// A watch is a clock that a test sets.
type watch struct{ at atomic.Int64 }

func newWatch(l *lab) *watch {
	w := new(watch)
	w.at.Store(time.Date(2026, 11, 1, 10, 20, 0, 0, time.UTC).UnixNano())
	l.options.Now = func() time.Time { return time.Unix(0, w.at.Load()).UTC() }
	return w
}

func (w *watch) jump(d time.Duration) { w.at.Add(int64(d)) }

// rests runs a copy of one account that has to end with a rest, and returns
// it.
func (l *lab) rests() (mailbox.Result, *mailbox.AllowanceError) {
	l.t.Helper()
	res, err := l.copier().Copy(l.t.Context(), []mailbox.Account{l.account})
	if err != nil || !errors.Is(res.Err(), mailbox.ErrAllowance) || res.Accounts[0].Rest() == nil {
		l.t.Fatalf("Copy() = %v, %v, want ErrAllowance", err, res.Err())
	}
	return res, res.Accounts[0].Rest()
}

// TestDailyAllowance copies no more in a day than the provider takes, over
// several runs, and goes on when the first of it is a day old.
func TestDailyAllowance(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	clock := newWatch(l)
	deliver(t, l.from, "INBOX", letters(0, 2500)...)
	l.from.Create("INBOX.Work", "")
	deliver(t, l.from, "INBOX.Work", letters(3000, 3100)...)
	l.options.Allowance, l.options.Memory = 100_000, 1<<16
	res, rest := l.rests()
	first := res.Bytes
	if first < 100_000 || first > 100_000+1<<17 {
		t.Errorf("%d octets sent, want about 100000", first)
	}
	if got := res.Tally(); got.Copied == 0 || got.Missing == 0 || got.Copied+got.Missing != 2600 {
		t.Errorf("tally = %+v, want some copied and the rest missing", got)
	}
	if in := rest.Until.Sub(l.options.Now()); in < 24*time.Hour || in > 25*time.Hour+5*time.Minute {
		t.Errorf("rests for %s, want a day", in)
	}
	clock.jump(3 * time.Hour)
	if again, later := l.rests(); again.Sent != 0 || !later.Until.Equal(rest.Until) {
		t.Errorf("three hours later %d messages are sent, and it rests until %s, want none and %s", again.Sent, later.Until, rest.Until)
	}
	clock.jump(-4 * time.Hour) // a clock that is set back
	if again, later := l.rests(); again.Sent != 0 || later.Until.After(rest.Until) {
		t.Errorf("with a clock set back %d messages are sent, and it rests until %s, want none and at most %s", again.Sent, later.Until, rest.Until)
	}
	days := 0
	for ; ; days++ {
		clock.at.Store(rest.Until.UnixNano())
		res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.account})
		if err == nil && res.Err() == nil {
			break
		}
		if rest = res.Accounts[0].Rest(); err != nil || rest == nil || res.Sent == 0 || days > 20 {
			t.Fatalf("day %d: Copy() = %v, %v, %d sent", days, err, res.Err(), res.Sent)
		}
	}
	if days == 0 {
		t.Error("all the rest went on the second day")
	}
	same(t, l.from, "INBOX", l.to, "INBOX")
	same(t, l.from, "INBOX.Work", l.to, "Work")
}

// TestUsedUpAllowanceKeepsNobodyFromLooking: where nothing is to be sent, the
// copy is complete.
func TestUsedUpAllowanceKeepsNobodyFromLooking(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	clock := newWatch(l)
	uids := deliver(t, l.from, "INBOX", letters(0, 50)...)
	l.options.Allowance = 5000
	l.copy() // one batch, begun while something was left
	if err := l.from.SetFlags("INBOX", uids[7], imap.FlagFlagged); err != nil {
		t.Fatal(err)
	}
	if got := l.copy(); got.Sent != 0 || got.Tally().Copied != 50 {
		t.Errorf("with nothing to send, %d sent, tally = %+v", got.Sent, got.Tally())
	}
	deliver(t, l.from, "INBOX", letters(50, 51)...)
	_, _ = l.rests()
	clock.jump(365 * 24 * time.Hour) // and a clock that was a year ahead
	l.copy()
	clock.jump(-364 * 24 * time.Hour)
	deliver(t, l.from, "INBOX", letters(51, 52)...)
	l.copy()
	same(t, l.from, "INBOX", l.to, "INBOX")
}

// TestServerThatSaysEnough ends the account for an hour, as at Gmail, without
// any further login. The next time in a row is longer.
func TestServerThatSaysEnough(t *testing.T) {
	t.Parallel()
	const enough = "TAG NO [OVERQUOTA] Account exceeded command or bandwidth limits. ab12"
	for name, side := range map[string]func(*lab) (*imaplab.Server, string){
		"source":       func(l *lab) (*imaplab.Server, string) { return l.source, "UID FETCH" },
		"source login": func(l *lab) (*imaplab.Server, string) { return l.source, "AUTHENTICATE" },
		"target":       func(l *lab) (*imaplab.Server, string) { return l.target, "APPEND" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, imaplab.Options{}, imaplab.Options{})
			clock := newWatch(l)
			deliver(t, l.from, "INBOX", letters(0, 50)...)
			server, verb := side(l)
			server.SetFaults(imaplab.Faults{Answer: func(c imaplab.Command) []string {
				if c.Verb == verb && (verb != "UID FETCH" || strings.Contains(c.Args, "BODY.PEEK[]")) {
					return []string{enough}
				}
				return nil
			}})
			l.options.Allowance = 1 << 20
			res, rest := l.rests()
			if got := res.Tally(); got.Refused != 0 || got.Missing != 50 && verb != "AUTHENTICATE" {
				t.Errorf("tally = %+v, want all missing", got)
			}
			if in := rest.Until.Sub(l.options.Now()); in < time.Hour-time.Second || in > time.Hour+5*time.Minute || !strings.Contains(rest.Why, "bandwidth limits") {
				t.Errorf("rests for %s because of %q, want an hour and the server's words", in, rest.Why)
			}
			if n := server.Count(verb); n > 12 {
				t.Errorf("%d times %s against the limit", n, verb)
			}
			logins := l.from.Logins() + l.to.Logins()
			clock.jump(30 * time.Minute)
			_, _ = l.rests()
			if now := l.from.Logins() + l.to.Logins(); now != logins {
				t.Errorf("%d logins while the account rests", now-logins)
			}
			clock.jump(40 * time.Minute)
			l.options.Allowance = 0 // what is corrected in the books keeps for a day
			if _, rest = l.rests(); rest.Until.Sub(l.options.Now()) < 2*time.Hour-time.Second {
				t.Errorf("the second time rests until %s, at %s", rest.Until, l.options.Now())
			}
			server.SetFaults(imaplab.Faults{})
			clock.jump(3 * time.Hour)
			l.options.Allowance = 1 << 20
			if verb == "APPEND" { // the books were short of what the server knows
				_, _ = l.rests()
				clock.jump(25 * time.Hour)
			}
			l.copy()
			same(t, l.from, "INBOX", l.to, "INBOX")
		})
	}
}
