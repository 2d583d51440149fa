package report_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/step"
)

var tones = []string{"good", "care", "bad", "blank", "plain"}

func toneOf(n *html.Node) string {
	for _, tone := range tones {
		if hasClass(n, tone) {
			return tone
		}
	}
	return ""
}

// tile returns the tone of one of the tiles.
func tile(t *testing.T, tree *html.Node, name string) string {
	t.Helper()
	for _, n := range find(tree, "a", "tile") {
		if strings.HasPrefix(text(n), name) {
			return toneOf(n)
		}
	}
	t.Fatalf("no tile %q", name)
	return ""
}

// alone is the full record without the gate that a person let pass.
func alone() migrate.Record {
	rec := full()
	rec.Steps[3].Gates, rec.Steps[3].Accepted = rec.Steps[3].Gates[:1], nil
	return rec
}

func phase(rec *migrate.Record, name string, safe bool) {
	rec.Status.Phase, rec.Status.Safe.Value = &name, safe
}

func TestGoodOnlyWhereMeasured(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                string
		change              func(*migrate.Record)
		messages, alignment string
	}{
		{"all measured", func(*migrate.Record) {}, "good", "good"},
		{"no verify", func(r *migrate.Record) { r.Balance = nil }, "blank", "good"},
		{"no probe", func(r *migrate.Record) { r.Verdicts = nil }, "good", "blank"},
		{"probe not measured", func(r *migrate.Record) { r.Verdicts[1].DMARC = "not-measured" }, "good", "blank"},
		{"probe without a word", func(r *migrate.Record) { r.Verdicts[1].DMARC = "" }, "good", "blank"},
		{"probe failed", func(r *migrate.Record) { r.Verdicts[1].DMARC = "fail" }, "good", "bad"},
		{"no policy", func(r *migrate.Record) { r.Verdicts[1].DMARC = "none" }, "good", "care"},
		{"probe before the switch", func(r *migrate.Record) { r.Verdicts[1].Time = at(20 * time.Hour) }, "good", "plain"},
		{"verify before the switch", func(r *migrate.Record) { r.Balanced = at(20 * time.Hour) }, "plain", "good"},
		{"missing", func(r *migrate.Record) {
			r.Balance.Balanced = false
			r.Balance.Accounts[1].Mailboxes[0].Tally = mailbox.Tally{Messages: 40, Copied: 39, Missing: 1}
		}, "bad", "good"},
		{"missing and called balanced", func(r *migrate.Record) {
			r.Balance.Accounts[1].Mailboxes[0].Tally = mailbox.Tally{Messages: 40, Copied: 39, Missing: 1}
		}, "bad", "good"},
		{"does not add up", func(r *migrate.Record) { r.Balance.Accounts[1].Mailboxes[0].Messages++ }, "bad", "good"},
		{"differs", func(r *migrate.Record) { r.Balance.Accounts[1].Mailboxes[0].Differs = 1 }, "bad", "good"},
		{"mailbox unread", func(r *migrate.Record) { r.Balance.Accounts[1].Mailboxes[0].Unread = "gone" }, "blank", "good"},
		{"account unread", func(r *migrate.Record) { r.Balance.Accounts[1].Unread = "no login" }, "blank", "good"},
		{"nothing there", func(r *migrate.Record) { r.Balance.Accounts = nil }, "plain", "good"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rec := alone()
			tt.change(&rec)
			_, tree := render(t, rec)
			if got := tile(t, tree, "Messages"); got != tt.messages {
				t.Errorf("the messages are %s, want %s", got, tt.messages)
			}
			if got := tile(t, tree, "Alignment"); got != tt.alignment {
				t.Errorf("the alignment is %s, want %s", got, tt.alignment)
			}
			for _, n := range find(tree, "", "good") {
				if words := text(n); strings.Contains(words, "not measured") || strings.Contains(words, "unknown") || strings.Contains(words, "accepted") {
					t.Errorf("good: %q", words)
				}
			}
		})
	}
}

func TestHero(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*migrate.Record)
		want   string
	}{
		{"before the first plan", func(r *migrate.Record) { r.Status.Phase, r.Status.Safe.Value = nil, true }, "good"},
		{"switched", func(*migrate.Record) {}, "care"},
		{"settled", func(r *migrate.Record) { phase(r, "settled", true) }, "good"},
		{"settled on a person's word", func(r *migrate.Record) {
			phase(r, "settled", true)
			r.Steps = append(r.Steps, step.Step{To: step.Settled, Outcome: "done", Gates: []step.Result{{Outcome: step.Accepted}}})
		}, "care"},
		{"planned anew", func(r *migrate.Record) {
			phase(r, "planned", true)
			r.Steps = append(full().Steps, step.Step{To: step.Undone, Outcome: "done"}, step.Step{To: step.Planned, Outcome: "done"})
		}, "good"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rec := alone()
			tt.change(&rec)
			_, tree := render(t, rec)
			if got := toneOf(find(tree, "", "hero")[0]); got != tt.want {
				t.Errorf("the standing is %s, want %s", got, tt.want)
			}
		})
	}
}

