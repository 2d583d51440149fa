package migrate_test

import (
	"context"
	"errors"
	"os"
	"os/exec"

	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/lab"
	"github.com/mxmove/mxmove/migrate/step"
)

// A deadly clock kills its process, as a power cut does, when it is asked for
// the time at one of the moments around a recorded step.
type deadlyClock struct {
	*leap
	file  string // where the time is kept for the next process
	when  string // the moment
	steps int    // how often the step has asked for the time
}

// The moments of a step, in the order in which they come.
var moments = []string{
	"begin",   // before it is recorded
	"applied", // the zone is changed, and that is not yet remembered
	"end",     // it is done, and its end is not yet recorded
	"told",    // its end is recorded, and nothing has come of it yet
}

func (c *deadlyClock) Now() time.Time {
	if c.moment() == c.when {
		c.die()
	}
	return c.leap.Now()
}

func (*deadlyClock) die() {
	p, _ := os.FindProcess(os.Getpid()) // never fails for ourselves
	_ = p.Kill()
	select {} // until the kill has arrived
}

// moment names the moment by who asks for the time.
func (c *deadlyClock) moment() string {
	pcs := make([]uintptr, 8)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	asking, more := frames.Next()
	var beyond runtime.Frame
	if more {
		beyond, _ = frames.Next()
	}
	switch {
	case strings.HasSuffix(asking.Function, ".(*run).through"):
		if c.steps++; c.steps%2 == 1 {
			return "begin"
		}
		return "end"
	case strings.HasSuffix(asking.Function, ".(*Move).emit") && strings.HasSuffix(beyond.Function, ".(*run).through"):
		return "told"
	case strings.HasSuffix(asking.Function, "state.(*Move).AppendApplied"):
		return "applied"
	}
	return ""
}

func (c *deadlyClock) Sleep(ctx context.Context, d time.Duration) error {
	err := c.leap.Sleep(ctx, d)
	return errors.Join(err, os.WriteFile(c.file, []byte(strconv.FormatInt(int64(c.ahead), 10)), 0o600))
}

// The variables by which a victim knows what to do and when to die.
const (
	victimDir  = "MXMOVE_TEST_VICTIM"
	victimRun  = "MXMOVE_TEST_VICTIM_RUN"
	victimWhen = "MXMOVE_TEST_VICTIM_WHEN"
)

// victim is the process that is killed. It carries on a move on servers that
// are another process's.
func victim(t *testing.T, dir string) {
	clock := victimClock(t, dir)
	clock.when = os.Getenv(victimWhen)
	h := &home{dir: dir, clock: clock.leap, o: options(clock)}
	h.o.Accept = []migrate.Accept{{Code: finding.GateReports, Reason: "nothing else sends in the lab"}}
	h.o.Events = func(migrate.Event) {}
	m := h.open(t)
	var err error
	switch os.Getenv(victimRun) {
	case "close":
		err = m.Migrate(t.Context(), migrate.RunOptions{Until: step.Closed})
	case "undo":
		err = m.Undo(t.Context(), migrate.UndoOptions{All: true})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// victimClock is the clock that the process before has left.
func victimClock(t *testing.T, dir string) *deadlyClock {
	t.Helper()
	clock := &deadlyClock{leap: new(leap), file: dir + ".clock"}
	text, err := os.ReadFile(clock.file)
	if err != nil {
		t.Fatal(err)
	}
	ahead, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	clock.jump(time.Duration(ahead))
	return clock
}

// keepClock keeps the time for victims.
func (h *home) keepClock(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(h.dir+".clock", []byte(strconv.FormatInt(int64(h.clock.ahead), 10)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// killedAtEveryMoment starts a command again and again, and lets it die once
// at every moment of each step, until it has nothing left to do.
func (h *home) killedAtEveryMoment(t *testing.T, command string) (kills int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h.keepClock(t)
	for i, n := 0, 0; n < 100; i, n = i+1, n+1 {
		when := moments[i%len(moments)]
		if when == "applied" && command != "undo" && !slices.Contains([]step.Phase{step.Planned, step.Prepared, step.Settled}, h.phase(t)) {
			continue // the next step changes no zone
		}
		cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestKilledAroundEveryStep$", "-test.count=1")
		cmd.Env = append(os.Environ(), victimDir+"="+h.dir, victimRun+"="+command, victimWhen+"="+when)
		out, err := cmd.CombinedOutput()
		if err == nil {
			return kills
		}
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != -1 && runtime.GOOS != "windows" {
			t.Fatalf("%s, to be killed at %q: %v\n%s", command, when, err, out)
		}
		kills++
	}
	t.Fatalf("%s goes on for ever", command)
	return kills
}

func TestKilledAroundEveryStep(t *testing.T) {
	t.Parallel()
	if dir := os.Getenv(victimDir); dir != "" {
		victim(t, dir)
		return
	}
	t.Run("there", func(t *testing.T) {
		t.Parallel()
		h := startHome(t, small)
		kills := h.killedAtEveryMoment(t, "close")
		h.balanced(t)
		if got := h.phase(t); got != step.Closed {
			t.Errorf("the phase is %s, want closed", got)
		}
		h.recorded(t, kills, step.Planned, step.Prepared, step.Switching, step.Switched, step.Settled, step.Closed)
	})
	t.Run("and back", func(t *testing.T) {
		t.Parallel()
		h := startHome(t, small)
		before := h.records()
		if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{Until: step.Switched}); err != nil {
			t.Fatal(err)
		}
		letter := []byte("Subject: came to the new server\r\nMessage-ID: <new@customer.example>\r\n\r\nhello\r\n")
		if err := h.DeliverAt(t.Context(), lab.NewMXHost, "carla@customer.example", h.People[0].Address, letter); err != nil {
			t.Fatal(err)
		}
		kills := h.killedAtEveryMoment(t, "undo")
		h.balanced(t)
		if after := h.records(); after != before {
			t.Errorf("after the undo the zone is\n%s\nwant\n%s", after, before)
		}
		h.recorded(t, kills, step.Undone, step.Undone)
	})
}

// recorded wants each phase to be reached by a step that began and ended, and
// more steps to have begun than have ended: those that were killed.
func (h *home) recorded(t *testing.T, kills int, want ...step.Phase) {
	t.Helper()
	rec, err := h.open(t).Record(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []step.Phase
	cut := 0
	for _, s := range rec.Steps {
		switch {
		case s.Outcome == "":
			cut++
		case s.From != s.To || s.To == step.Undone:
			got = append(got, s.To)
		}
	}
	if len(got) < len(want) || !slices.Equal(got[len(got)-len(want):], want) {
		t.Errorf("steps have reached %q, want %q", got, want)
	}
	if cut == 0 || kills < 3*len(want)-1 {
		t.Errorf("%d kills, %d steps cut short; every step was to be killed about three times", kills, cut)
	}
	t.Logf("%d kills, %d steps cut short", kills, cut)
}
