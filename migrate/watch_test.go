package migrate_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/state"
	"github.com/mxmove/mxmove/migrate/step"
)

// sweepEvery is the interval of the watches below, and quietFor the time that
// nothing may come for one to end.
const (
	sweepEvery = 10 * time.Minute
	quietFor   = time.Hour
)

// startWatched moves a domain until it is switched, with the times above.
func startWatched(t *testing.T) *home {
	t.Helper()
	h := startHome(t, small)
	h.edit(t, "mxmove.yaml", "quiet: 2s", "quiet: 1h")
	h.edit(t, "mxmove.yaml", "sweep: 1s", "sweep: 10m")
	if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{Until: step.Switched}); err != nil {
		t.Fatal(err)
	}
	return h
}

// late returns a message that nobody has sent before.
func late(name string) imaplab.Message {
	return imaplab.Message{
		Date: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC),
		Body: fmt.Appendf(nil, "Subject: %s\r\nMessage-ID: <%x@customer.example>\r\n\r\nhello\r\n", name, sha256.Sum256([]byte(name))),
	}
}

// lateEverywhere puts a message into every mailbox of every account of the old
// server, as its filters do, and returns them.
func (h *home) lateEverywhere(t *testing.T, name string) []imaplab.Message {
	t.Helper()
	var all []imaplab.Message
	for _, p := range h.People {
		old := h.Old.Lookup(p.User)
		for _, box := range old.Mailboxes() {
			m := late(name + " " + p.User + " " + box)
			if _, err := old.Deliver(box, m); err != nil {
				continue // a name that only has others below it
			}
			all = append(all, m)
		}
	}
	if len(all) < 20 {
		t.Fatalf("%d messages went to the old server, want one in each of many mailboxes", len(all))
	}
	return all
}

// times counts how often the provider holds a message.
func (h *home) times(m imaplab.Message) int {
	n := 0
	for _, p := range h.People {
		account := h.New.Lookup(p.Address)
		for _, box := range account.Mailboxes() {
			for _, held := range account.Messages(box) {
				if string(held.Body) == string(m.Body) {
					n++
				}
			}
		}
	}
	return n
}

// A watchman is a clock that moves by waits alone, and lets something happen
// in the n-th wait for a sweep.
type watchman struct {
	*leap
	start time.Time
	waits []time.Duration
	at    map[int]func()
}

func (c *watchman) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.start.Add(c.ahead)
}

func (c *watchman) Sleep(ctx context.Context, d time.Duration) error {
	if d >= time.Minute { // others wait for a server, not for a sweep
		c.waits = append(c.waits, d)
		if f := c.at[len(c.waits)]; f != nil {
			f()
		}
	}
	return c.leap.Sleep(ctx, d)
}

