package migrate_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/finding"
)

// TestRealFlagship moves a domain while the world sends it twenty messages a
// second and somebody keeps killing the program. Every message that any server
// has accepted must be in the right place exactly once at the end.
func TestRealFlagship(t *testing.T) {
	t.Parallel()
	bin := os.Getenv(realmBin)
	if bin == "" {
		requireRealm(t)
		bin = build(t)
	}
	for _, s := range []struct {
		name  string
		story func(*testing.T, string)
	}{{"moved", movedUnderLoad}, {"undone", undoneUnderLoad}} {
		t.Run(s.name, func(t *testing.T) {
			if os.Getenv(realmBin) == "" {
				t.Parallel()
				inRealm(t, bin)
				return
			}
			s.story(t, bin)
		})
	}
}

var (
	oldMX = []string{"10 mail.example.org."}
	newMX = []string{"10 mx1.provider.example.", "20 mx2.provider.example."}
)

// movedUnderLoad goes there and stays.
func movedUnderLoad(t *testing.T, bin string) {
	r := newRealm(t, bin, true)
	k := &reaper{product: r.product, r: rand.New(rand.NewPCG(2026, 1124))}
	r.startFlow(t, 1, true)
	r.flow.keepTo(oldIP)
	r.flow.await(t, 60)

	k.strike(t, 1, 2*time.Second, "plan")
	r.ok(t, "plan")
	k.strike(t, 2, 2*time.Second, "migrate", yes)
	r.repeat(t, "migrate", "--until", "prepared", yes)
	k.strike(t, 1, 2*time.Second, "sync")
	r.dueForCutover(t)
	k.strike(t, 2, 3*time.Second, "cutover", yes)
	r.turnedAway(t)
	k.strikeOn(t, r.dns.primary, newMX, "cutover", yes)
	k.strike(t, 10-k.kills, 6*time.Second, "migrate", yes)
	t.Logf("killed %d times, %d messages sent", k.kills, r.flow.count())

	migrate := r.start(t, "migrate", yes)
	r.flow.await(t, 200)
	r.flow.keepTo("") // they have heard of the new MX at last
	if r.wait(t, migrate); migrate.code != 0 {
		t.Fatalf("mxmove %s", migrate.told([]int{0}))
	}
	s := r.stands(t, "settled")
	r.shown(t, newMX)
	r.flow.await(t, 40)
	r.flow.stop()
	drained(t, 30*time.Second, r.everybody()...)

	r.noBounce(t)
	r.everybodyAtHome(t, r.target)
	r.filed(t)
	if n := len(r.old.logged(t, "come back later")); n == 0 {
		t.Error("the old server has told nobody to come back later")
	}
	switched := r.began(t, "switched")
	if n := r.cameAfter(t, r.source, switched); n == 0 {
		t.Error("no mail came to the old server after the switch: nothing had to be carried over")
	} else {
		t.Logf("%d messages came to the old server after the switch, settled %s after it", n, s.Since.Sub(switched))
	}
	r.ok(t, "verify")
	r.closed(t)
	r.leaks(t)
}

// turnedAway wants the cutover to refuse while the provider does not know an
// address that the old server's own files name, and creates it.
func (r *realm) turnedAway(t *testing.T) {
	t.Helper()
	cut := r.do(t, []int{4}, "cutover", yes)
	if all := cut.stderr.String(); !strings.Contains(all, "MX031") || !strings.Contains(all, forgotten) {
		t.Errorf("the cutover does not refuse for the sake of %s: %s", forgotten, cut.told([]int{4}))
	}
	r.remember(t)
}

