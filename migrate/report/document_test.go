package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/report"
	"github.com/mxmove/mxmove/migrate/step"
)

func encode(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDocumentRoundTrip(t *testing.T) {
	t.Parallel()
	unread := full()
	unread.Balance.Balanced = false
	unread.Balance.Accounts[0].Unread = "no login"
	unread.Balance.Accounts[1].Mailboxes = []mailbox.MailboxBalance{
		{Source: "a", Target: "a", Unread: "not selectable", Unknown: true},
		{Source: "b", Target: "b", Unread: "broken", Tally: mailbox.Tally{Messages: 7, Doubt: 7}},
	}
	for name, rec := range map[string]migrate.Record{"full": full(), "empty": {}, "unread": unread} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := encode(t, report.New(rec))
			if again := encode(t, report.New(rec)); !bytes.Equal(want, again) {
				t.Error("the same record gives another document")
			}
			var d report.Document
			if err := json.Unmarshal(want, &d); err != nil {
				t.Fatal(err)
			}
			if got := encode(t, d); !bytes.Equal(got, want) {
				t.Errorf("round trip:\n%s, want\n%s", got, want)
			}
		})
	}
}

// TestListsAreNeverNull walks the document of records that hold as little as
// they can.
func TestListsAreNeverNull(t *testing.T) {
	t.Parallel()
	bare := migrate.Record{
		Plan: &migrate.Document{}, Steps: []step.Step{{Gates: []step.Result{{}}}}, Verdicts: []migrate.DMARCRecord{{}},
		Balance: &mailbox.Balance{Accounts: []mailbox.AccountBalance{{}}},
		Reports: &migrate.Reports{Begin: &start, End: &start, Streams: []migrate.Stream{{}}, Findings: []finding.Finding{{}}},
	}
	may := []string{
		"status.phase", "status.since", "status.next.not_before", "balance", "balanced_at", "total", "reports",
		"stages[].not_before", "stages[].seen",
	}
	for name, rec := range map[string]migrate.Record{"empty": {}, "bare": bare} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var doc any
			if err := json.Unmarshal(encode(t, report.New(rec)), &doc); err != nil {
				t.Fatal(err)
			}
			for _, at := range nulls(doc, "") {
				if !slices.Contains(may, at) {
					t.Errorf("%s is null", at)
				}
			}
		})
	}
}

// nulls returns the places of a document that are null.
func nulls(v any, at string) []string {
	switch v := v.(type) {
	case nil:
		return []string{at}
	case []any:
		var all []string
		for _, e := range v {
			all = append(all, nulls(e, at+"[]")...)
		}
		return all
	case map[string]any:
		var all []string
		for key, e := range v {
			if at != "" {
				key = at + "." + key
			}
			all = append(all, nulls(e, key)...)
		}
		return all
	}
	return nil
}

func TestStagesJoinPlanAndHistory(t *testing.T) {
	t.Parallel()
	rest := dnsplan.Plan{Version: 1, Domain: "example.org", Changes: []dnsplan.Change{retire}}
	tests := []struct {
		name    string
		plan    *dnsplan.Plan // nil: as in the full record
		applied []dnsplan.Change
		want    []string
	}{
		{"nothing published", nil, nil, []string{"prepare 0 of 3", "switch 0 of 1", "retire 0 of 1", "harden 0 of 0"}},
		{"all but the last", nil, []dnsplan.Change{lower, sender, key, swap}, []string{"prepare 3 of 3", "switch 1 of 1", "retire 0 of 1", "harden 0 of 0"}},
		{"planned again", &rest, []dnsplan.Change{lower, sender, key, swap}, []string{"prepare 3 of 3", "switch 1 of 1", "retire 0 of 1", "harden 0 of 0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rec := full()
			rec.Applied = tt.applied
			if tt.plan != nil {
				rec.Plan = &migrate.Document{Document: tt.plan.Document()}
			}
			var got []string
			for _, s := range report.New(rec).Stages {
				got = append(got, fmt.Sprintf("%s %d of %d", s.Stage, s.Done(), len(s.Changes)))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("the stages are %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	var got []string
	for _, s := range report.New(full()).Stages[:2] {
		for _, c := range s.Changes {
			signs := c.Sign() + " "
			for _, l := range c.Lines() {
				signs += "[" + l.Sign + "]"
			}
			got = append(got, c.Type+" "+signs)
		}
	}
	want := []string{"MX ~ [ ]", "TXT ~ [-][ ][+]", "TXT + [+]", "MX ~ [-][+][+]"}
	if !slices.Equal(got, want) {
		t.Errorf("the lines are %q, want %q", got, want)
	}
}