// TestWatch lets a watch go on until it ends by itself. It sweeps at its
// interval, carries over what comes to any mailbox of the old server, leaves
// alone what users do at the new one, and ends when nothing but junk and mail
// of the old machine's own has come for the quiet time.
func TestWatch(t *testing.T) {
	t.Parallel()
	h := startWatched(t)
	clock := &watchman{leap: h.clock, start: time.Now().UTC()}
	h.o.Clock = clock
	anna := h.New.Lookup(h.People[0].Address)
	old := h.Old.Lookup(h.People[0].User)
	var first, second []imaplab.Message
	var user userChanges
	own := late("written by cron")
	own.Body = append([]byte("Received: by mail.example.org (Postfix, from userid 0)\r\n\tid 4F1A2; Wed, 25 Nov 2026 06:25:01 +0000\r\n"), own.Body...)
	clock.at = map[int]func(){
		1: func() {
			h.free(t)
			first = h.lateEverywhere(t, "first")
		},
		2: func() {
			user = h.usersWork(t, anna, old)
		},
		3: func() { second = h.lateEverywhere(t, "second") },
		6: func() {
			_, spam := old.Deliver("INBOX.Junk", late("junk"))
			_, cron := old.Deliver("INBOX", own)
			if err := errors.Join(spam, cron); err != nil {
				t.Error(err)
			}
		},
	}
	var talk []string
	h.o.Events = func(e migrate.Event) { talk = append(talk, e.Text) }
	if err := h.open(t).Watch(t.Context(), migrate.WatchOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := h.phase(t); got != step.Settled {
		t.Errorf("the phase is %s, want settled", got)
	}
	// The last late mail was swept after the third wait.
	if want := 3 + int(quietFor/sweepEvery); len(clock.waits) != want || slices.ContainsFunc(clock.waits, func(d time.Duration) bool { return d != sweepEvery }) {
		t.Errorf("the watch waited %v, want %d times %v", clock.waits, want, sweepEvery)
	}
	for _, m := range slices.Concat(first, second, []imaplab.Message{late("junk"), own}) {
		if n := h.times(m); n != 1 {
			t.Errorf("the new server holds %d times %.60q, want once", n, m.Body)
		}
	}
	user.kept(t, h, anna)
	const told = "MX007: the old machine has written 1 message itself, for anna@example.org"
	s, err := h.open(t).Status(t.Context())
	if err != nil || !strings.Contains(strings.Join(talk, "\n"), told) || !slices.ContainsFunc(s.Yours, func(y migrate.Yours) bool { return y.Code == finding.OldMachineWrites }) {
		t.Errorf("status = %+v, %v; want what the old machine has written, and the watch to say %q", s, err, told)
	}
}

// free wants the lock not to be held.
func (h *home) free(t *testing.T) {
	t.Helper()
	lock, err := state.TakeLock(h.dir, "sync", time.Now())
	if err != nil {
		t.Errorf("during the wait: %v", err)
	} else if err := lock.Close(); err != nil {
		t.Error(err)
	}
}

// userChanges are what a user did at the new server.
type userChanges struct {
	flagged, moved, deleted imaplab.Message
	flags                   []imap.Flag
}

// usersWork lets a user mark, move and delete mail at the new server, and
// somebody do other things to the same messages at the old one.
func (h *home) usersWork(t *testing.T, is, was *imaplab.Account) userChanges {
	t.Helper()
	held := slices.DeleteFunc(is.Messages("INBOX"), func(m imaplab.Message) bool { return h.times(m) != 1 })
	if len(held) < 4 {
		t.Fatalf("%d messages of the new INBOX are there once, want some to work with", len(held))
	}
	u := userChanges{flagged: held[0], moved: held[1], deleted: held[2], flags: []imap.Flag{imap.FlagFlagged, "$Important"}}
	_, archived := is.Deliver("Archive", u.moved)
	err := errors.Join(
		is.SetFlags("INBOX", u.flagged.UID, u.flags...),
		is.Remove("INBOX", u.moved.UID), archived,
		is.Remove("INBOX", u.deleted.UID),
	)
	for _, m := range was.Messages("INBOX") {
		switch string(m.Body) {
		case string(u.flagged.Body):
			err = errors.Join(err, was.SetFlags("INBOX", m.UID, imap.FlagAnswered))
		case string(held[3].Body):
			err = errors.Join(err, was.Remove("INBOX", m.UID))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// kept wants everything to be as the user has left it.
func (u userChanges) kept(t *testing.T, h *home, account *imaplab.Account) {
	t.Helper()
	for _, m := range account.Messages("INBOX") {
		if m.UID == u.flagged.UID && !slices.Equal(m.Flags, u.flags) {
			t.Errorf("flags are %v, want what the user has set: %v", m.Flags, u.flags)
		}
	}
	for _, want := range []struct {
		what  string
		m     imaplab.Message
		times int
	}{{"marked", u.flagged, 1}, {"moved", u.moved, 1}, {"deleted", u.deleted, 0}} {
		if n := h.times(want.m); n != want.times {
			t.Errorf("the new server holds %d times what the user has %s, want %d", n, want.what, want.times)
		}
	}
}

// A mortal clock kills its process when it has been asked for the time often
// enough.
type mortal struct {
	*deadlyClock
	lives atomic.Int64 // it is asked by several at once
}

func (c *mortal) Now() time.Time {
	if c.lives.Add(-1) == 0 {
		c.die()
	}
	return c.leap.Now()
}

// TestKilledWatch kills a watch at one moment after the other, and starts it
// again. What came late is at the new server exactly once, and the watch ends.
func TestKilledWatch(t *testing.T) {
	t.Parallel()
	if dir := os.Getenv(victimDir); dir != "" {
		watchAsVictim(t, dir)
		return
	}
	h := startWatched(t)
	h.keepClock(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	stride := 7
	if os.Getenv("MXMOVE_TORTURE") != "" {
		stride = 1
	}
	var all []imaplab.Message
	kills := 0
	for n := 1; ; n += stride {
		if n < 100 {
			m := late(fmt.Sprint("before kill ", n))
			if _, err := h.Old.Lookup(h.People[n%3].User).Deliver("INBOX.Archive.2024", m); err != nil {
				t.Fatal(err)
			}
			all = append(all, m)
		}
		cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestKilledWatch$", "-test.count=1")
		cmd.Env = append(os.Environ(), victimDir+"="+h.dir, victimWhen+"="+fmt.Sprint(n))
		out, err := cmd.CombinedOutput()
		if err == nil {
			break
		}
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != -1 && runtime.GOOS != "windows" {
			t.Fatalf("to be killed at the %dth look at the clock: %v\n%s", n, err, out)
		}
		kills++
	}
	if got := h.phase(t); got != step.Settled || kills < 5 {
		t.Errorf("after %d kills the phase is %s, want settled after some", kills, got)
	}
	for _, m := range all {
		if n := h.times(m); n != 1 {
			t.Errorf("the new server holds %d times %.40q, want once", n, m.Body)
		}
	}
	h.balanced(t)
	t.Logf("%d kills", kills)
}

// watchAsVictim is the process that is killed.
func watchAsVictim(t *testing.T, dir string) {
	clock := &mortal{deadlyClock: victimClock(t, dir)}
	lives, err := strconv.ParseInt(os.Getenv(victimWhen), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	clock.lives.Store(lives)
	h := &home{dir: dir, clock: clock.leap, o: options(clock)}
	if err := h.open(t).Watch(t.Context(), migrate.WatchOptions{}); err != nil {
		t.Fatal(err)
	}
}
