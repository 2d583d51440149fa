package migrate_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/lab"
	"github.com/mxmove/mxmove/migrate/step"
)

// daily makes the provider of the lab one that takes only so much in a day.
func (h *home) daily(t *testing.T, octets string) {
	t.Helper()
	path := filepath.Join(h.dir, "provider.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, "limits:\n  source: the lab\n  checked: \"2026-11-25\"\n  daily_bytes: "+octets+"\n"...)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestAllowanceOfADay is told in the plan, ends a copy that nobody wants to
// wait for, and lets one that waits go on until all is there.
func TestAllowanceOfADay(t *testing.T) {
	t.Parallel()
	h := startHome(t, lab.Options{Messages: 200, Attachment: 1 << 10, TTL: 1})
	h.daily(t, "16000")
	doc, err := h.open(t).Plan(t.Context(), migrate.PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	told := ""
	for _, f := range doc.Findings {
		if f.Code == finding.CopyTakesDays {
			told = f.Text + " " + strings.Join(f.Evidence, ", ")
		}
	}
	if !strings.Contains(told, "accounts hold more") || !strings.Contains(told, "anna@example.org") {
		t.Errorf("the plan says %q, want the accounts that take days", told)
	}
	result, err := h.open(t).Sync(t.Context(), migrate.SyncOptions{})
	_, person := errors.AsType[*migrate.PersonError](err)
	if !errors.Is(err, mailbox.ErrAllowance) || person || result.Tally().Missing == 0 {
		t.Fatalf("Sync() = %v, tally %+v, want a rest and nothing for a person", err, result.Tally())
	}
	began := h.clock.Now()
	result, err = h.open(t).Sync(t.Context(), migrate.SyncOptions{Wait: true, MaxTime: 40 * time.Hour})
	if took := h.clock.Now().Sub(began); !errors.Is(err, mailbox.ErrLimit) || took < 20*time.Hour || took > 40*time.Hour || result.Sent == 0 {
		t.Errorf("Sync() of 40 hours = %v after %s, %d sent, want one more day and ErrLimit", err, took, result.Sent)
	}
	if sum := result.Accounts[0].Sent + result.Accounts[1].Sent + result.Accounts[2].Sent; sum != result.Sent {
		t.Errorf("the accounts say that %d were sent, the sum %d", sum, result.Sent)
	}
	result, err = h.open(t).Sync(t.Context(), migrate.SyncOptions{Wait: true})
	if got := result.Tally(); err != nil || got.Missing != 0 || got.Copied != got.Messages {
		t.Errorf("Sync() = %v, tally %+v, want all copied", err, got)
	}
	if took := h.clock.Now().Sub(began); took < 48*time.Hour {
		t.Errorf("all is copied within %s", took)
	}
}

// TestServerThatAsksForPatience: what is longer than a run waits by itself is
// waited for where that was asked for.
func TestServerThatAsksForPatience(t *testing.T) {
	t.Parallel()
	h := startHome(t, lab.Options{Messages: 12, Attachment: 1 << 10, TTL: 1})
	began := h.clock.Now()
	h.New.SetFaults(imaplab.Faults{Answer: func(c imaplab.Command) []string {
		if c.Verb == "APPEND" && h.clock.Now().Before(began.Add(20*time.Minute)) {
			return []string{"TAG NO Request is throttled. Suggested Backoff Time: 1200000 milliseconds"}
		}
		return nil
	}})
	_, err := h.open(t).Sync(t.Context(), migrate.SyncOptions{})
	if imapconn.Class(err) != imapconn.ClassTemporary || errors.Is(err, mailbox.ErrAllowance) {
		t.Errorf("Sync() = %v, want a temporary error", err)
	}
	result, err := h.open(t).Sync(t.Context(), migrate.SyncOptions{Wait: true})
	if got := result.Tally(); err != nil || got.Copied != got.Messages {
		t.Errorf("Sync() that waits = %v, tally %+v, want all copied", err, got)
	}
}

// TestMigrateWaitsForTheAllowance: the one-shot run goes on by itself.
func TestMigrateWaitsForTheAllowance(t *testing.T) {
	t.Parallel()
	h := startHome(t, lab.Options{Messages: 120, Attachment: 1 << 10, TTL: 1})
	h.daily(t, "12000")
	h.o.Accept = []migrate.Accept{{Code: finding.GateReports, Reason: "nothing else sends in the lab"}}
	if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{Until: step.Prepared}); err != nil {
		t.Fatal(err)
	}
	if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{NoWait: true}); !errors.Is(err, mailbox.ErrAllowance) {
		t.Fatalf("Migrate() that does not wait = %v, want ErrAllowance", err)
	}
	if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{Until: step.Switched}); err != nil {
		t.Fatal(err)
	}
	balance, err := h.open(t).Verify(t.Context(), migrate.VerifyOptions{})
	if err != nil || !balance.Balanced {
		t.Errorf("Verify() = %+v, %v, want a balance", balance.Tally(), err)
	}
}