func TestUnknownIsNoNumber(t *testing.T) {
	t.Parallel()
	rec := alone()
	rec.Balance.Balanced = false
	rec.Balance.Accounts[1].Mailboxes[0] = mailbox.MailboxBalance{Source: "INBOX", Target: "INBOX", Unread: "not selectable", Unknown: true}
	_, tree := render(t, rec)
	row := text(find(find(tree, "details", "account")[1], "tbody", "")[0])
	if !strings.Contains(row, "unknown") || !strings.Contains(row, "not selectable") {
		t.Errorf("the row of a mailbox that nobody could read is %q", row)
	}
}

func TestStagesInWords(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*migrate.Record)
		want   []string // of prepare, switch, retire, harden
	}{
		{"switched", func(*migrate.Record) {}, []string{
			"good seen on every authoritative server", "good seen on every authoritative server", "plain not published", "plain nothing to change",
		}},
		{"servers named by hand", func(r *migrate.Record) {
			r.Plan.Findings = append(r.Plan.Findings, finding.Finding{Code: finding.ServersChosen})
		}, []string{
			"care seen on the servers that were named", "care seen on the servers that were named", "plain not published", "plain nothing to change",
		}},
		{"switching", func(r *migrate.Record) { r.Steps = r.Steps[:4]; delete(r.Seen, dnsplan.Switch) }, []string{
			"good seen on every authoritative server", "care published, not seen everywhere yet", "plain not published", "plain nothing to change",
		}},
		{"switching again after an undo", func(r *migrate.Record) {
			r.Steps = append(r.Steps, step.Step{To: step.Switching, Began: at(50 * time.Hour), Ended: at(51 * time.Hour), Outcome: "done"})
		}, []string{
			"good seen on every authoritative server", "care published, not seen everywhere yet", "plain not published", "plain nothing to change",
		}},
		{"closed", func(r *migrate.Record) {
			r.Applied, r.Seen[dnsplan.Retire] = append(r.Applied, retire), at(500*time.Hour)
			r.Steps = append(r.Steps, step.Step{To: step.Closed, Began: at(499 * time.Hour), Ended: at(500 * time.Hour), Outcome: "done"})
		}, []string{
			"good seen on every authoritative server", "good seen on every authoritative server", "good seen on every authoritative server", "plain nothing to change",
		}},
		{"killed while closing", func(r *migrate.Record) {
			r.Applied = append(r.Applied, retire)
			r.Steps = append(r.Steps, step.Step{To: step.Closed, Began: at(499 * time.Hour)})
		}, []string{
			"good seen on every authoritative server", "good seen on every authoritative server", "care published, not seen everywhere yet", "plain nothing to change",
		}},
		{"prepared again and not seen", func(r *migrate.Record) {
			r.Steps = append(r.Steps, step.Step{To: step.Prepared, Began: at(31 * time.Hour), Ended: at(32 * time.Hour), Outcome: "a server shows the old RRset"})
		}, []string{
			"care published, not seen everywhere yet", "good seen on every authoritative server", "plain not published", "plain nothing to change",
		}},
		{"refused by a gate", func(r *migrate.Record) {
			r.Steps = append(r.Steps, step.Step{
				From: step.Prepared, To: step.Prepared, Began: at(31 * time.Hour), Ended: at(31 * time.Hour), Outcome: "refused: no probe",
				Gates: []step.Result{{Gate: "aligned", Outcome: step.NotMeasured}},
			})
		}, []string{
			"good seen on every authoritative server", "good seen on every authoritative server", "plain not published", "plain nothing to change",
		}},
		{"half prepared", func(r *migrate.Record) { r.Applied, r.Steps = r.Applied[:1], r.Steps[:2] }, []string{
			"care 1 of 3 published", "plain not published", "plain not published", "plain nothing to change",
		}},
		{"undone", func(r *migrate.Record) {
			r.Applied = r.Applied[:3]
			r.Steps = append(r.Steps, step.Step{From: step.Switched, To: step.Undone, Began: at(30*time.Hour + time.Minute), Ended: at(31 * time.Hour), Outcome: "done"})
		}, []string{
			"good seen on every authoritative server", "plain not published", "plain not published", "plain nothing to change",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rec := alone()
			tt.change(&rec)
			_, tree := render(t, rec)
			var got []string
			for _, n := range find(tree, "div", "stage") {
				chip := find(n, "span", "chip")[0]
				got = append(got, toneOf(chip)+" "+text(chip))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("the stages are\n%q, want\n%q", got, tt.want)
			}
		})
	}
}
