package migrate

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/step"
)

// daily returns a report for each day from one to another, counted back from
// noon.
func daily(from, to int) []period {
	var ps []period
	for d := from; d > to; d-- {
		ps = append(ps, period{Org: "Receiver", SignedBy: "receiver.example", Begin: noon.AddDate(0, 0, -d), End: noon.AddDate(0, 0, -d+1)})
	}
	return ps
}

// unsign takes the signatures of the last reports.
func (f *ReportFacts) unsign(n int) {
	all := f.Periods
	for i := len(all) - n; i < len(all); i++ {
		all[i].SignedBy = ""
	}
	f.Periods = nil
	f.cover(all)
}

func TestReportsGate(t *testing.T) {
	t.Parallel()
	sent := []leftBy{{Source: netip.MustParseAddr("192.0.2.10"), Term: "ip4:192.0.2.10", Messages: 3, Last: noon}}
	tests := []struct {
		name   string
		change func(*ReportFacts)
		want   step.Outcome
		text   string
	}{
		{"covered and silent", func(*ReportFacts) {}, step.Passed, "14 signed reports of 1 receiver"},
		{"nobody leaves", func(f *ReportFacts) { *f = ReportFacts{} }, step.Passed, "no sender is taken out"},
		{"no report", func(f *ReportFacts) { f.Periods = nil }, step.NotMeasured, "no DMARC report covers the time since 2026-11-11"},
		{"rows of the old server", func(f *ReportFacts) { f.Sent = sent }, step.Refused, "still sends"},
		{"rows beat a gap", func(f *ReportFacts) { f.Sent, f.Periods = sent, daily(14, 13) }, step.Refused, "still sends"},
		{"late by a weekend", func(f *ReportFacts) { f.Periods = daily(14, 3) }, step.Passed, "11 signed reports"},
		{"stopped", func(f *ReportFacts) { f.Periods = daily(14, 4) }, step.NotMeasured, "covers the 4 d 0 h from 2026-11-21"},
		{"begun late", func(f *ReportFacts) { f.Periods = daily(9, 0) }, step.NotMeasured, "covers the 5 d 0 h from 2026-11-11"},
		{"a gap in the middle", func(f *ReportFacts) { f.Periods = append(daily(14, 10), daily(6, 0)...) }, step.NotMeasured, "covers the 4 d 0 h from 2026-11-15"},
		{"one long report", func(f *ReportFacts) { f.Periods = []period{{"x", noon.AddDate(0, 0, -20), noon, "x.example"}} }, step.Passed, "1 signed reports"},
		{"none of them signed", func(f *ReportFacts) { f.unsign(14) }, step.NotMeasured, "no DMARC report that its sender signed covers the time since 2026-11-11"},
		{"the last ones not signed", func(f *ReportFacts) { f.unsign(4) }, step.NotMeasured, "no DMARC report that its sender signed covers the 4 d 0 h from 2026-11-21"},
		{"some not signed", func(f *ReportFacts) { f.unsign(2) }, step.Passed, "signed by receiver.example; 2 more not authenticated"},
		{"rows that nobody signed", func(f *ReportFacts) { f.unsign(14); f.Sent = sent }, step.Refused, "still sends"},
		{"DNS silent", func(f *ReportFacts) { f.Missing = errors.New("no answer") }, step.NotMeasured, "did not say whose"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := ReportFacts{Leaves: true, From: noon.AddDate(0, 0, -14), Until: noon, Periods: daily(14, 0)}
			tt.change(&f)
			got := reportsGate(f)
			if got.Outcome != tt.want || !strings.Contains(got.Text, tt.text) {
				t.Errorf("reportsGate = %s %q, want %s %q", got.Outcome, got.Text, tt.want, tt.text)
			}
			heard := strings.Join(got.Evidence, "\n")
			if f.Unsigned > 0 && !strings.Contains(got.Text+heard, "not authenticated") || len(f.Periods) > 0 && got.Outcome != step.Passed && f.Missing == nil && !strings.Contains(heard, "signed by "+f.Periods[0].SignedBy) {
				t.Errorf("the evidence %q does not say whose reports there are", got.Evidence)
			}
			if got.Outcome != step.Passed && (got.Code != finding.GateReports || !strings.Contains(got.Fix, "--accept MX088")) {
				t.Errorf("refused with %s %q", got.Code, got.Fix)
			}
		})
	}
}

func TestLeaving(t *testing.T) {
	t.Parallel()
	txt := func(texts ...string) *zone.RRset {
		s := &zone.RRset{Name: "example.org.", Type: 16, TTL: 300}
		for _, text := range texts {
			s.Data = append(s.Data, zone.TXT(text))
		}
		return s
	}
	plan := dnsplan.Plan{Domain: "example.org", Changes: []dnsplan.Change{
		{Zone: "example.org.", Stage: dnsplan.Retire, Action: dnsplan.Update,
			Before: txt("other", "v=spf1 ip4:192.0.2.10 a:web.example.org include:old.example ?ip4:192.0.2.99 include:new.example ~all"),
			After:  txt("other", "v=spf1 a:web.example.org include:new.example ~all")},
		{Zone: "example.org.", Stage: dnsplan.Harden, Action: dnsplan.Update, Before: txt("v=spf1 a mx ~all"), After: txt("v=spf1 -all")},
	}}
	f := ReportFacts{Gone: leaving(plan, dnsplan.Retire)["example.org"]}
	if got, want := f.terms(), "include:old.example ip4:192.0.2.10"; got != want {
		t.Errorf("leaving = %q, want %q", got, want)
	}
	var none time.Duration
	if silence, _ := (ReportFacts{From: noon, Until: noon}).silence(); silence != none {
		t.Errorf("silence of no time = %s", silence)
	}
}
