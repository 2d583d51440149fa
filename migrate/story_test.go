package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/miekg/dns"
)

const yes = "--yes=example.org"

// TestRealStory moves a domain from real servers to real servers with the
// program as it is built, and lets it meet what a person meets.
func TestRealStory(t *testing.T) {
	t.Parallel()
	requireReal(t)
	bin := build(t)
	t.Run("the whole move", func(t *testing.T) { t.Parallel(); wholeMove(t, bin) })
	t.Run("one command", func(t *testing.T) { t.Parallel(); oneCommand(t, bin) })
	t.Run("a wrong key for updates", func(t *testing.T) { t.Parallel(); wrongUpdateKey(t, bin) })
	t.Run("a wrong key for transfers", func(t *testing.T) { t.Parallel(); wrongTransferKey(t, bin) })
	t.Run("a wrong password", func(t *testing.T) { t.Parallel(); wrongPassword(t, bin) })
	t.Run("a second run", func(t *testing.T) { t.Parallel(); secondRun(t, bin) })
	t.Run("a stale plan", func(t *testing.T) { t.Parallel(); stalePlan(t, bin) })
}

func wholeMove(t *testing.T, bin string) {
	d := newDomain(t, bin, map[string]int{"anna": 1200, "bert": 500, "info": 300}, true)
	zone := d.dns.transfer(t)
	source := d.dumps(t, d.source)

	d.planned(t)
	d.ok(t, "prepare", yes)
	d.killed(t)
	d.ok(t, "sync")
	d.exact(t, d.accounts...)
	d.nothingLeft(t)
	d.balanced(t)
	d.sourceUntouched(t, source)

	d.peopleGoOn(t)
	d.ok(t, "sync")
	d.exact(t, d.accounts...)
	source = d.dumps(t, d.source)

	d.switched(t)
	d.swept(t)
	d.balanced(t)
	d.aligned(t)
	d.settled(t)
	d.sourceUntouched(t, source)

	d.undone(t)
	if lines := difference(zone, d.dns.transfer(t)); len(lines) > 0 {
		t.Errorf("after undo --all the zone differs:\n%s", strings.Join(lines, "\n"))
	}
	d.leaks(t)
}

// oneCommand leaves everything to migrate, while mail comes to the old server
// until the new MX is visible.
func oneCommand(t *testing.T, bin string) {
	d := newDomain(t, bin, few, false)
	source := d.dumps(t, d.source)
	stop := d.deliverLate(t)
	migrate := d.start(t, "migrate", yes)
	eventually(t, 2*time.Minute, "migrate switches the MX", func(ctx context.Context) error {
		select {
		case <-migrate.ended:
			t.Fatalf("migrate ended before the switch: %s", migrate.told([]int{0}))
		default:
		}
		mx, err := ask(ctx, d.dns.secondary, storyZone, dns.TypeMX)
		if err != nil || slices.Contains(mx, "10 mail.example.org.") {
			return fmt.Errorf("MX %q (%v)", mx, err)
		}
		return nil
	})
	d.arrivedLate(t, stop())
	if d.wait(t, migrate); migrate.code != 0 {
		t.Fatalf("mxmove %s", migrate.told([]int{0}))
	}
	d.exact(t, d.accounts...)
	d.sourceUntouched(t, source)
	d.leaks(t)
}

// planned wants a plan that names the whole way, and a world that it has not
// changed.
func (d *domain) planned(t *testing.T) {
	t.Helper()
	before := d.dns.transfer(t)
	d.ok(t, "plan")
	var plan struct {
		Stages []struct {
			Stage   string
			Changes []struct{ Name, Type string }
		}
		Accounts []struct {
			Address        string
			Messages       int
			Source, Target string
		}
	}
	d.document(t, &plan, []int{0}, "plan")
	changed := map[string]bool{}
	for _, s := range plan.Stages {
		for _, c := range s.Changes {
			changed[s.Stage+" "+c.Name+" "+c.Type] = true
		}
	}
	for _, c := range []string{
		"prepare example.org. TXT", "prepare s1._domainkey.example.org. TXT", "prepare s2._domainkey.example.org. CNAME",
		"switch example.org. MX", "switch autodiscover.example.org. CNAME",
	} {
		if !changed[c] {
			t.Errorf("the plan has no change %q", c)
		}
	}
	total := 0
	for _, a := range plan.Accounts {
		total += a.Messages
		if a.Source != "ok" || a.Target != "ok" {
			t.Errorf("plan: %s is %q at the source and %q at the target, want ok", a.Address, a.Source, a.Target)
		}
	}
	if total != 2000 {
		t.Errorf("the plan counts %d messages, want 2000", total)
	}
	if lines := difference(before, d.dns.transfer(t)); len(lines) > 0 {
		t.Errorf("plan has changed the zone: %q", lines)
	}
}

// killed starts the copy twice and kills it, each time after another share of
// all octets has left for the target. What had left arrives afterwards.
func (d *domain) killed(t *testing.T) {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 9))
	for i := range 2 {
		share := 5 + r.Int64N(35)
		held := d.way.holdAfter(d.octets() * share / 100)
		sync := d.start(t, "sync")
		select {
		case <-held:
		case <-sync.ended:
			t.Fatalf("sync ended before it could be killed at %d %%: %s", share, sync.told([]int{-1}))
		}
		if err := sync.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		d.wait(t, sync)
		d.way.release()
		t.Logf("sync %d was killed when %d %% of the octets had left", i+1, share)
	}
}

