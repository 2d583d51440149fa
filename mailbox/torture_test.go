package mailbox_test

import (
	"context"
	"errors"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// tortured returns the numbers out of [1, n] to try: all with
// MXMOVE_TORTURE=1, else a few that differ from test to test, and more of them
// where the real servers are tried too.
func tortured(n, few int, seed string) []int {
	if os.Getenv("MXMOVE_TEST_REAL") != "" {
		few *= 8
	}
	hash := fnv.New64a()
	_, _ = io.WriteString(hash, seed) // never fails
	all := rand.New(rand.NewPCG(hash.Sum64(), 7)).Perm(n)
	if os.Getenv("MXMOVE_TORTURE") == "" && len(all) > few {
		all = all[:few]
	}
	for i := range all {
		all[i]++
	}
	return all
}

// small is a move that is soon done, with messages that are easily confused.
func small(t *testing.T, habit imaplab.Options) *lab {
	t.Helper()
	l := start(t, imaplab.Options{}, habit)
	l.furnish(t)
	return l
}

// furnish fills the accounts for a small move.
func (l *lab) furnish(t *testing.T) {
	t.Helper()
	l.from.Create("INBOX.A", "")
	deliver(t, l.from, "INBOX", append(awkward()[:7], letters(2, 4, imap.FlagSeen)...)...)
	deliver(t, l.from, "INBOX.A", awkward()[:3]...)
	deliver(t, l.to, "INBOX", letter(3, imap.FlagSeen))
	l.options.Connections = 1
}

// exact requires that a run ends well, that everything is at the target once
// then, that the books agree, and that a further run sends nothing.
func exact(t *testing.T, l *lab) {
	t.Helper()
	res := l.copy()
	want := samePairs(t, l)
	if got := res.Tally(); got.Missing+got.Doubt != 0 || got.Messages != want {
		t.Errorf("tally = %+v, want %d messages, none missing or in doubt", got, want)
	}
	l.drain(t)
	l.source.ResetCommands()
	l.target.ResetCommands()
	l.copy()
	if a := appends(l.source) + appends(l.target); a != 0 {
		t.Errorf("a further run sent %d APPENDs", a)
	}
}

// drain waits until both servers have done with what was sent to them: until
// then they may note a command that was cut long before.
func (l *lab) drain(t *testing.T) {
	t.Helper()
	for _, s := range []*imaplab.Server{l.source, l.target} {
		if err := s.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// samePairs compares all mailboxes, and counts the messages of the source.
func samePairs(t *testing.T, l *lab) int {
	t.Helper()
	n := 0
	for _, name := range l.from.Mailboxes() {
		target := strings.ReplaceAll(strings.TrimPrefix(name, "INBOX."), ".", "/")
		same(t, l.from, name, l.to, target)
		n += len(l.from.Messages(name))
	}
	return n
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
				for _, n := range tortured(sources+targets, 5, name+string(action)) {
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
