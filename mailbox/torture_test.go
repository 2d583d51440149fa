package mailbox_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// tortured returns the numbers out of [1, n] to try: all with
// MXMOVE_TORTURE=1, else a few that differ from test to test.
func tortured(n, few int, seed uint64) []int {
	r := rand.New(rand.NewPCG(seed, 7))
	all := r.Perm(n)
	if os.Getenv("MXMOVE_TORTURE") == "" && len(all) > few {
		all = all[:few]
	}
	for i := range all {
		all[i]++
	}
	return all
}

// small is a move that is soon done and has every awkward message in it.
func small(t *testing.T, habit imaplab.Options) *lab {
	t.Helper()
	l := start(t, imaplab.Options{}, habit)
	l.from.Create("INBOX.A", "")
	deliver(t, l.from, "INBOX", awkward()...)
	deliver(t, l.from, "INBOX", letters(0, 8, imap.FlagSeen)...)
	deliver(t, l.from, "INBOX.A", awkward()...)
	deliver(t, l.to, "INBOX", letter(3, imap.FlagSeen))
	l.options.Connections = 1
	return l
}

// exact requires that everything is at the target once, after as many runs as
// it takes, and that the books agree.
func exact(t *testing.T, l *lab) {
	t.Helper()
	var res mailbox.Result
	for range 5 {
		var err error
		if res, err = l.copier().Copy(t.Context(), []mailbox.Account{l.account}); err == nil && res.Err() == nil {
			break
		}
	}
	same(t, l.from, "INBOX", l.to, "INBOX")
	same(t, l.from, "INBOX.A", l.to, "A")
	if got := res.Tally(); got.Missing+got.Doubt != 0 || got.Messages != 32 {
		t.Errorf("tally = %+v, want 32 messages, none missing or in doubt", got)
	}
	l.target.ResetCommands()
	l.copy()
	if a := appends(l.target); a != 0 {
		t.Errorf("a further run sent %d APPENDs", a)
	}
}

// commands counts what each server is told in an undisturbed run.
func commands(t *testing.T, habit imaplab.Options) (source, target int) {
	l := small(t, habit)
	l.copy()
	return len(l.source.Commands()), len(l.target.Commands())
}

// killAt runs a copy that ends, as far as the servers can tell, at the nth
// command of one of them.
func (l *lab) killAt(server *imaplab.Server, n int, action imaplab.Action) {
	l.t.Helper()
	ctx, kill := context.WithCancelCause(l.t.Context())
	defer kill(nil)
	var seen atomic.Int32
	server.SetFaults(imaplab.Faults{Command: func(imaplab.Command) imaplab.Action {
		if int(seen.Add(1)) != n {
			return imaplab.Pass
		}
		kill(errors.New("killed"))
		return action
	}})
	_, _ = l.copier().Copy(ctx, []mailbox.Account{l.account})
	l.target.Disconnect()
	server.SetFaults(imaplab.Faults{})
}

// TestKilledAtAnyCommand ends the process, as far as the servers can tell, at
// the nth command: before it is done, and after it is done and not answered.
func TestKilledAtAnyCommand(t *testing.T) {
	t.Parallel()
	for name, habit := range habits {
		for _, action := range []imaplab.Action{imaplab.Cut, imaplab.Mute} {
			t.Run(name+" "+string(action), func(t *testing.T) {
				t.Parallel()
				sources, targets := commands(t, habit)
				for _, n := range tortured(sources+targets, 5, uint64(len(name))) {
					t.Run(strconv.Itoa(n), func(t *testing.T) {
						l := small(t, habit)
						if n <= targets {
							l.killAt(l.target, n, action)
						} else {
							l.killAt(l.source, n-targets, action)
						}
						exact(t, l)
					})
				}
			})
		}
	}
}

// TestCutAtAnyOctet cuts the connection at the nth octet, and lets the copier
// go on by itself.
func TestCutAtAnyOctet(t *testing.T) {
	t.Parallel()
	const octets = 9_000
	for name, habit := range habits {
		for way, fault := range map[string]func(n int64) imaplab.Faults{
			"in":  func(n int64) imaplab.Faults { return imaplab.Faults{CutIn: n} },
			"out": func(n int64) imaplab.Faults { return imaplab.Faults{CutOut: n} },
		} {
			t.Run(name+" "+way, func(t *testing.T) {
				t.Parallel()
				for _, n := range tortured(octets, 5, uint64(len(name+way))) {
					t.Run(strconv.Itoa(n), func(t *testing.T) {
						l := small(t, habit)
						if n%3 == 0 {
							l.source.SetFaults(fault(int64(n)))
						} else {
							l.target.SetFaults(fault(int64(n)))
						}
						exact(t, l)
					})
				}
			})
		}
	}
}

// TestStateOfYesterday puts an old copy of the state back, as a restored
// backup does.
func TestStateOfYesterday(t *testing.T) {
	t.Parallel()
	l := small(t, imaplab.Options{})
	l.copy()
	old := l.state
	more := l.from
	deliver(t, more, "INBOX", letters(20, 30)...)
	l.state = copyState(t, old)
	l.copy()
	l.state = old
	l.target.ResetCommands()
	l.copy()
	same(t, l.from, "INBOX", l.to, "INBOX")
	if a := appends(l.target); a != 0 {
		t.Errorf("with yesterday's state %d APPENDs were sent", a)
	}
}

func copyState(t *testing.T, path string) string {
	t.Helper()
	db, err := openDB(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	to := t.TempDir() + "/state.db"
	if _, err := db.ExecContext(t.Context(), "VACUUM INTO '"+to+"'"); err != nil {
		t.Fatal(err)
	}
	return to
}