// closed closes the move: not before senders have given up, which takes days,
// and then the old server is named nowhere any more.
func (r *realm) closed(t *testing.T) {
	t.Helper()
	r.do(t, []int{5}, "close", yes)
	clock := new(leap)
	clock.jump(6 * 24 * time.Hour)
	o := options(clock)
	o.Accept = []migrate.Accept{{Code: finding.GateReports, Reason: "the world of the test sends none"}}
	o.Secret = func(s config.Secret) (string, error) { return r.value(s.Env), nil }
	m, err := migrate.Open(r.dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Finish(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	r.dns.settle(t)
	for _, line := range r.dns.transfer(t) {
		if strings.Contains(line, "v=spf1") && (strings.Contains(line, oldIP) || strings.Contains(line, "mx")) {
			t.Errorf("closed, and the old server may still send: %s", line)
		}
	}
	r.shown(t, newMX)
}

// undoneUnderLoad goes there, thinks better of it, and goes all the way back.
func undoneUnderLoad(t *testing.T, bin string) {
	r := newRealm(t, bin, false)
	zone := r.dns.transfer(t)
	k := &reaper{product: r.product, r: rand.New(rand.NewPCG(2026, 1125))}
	r.startFlow(t, 2, false)
	r.flow.await(t, 60)

	r.ok(t, "plan")
	k.strike(t, 1, 2*time.Second, "prepare", yes)
	r.ok(t, "prepare", yes)
	r.ok(t, "sync")
	r.dueForCutover(t)
	r.remember(t)
	k.strike(t, 1, 3*time.Second, "cutover", yes)
	k.strikeOn(t, r.dns.primary, newMX, "cutover", yes)
	r.repeat(t, "cutover", yes)
	k.strike(t, 1, 2*time.Second, "watch")
	r.flow.await(t, 300)
	r.shown(t, newMX)
	r.flow.keepTo(newMX1IP)

	k.strike(t, 1, time.Second, "undo", yes)
	k.strikeOn(t, r.dns.primary, oldMX, "undo", yes)
	r.repeat(t, "undo", yes)
	undone := r.stands(t, "undone").Since
	r.shown(t, oldMX)
	k.strike(t, 10-k.kills, 4*time.Second, "undo", "--all", yes)
	t.Logf("killed %d times, %d messages sent", k.kills, r.flow.count())
	all := r.start(t, "undo", "--all", yes)
	r.flow.await(t, 160)
	r.flow.keepTo("") // they have heard of the old MX again
	if r.wait(t, all); all.code != 0 {
		t.Fatalf("mxmove %s", all.told([]int{0}))
	}
	r.flow.await(t, 40)
	r.flow.stop()
	drained(t, 30*time.Second, r.everybody()...)

	r.noBounce(t)
	r.everybodyAtHome(t, r.source)
	if n := r.cameAfter(t, r.target, undone); n == 0 {
		t.Error("no mail came to the target after the undo: nothing had to be carried back")
	} else {
		t.Logf("%d messages came to the target after the undo", n)
	}
	r.dns.settle(t)
	if lines := difference(zone, r.dns.transfer(t)); len(lines) > 0 {
		t.Errorf("after undo --all the zone differs:\n%s", strings.Join(lines, "\n"))
	}
	r.leaks(t)
}

// A reaper kills the program at random moments.
type reaper struct {
	*product
	r     *rand.Rand
	kills int
}

// strike starts a command until it has killed it n times, each time within the
// limit. A command that had ended by then is not counted, and the next one has
// no more time than that one took.
func (k *reaper) strike(t *testing.T, n int, limit time.Duration, args ...string) {
	t.Helper()
	for tries := 0; n > 0 && tries < 40; tries++ {
		cmd, began := k.start(t, args...), time.Now()
		select {
		case <-time.After(time.Duration(k.r.Int64N(int64(limit)))):
			_ = cmd.cmd.Process.Kill() // it may have ended this very moment
		case <-cmd.ended:
			limit = time.Since(began)
		}
		if k.struck(t, cmd) {
			n--
		}
	}
	if n > 0 {
		t.Fatalf("mxmove %s ends too soon to be killed", strings.Join(args, " "))
	}
}

// strikeOn kills a command as soon as the first server of the zone shows an
// MX: it has written that, and may not know yet that it has.
func (k *reaper) strikeOn(t *testing.T, server string, mx []string, args ...string) {
	t.Helper()
	var cmd *run
	for range 40 {
		cmd = k.start(t, args...)
		for alive := true; alive; {
			select {
			case <-cmd.ended:
				alive = false
			case <-time.After(5 * time.Millisecond):
				if got, err := ask(t.Context(), server, storyZone, dns.TypeMX); err == nil && slices.Equal(got, mx) {
					_ = cmd.cmd.Process.Kill()
					alive = false
				}
			}
		}
		if k.struck(t, cmd) {
			return
		}
	}
	t.Fatalf("never wrote MX %q: mxmove %s", mx, cmd.told([]int{-1}))
}

// struck waits for a command's end and reports whether it was killed. It may
// have ended by itself, with nothing to do or with something to wait for.
func (k *reaper) struck(t *testing.T, cmd *run) bool {
	t.Helper()
	if k.wait(t, cmd); cmd.code != -1 {
		if !slices.Contains([]int{0, 3, 4, 5}, cmd.code) {
			t.Fatalf("mxmove %s", cmd.told([]int{0, 3, 4, 5}))
		}
		return false
	}
	k.kills++
	var s standing
	k.document(t, &s, []int{0}, "status")
	t.Logf("kill %d: mxmove %s, %s by then", k.kills, cmd.args[0], cmp.Or(s.Phase, "not planned"))
	return true
}

// repeat runs a command until it has done all, as it asks for.
func (r *realm) repeat(t *testing.T, args ...string) {
	t.Helper()
	eventually(t, patience, strings.Join(args, " "), func(context.Context) error {
		if c := r.do(t, []int{0, 4, 5}, args...); c.code != 0 {
			return errors.New(c.told([]int{0}))
		}
		return nil
	})
}

// dueForCutover copies until the waits of the plan have run out.
func (r *realm) dueForCutover(t *testing.T) {
	t.Helper()
	eventually(t, patience, "the switch is due", func(context.Context) error {
		r.ok(t, "sync")
		var s standing
		r.document(t, &s, []int{0}, "status")
		if s.Phase != "prepared" || s.Next.NotBefore != nil && s.Next.NotBefore.After(time.Now()) {
			return fmt.Errorf("%s, next is %s not before %v", s.Phase, s.Next.Command, s.Next.NotBefore)
		}
		return nil
	})
}

// A standing is what status tells.
type standing struct {
	Phase string
	Since time.Time
	Next  struct {
		Command   string
		NotBefore *time.Time `json:"not_before"`
	}
}

func (r *realm) stands(t *testing.T, phase string) standing {
	t.Helper()
	var s standing
	if r.document(t, &s, []int{0}, "status"); s.Phase != phase {
		t.Fatalf("the phase is %q, want %q", s.Phase, phase)
	}
	return s
}

// shown wants both servers of both zones to show an MX.
func (r *realm) shown(t *testing.T, want []string) {
	t.Helper()
	for _, server := range []string{r.dns.primary, r.dns.secondary} {
		for _, zone := range r.dns.zones {
			if mx, err := ask(t.Context(), server, zone, dns.TypeMX); err != nil || !slices.Equal(mx, want) {
				t.Errorf("%s shows MX %q of %s (%v), want %q", server, mx, zone, err, want)
			}
		}
	}
}

// began is the time at which the move reached a phase, from its own record.
func (r *realm) began(t *testing.T, phase string) time.Time {
	t.Helper()
	var doc struct {
		Steps []struct {
			To, Outcome string
			Ended       time.Time
		}
	}
	r.document(t, &doc, []int{0}, "report")
	for _, s := range doc.Steps {
		if s.To == phase && s.Outcome == "done" {
			return s.Ended
		}
	}
	t.Fatalf("no step has reached %q", phase)
	return time.Time{}
}