// nothingLeft wants a further run to send no message.
func (d *domain) nothingLeft(t *testing.T) {
	t.Helper()
	before := d.way.count()
	d.ok(t, "sync")
	if sent := d.way.count() - before; sent > 200<<10 {
		t.Errorf("a sync with nothing to do sent %d octets to the target", sent)
	}
}

// balanced wants verify to account for every message.
func (d *domain) balanced(t *testing.T) {
	t.Helper()
	var v struct {
		Accounts []struct {
			Address   string
			Mailboxes []struct {
				Source, Target, Unread                                                                string
				Messages, Copied, Present, Merged, Skipped, Refused, Gone, New, Doubt, Missing, Extra int
			}
		}
		Balanced bool
	}
	d.document(t, &v, []int{0}, "verify")
	if !v.Balanced || len(v.Accounts) != len(d.accounts) {
		t.Errorf("verify: balanced is %v for %d accounts", v.Balanced, len(v.Accounts))
	}
	for _, a := range v.Accounts {
		for _, m := range a.Mailboxes {
			if sum := m.Copied + m.Present + m.Merged + m.Skipped + m.Refused + m.Gone + m.New + m.Doubt + m.Missing; sum != m.Messages || m.Unread != "" {
				t.Errorf("verify: %s %q does not add up: %+v", a.Address, m.Source, m)
			}
			if m.Skipped+m.Refused+m.Merged+m.Gone+m.Doubt+m.Missing+m.Extra > 0 {
				t.Errorf("verify: %s %q: %+v, want every message there and none too many", a.Address, m.Source, m)
			}
		}
	}
}

// switched cuts over while mail goes on arriving at the old server, and a
// while longer: other people's caches still hold the old MX.
func (d *domain) switched(t *testing.T) {
	t.Helper()
	stop := d.deliverLate(t)
	eventually(t, 90*time.Second, "cutover", func(ctx context.Context) error {
		// Until the waits have run out its gates refuse.
		if r := d.do(t, []int{0, 4, 5}, "cutover", yes); r.code != 0 {
			return errors.New(r.told([]int{0}))
		}
		return nil
	})
	for _, server := range []string{d.dns.primary, d.dns.secondary} {
		mx, err := ask(t.Context(), server, storyZone, dns.TypeMX)
		if want := []string{"10 mx1.provider.example.", "20 mx2.provider.example."}; err != nil || !slices.Equal(mx, want) {
			t.Errorf("after cutover %s shows MX %q (%v), want %q", server, mx, err, want)
		}
	}
	for range 2 {
		d.ok(t, "watch", "--once")
	}
	d.arrivedLate(t, stop())
}

// swept repeats the sweep until everything is there, and wants what the user
// does at the target to stay.
func (d *domain) swept(t *testing.T) {
	t.Helper()
	d.mark(t, d.target, "bert", imap.FlagFlagged)
	eventually(t, 60*time.Second, "watch sweeps what came late", func(ctx context.Context) error {
		d.do(t, []int{0, 3, 5}, "watch", "--once")
		for _, user := range d.accounts {
			fs, err := d.arrived(ctx, user)
			if err != nil || len(fs) > 0 {
				return errors.Join(err, fmt.Errorf("%s: %q", user, fs))
			}
		}
		return nil
	})
	d.ok(t, "watch", "--once")
	d.exact(t, d.accounts...)
}

// settled wants one more look to find that it is quiet and aligned.
func (d *domain) settled(t *testing.T) {
	t.Helper()
	eventually(t, 30*time.Second, "the move is settled", func(context.Context) error {
		d.ok(t, "watch", "--once")
		var s struct{ Phase string }
		d.document(t, &s, []int{0}, "status")
		if s.Phase != "settled" {
			return fmt.Errorf("the phase is %q", s.Phase)
		}
		return nil
	})
}

// undone goes all the way back, and takes what the target has received along.
func (d *domain) undone(t *testing.T) {
	t.Helper()
	l := letter{Mailbox: "INBOX", Date: time.Now(), Raw: []byte("Subject: came to the new server\r\nMessage-ID: <new@example.net>\r\n\r\nhello\r\n")}
	if err := d.append(t.Context(), d.target, "bert", l); err != nil {
		t.Fatal(err)
	}
	eventually(t, 90*time.Second, "undo --all", func(context.Context) error {
		if r := d.do(t, []int{0, 4, 5}, "undo", "--all", yes); r.code != 0 {
			return errors.New(r.told([]int{0}))
		}
		return nil
	})
	d.dns.settle(t)
	want, n := storedLetter(l), 0
	for _, m := range d.dumps(t, d.source)["bert"]["INBOX"].Messages {
		if m.UID = 0; m == want {
			n++
		}
	}
	if n != 1 {
		t.Errorf("the letter that came to the target is %d times at the old server, want once", n)
	}
}
