package migrate_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/dnslab"
	"github.com/mxmove/mxmove/dnsplan/publish"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/lab"
	"github.com/mxmove/mxmove/migrate/state"
	"github.com/mxmove/mxmove/migrate/step"
)

// small is a domain whose faults can be tried one after the other.
var small = lab.Options{Messages: 12, Attachment: 1 << 10, TTL: 5}

const (
	oldExchange = "10 mail.example.org."
	newExchange = "10 mx1.provider.example., 20 mx2.provider.example."
)

// held counts the messages of each account of a server by their content.
func held(as []*imaplab.Account) map[string]int {
	count := map[string]int{}
	for i, a := range as {
		for _, name := range a.Mailboxes() {
			for _, m := range a.Messages(name) {
				count[fmt.Sprintf("account %d, message %x", i, sha256.Sum256(m.Body))]++
			}
		}
	}
	return count
}

// balanced wants both servers to hold the same messages, each as often.
func (h *home) balanced(t *testing.T) {
	t.Helper()
	var was, is []*imaplab.Account
	for _, p := range h.People {
		was, is = append(was, h.Old.Lookup(p.User)), append(is, h.New.Lookup(p.Address))
	}
	if before, after := held(was), held(is); !maps.Equal(before, after) {
		t.Errorf("the old server holds %d different messages, the new one %d; not all are at both once", len(before), len(after))
	}
}

func (h *home) phase(t *testing.T) step.Phase {
	t.Helper()
	s, err := h.open(t).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Phase == nil {
		return step.None
	}
	return step.Phase(*s.Phase)
}

// records is the whole zone, without its serial.
func (h *home) records() string {
	var lines []string
	for _, set := range h.DNS.Zone("example.org.").All() {
		if set.Type != dns.TypeSOA {
			lines = append(lines, fmt.Sprint(set))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// temporary reports whether the same command is right again later.
func temporary(err error) bool {
	_, later := errors.AsType[*migrate.LaterError](err)
	return later || errors.Is(err, resolver.ErrNoAnswer) || errors.Is(err, publish.ErrUnavailable)
}

// A lateClock lets something happen during the n-th wait. Only waits move it,
// so that a slow machine makes no difference.
type lateClock struct {
	*leap
	start time.Time
	waits int
	at    map[int]func()
}

func (c *lateClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.start.Add(c.ahead)
}

func (c *lateClock) Sleep(ctx context.Context, d time.Duration) error {
	c.waits++
	if f := c.at[c.waits]; f != nil {
		f()
	}
	return c.leap.Sleep(ctx, d)
}

func TestUndoCarriesBackWhatComesDuringTheDrain(t *testing.T) {
	t.Parallel()
	o := small
	o.TTL = 20
	h := startHome(t, o)
	if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{Until: step.Switched}); err != nil {
		t.Fatal(err)
	}
	if err := h.open(t).Undo(t.Context(), migrate.UndoOptions{}); err != nil {
		t.Fatal(err)
	}
	s, err := h.open(t).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Safe.Value || s.Next.Command != "mxmove undo" || s.Next.NotBefore == nil || !strings.Contains(fmt.Sprint(s.Left), "undo --all") {
		t.Errorf("status after the undo = %+v, want what may come to the target, and the way on", s)
	}
	// The drain takes the new MX's TTL, in waits of a second.
	clock := &lateClock{leap: h.clock, start: time.Now().UTC(), at: map[int]func(){}}
	for _, n := range []int{1, 5, 10} {
		clock.at[n] = func() {
			lock, err := state.TakeLock(h.dir, "sync", time.Now())
			if err != nil {
				t.Errorf("during the wait: %v", err)
			} else if err := lock.Close(); err != nil {
				t.Error(err)
			}
			letter := fmt.Sprintf("Subject: late %d\r\nMessage-ID: <late.%d@customer.example>\r\n\r\nhello\r\n", n, n)
			if err := h.DeliverAt(t.Context(), lab.NewMXHost, "carla@customer.example", h.People[0].Address, []byte(letter)); err != nil {
				t.Error(err)
			}
		}
	}
	h.o.Clock = clock
	if err := h.open(t).Undo(t.Context(), migrate.UndoOptions{All: true}); err != nil {
		t.Fatal(err)
	}
	if s, err = h.open(t).Status(t.Context()); err != nil || !s.Safe.Value || s.Next.Command != "mxmove plan" {
		t.Errorf("status after undo --all = %+v, %v; want nothing left", s, err)
	}
	if clock.waits <= 10 {
		t.Fatalf("the drain waited %d times, and mail came in the tenth wait", clock.waits)
	}
	h.balanced(t)
}

func TestAnswersOfThePublisherAreLost(t *testing.T) {
	t.Parallel()
	h := startHome(t, small)
	before := h.records()
	lose := func(context.Context, migrate.Confirmation) error {
		h.DNS.Break(dnslab.Fault{Kind: dnslab.Mute, Update: true, Times: 1})
		return nil
	}
	h.o.Confirm = lose
	if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := h.served("example.org.", dns.TypeMX); got != newExchange {
		t.Errorf("MX is %s, want %s", got, newExchange)
	}
	h.balanced(t)
	if err := h.open(t).Undo(t.Context(), migrate.UndoOptions{All: true}); err != nil {
		t.Fatal(err)
	}
	if after := h.records(); after != before {
		t.Errorf("after the undo the zone is\n%s\nwant\n%s", after, before)
	}
}

// An answer is lost, and nobody can say whether the update has taken effect:
// the step has failed, and the same command finds out.
func TestAnswersAreLostAndTheServerIsGone(t *testing.T) {
	t.Parallel()
	h := startHome(t, small)
	before := h.records()
	agree, gone := h.o.Confirm, func(context.Context, migrate.Confirmation) error {
		h.DNS.Break(dnslab.Fault{Kind: dnslab.Mute, Update: true, Times: 1})
		h.DNS.Break(dnslab.Fault{Kind: dnslab.Servfail, Type: dns.TypeMX})
		h.DNS.Break(dnslab.Fault{Kind: dnslab.Servfail, Type: dns.TypeTXT})
		return nil
	}
	for _, s := range []struct {
		name string
		run  func() error
		want step.Phase
	}{
		{"prepare", func() error { return h.open(t).Migrate(t.Context(), migrate.RunOptions{Until: step.Prepared}) }, step.Prepared},
		{"cutover", func() error { return h.open(t).Migrate(t.Context(), migrate.RunOptions{Until: step.Switched}) }, step.Switched},
		{"undo", func() error { return h.open(t).Undo(t.Context(), migrate.UndoOptions{All: true}) }, step.Undone},
	} {
		h.o.Confirm = gone
		h.clock.jump(24 * time.Hour) // what there is to wait for has run out
		if err := s.run(); !temporary(err) {
			t.Fatalf("%s, answer lost and server gone: %v, want a temporary failure", s.name, err)
		}
		h.DNS.Mend()
		h.o.Confirm = agree
		if err := s.run(); err != nil {
			t.Fatalf("%s again: %v", s.name, err)
		}
		if got := h.phase(t); got != s.want {
			t.Errorf("after %s the phase is %s, want %s", s.name, got, s.want)
		}
	}
	if after := h.records(); after != before {
		t.Errorf("after the undo the zone is\n%s\nwant\n%s", after, before)
	}
}
