package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

var few = map[string]int{"anna": 40, "bert": 30, "info": 20}

// unchanged wants the zone and the target as they were.
func (d *domain) unchanged(t *testing.T, zone []string, target map[string]dump) {
	t.Helper()
	if lines := difference(zone, d.dns.transfer(t)); len(lines) > 0 {
		t.Errorf("the zone has changed:\n%s", strings.Join(lines, "\n"))
	}
	now := d.dumps(t, d.target)
	for _, user := range d.accounts {
		report(t, "target of "+user, append(untouched(target[user], now[user]), untouched(now[user], target[user])...))
	}
}

func wrongUpdateKey(t *testing.T, bin string) {
	d := newDomain(t, bin, few, false)
	zone, target := d.dns.transfer(t), d.dumps(t, d.target)
	d.secret("UPDATE_KEY", secret(t))
	d.do(t, []int{0}, "plan")
	d.do(t, []int{6}, "prepare", yes)
	d.unchanged(t, zone, target)
	d.secret("UPDATE_KEY", d.dns.update)
	d.ok(t, "prepare", yes)
	if len(difference(zone, d.dns.transfer(t))) == 0 {
		t.Error("with the right key prepare has changed nothing")
	}
}

func wrongTransferKey(t *testing.T, bin string) {
	d := newDomain(t, bin, map[string]int{"anna": 3}, false)
	zone, target := d.dns.transfer(t), d.dumps(t, d.target)
	d.secret("READ_KEY", secret(t))
	d.do(t, []int{6}, "plan")
	d.unchanged(t, zone, target)
}

func wrongPassword(t *testing.T, bin string) {
	d := newDomain(t, bin, few, false)
	zone, target := d.dns.transfer(t), d.dumps(t, d.target)
	d.secret("OLD_BERT", "mistyped-password")
	d.do(t, []int{6}, "sync")
	if n := d.source.refusals(t, "bert"); n != 1 {
		t.Errorf("the wrong password was sent %d times, want once", n)
	}
	d.exact(t, "anna", "info")
	bert := d.dumps(t, d.target)["bert"]
	report(t, "target of bert", append(untouched(target["bert"], bert), untouched(bert, target["bert"])...))
	if lines := difference(zone, d.dns.transfer(t)); len(lines) > 0 {
		t.Errorf("the zone has changed: %q", lines)
	}
	d.secret("OLD_BERT", d.source.users["bert"])
	d.ok(t, "sync")
	d.exact(t, d.accounts...)
}

func secondRun(t *testing.T, bin string) {
	d := newDomain(t, bin, few, false)
	zone := d.dns.transfer(t)
	held := d.way.holdAfter(d.octets() / 4)
	first := d.start(t, "sync")
	select {
	case <-held:
	case <-first.ended:
		t.Fatalf("the first run ended before the second began: %s", first.told([]int{0}))
	}
	if r := d.do(t, []int{7}, "sync"); !strings.Contains(r.stderr.String(), fmt.Sprint(first.cmd.Process.Pid)) {
		t.Errorf("the second run does not name the first (pid %d): %s", first.cmd.Process.Pid, r.stderr.String())
	}
	d.way.release()
	d.wait(t, first)
	if first.code != 0 {
		t.Fatalf("the first run was disturbed: %s", first.told([]int{0}))
	}
	d.exact(t, d.accounts...)
	if lines := difference(zone, d.dns.transfer(t)); len(lines) > 0 {
		t.Errorf("the zone has changed: %q", lines)
	}
}

func stalePlan(t *testing.T, bin string) {
	d := newDomain(t, bin, few, false)
	d.ok(t, "plan")
	d.ok(t, "prepare", yes)
	d.ok(t, "sync")
	d.dns.change(t, storyZone, dns.TypeMX, "example.org. 2 MX 5 mail.example.org.", "example.org. 2 MX 50 backup.example.net.")
	zone, target := d.dns.transfer(t), d.dumps(t, d.target)
	var refused *run
	eventually(t, 60*time.Second, "the stale MX is the only thing that cutover still refuses", func(context.Context) error {
		refused = d.do(t, []int{4}, "cutover", yes)
		if text := refused.stdout.String() + refused.stderr.String(); !strings.Contains(text, "MX") || !strings.Contains(text, "backup.example.net") {
			return errors.New(refused.told([]int{4}))
		}
		return nil
	})
	d.unchanged(t, zone, target)
	for _, server := range []string{d.dns.primary, d.dns.secondary} {
		mx, err := ask(t.Context(), server, storyZone, dns.TypeMX)
		if err != nil || !slices.Contains(mx, "50 backup.example.net.") {
			t.Errorf("%s shows MX %q, %v: the owner's change is gone", server, mx, err)
		}
	}
}
