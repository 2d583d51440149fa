package migrate

import (
	"slices"
	"testing"
	"time"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/probe"
	"github.com/mxmove/mxmove/migrate/step"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// ready are facts that let every gate of the cutover pass.
func ready() Facts {
	return Facts{
		Now: noon, Newest: noon.Add(-time.Minute), Asked: true,
		After: noon.Add(-time.Second), Because: "caches hold the old MX",
		Copy:   &CopyRecord{Ended: noon.Add(-10 * time.Minute), Messages: 10},
		Logins: []LoginState{{"anna@example.org", "ok"}, {"bert@example.org", "ok"}},
	}
}

func TestCutoverGates(t *testing.T) {
	t.Parallel()
	mx := dnsplan.Difference{Key: zone.Key{Name: "example.org.", Type: 15}}
	tests := []struct {
		name   string
		change func(*Facts)
		gate   string
		want   step.Outcome
		exit   int
	}{
		{"all is well", func(*Facts) {}, "", step.Passed, 0},
		{"clock a little behind", func(f *Facts) { f.Newest = noon.Add(5 * time.Minute) }, "", step.Passed, 0},
		{"clock set back", func(f *Facts) { f.Newest = noon.Add(5*time.Minute + time.Second) }, "clock", step.Refused, 0},
		{"an RRset has moved", func(f *Facts) { f.Moved = []dnsplan.Difference{mx} }, "rrsets", step.Refused, 0},
		{"no server answered", func(f *Facts) { f.Asked = false }, "rrsets", step.NotMeasured, 0},
		{"one second too early", func(f *Facts) { f.After = noon.Add(time.Second) }, "waits", step.Refused, 0},
		{"prepare never seen", func(f *Facts) { f.After = time.Time{} }, "waits", step.NotMeasured, 0},
		{"a copy of an hour ago", func(f *Facts) { f.Copy.Ended = noon.Add(-time.Hour) }, "", step.Passed, 0},
		{"a copy older than that", func(f *Facts) { f.Copy.Ended = noon.Add(-time.Hour - time.Second) }, "delta", step.Refused, 0},
		{"one missing", func(f *Facts) { f.Copy.Missing = 1 }, "balance", step.Refused, 0},
		{"one in doubt", func(f *Facts) { f.Copy.Doubt = 1 }, "balance", step.Refused, 0},
		{"one mailbox unread", func(f *Facts) { f.Copy.Unread = 1 }, "balance", step.Refused, 0},
		{"refused messages are listed", func(f *Facts) { f.Copy.Refused = 3 }, "", step.Passed, 0},
		{"a wrong password", func(f *Facts) { f.Logins[1].State = "login" }, "logins", step.Refused, 6},
		{"target unreachable", func(f *Facts) { f.Logins[0].State = "unreachable" }, "logins", step.NotMeasured, 5},
		{"nobody was tried", func(f *Facts) { f.Logins = nil }, "logins", step.NotMeasured, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := ready()
			tt.change(&f)
			refused := (&GateError{Results: cutoverGates(f)}).Refused()
			if tt.want == step.Passed {
				if len(refused) > 0 {
					t.Errorf("refused by %v, want all to pass", refused)
				}
				return
			}
			if len(refused) != 1 || refused[0].Gate != tt.gate || refused[0].Outcome != tt.want || refused[0].Exit != tt.exit {
				t.Errorf("refused by %+v, want %s %s with exit %d alone", refused, tt.gate, tt.want, tt.exit)
			}
			if len(refused) == 1 && (!finding.Known(refused[0].Code) || refused[0].Fix == "") {
				t.Errorf("gate %s has code %q and fix %q, want a known code and a remedy", tt.gate, refused[0].Code, refused[0].Fix)
			}
		})
	}
}

func TestNothingMeasuredNeverPasses(t *testing.T) {
	t.Parallel()
	for _, r := range slices.Concat(cutoverGates(Facts{Now: noon}), settledGates(Facts{Now: noon})) {
		if r.Gate != "clock" && r.Outcome == step.Passed {
			t.Errorf("gate %s passed without a fact", r.Gate)
		}
	}
}

func TestSettledGates(t *testing.T) {
	t.Parallel()
	settled := func() Facts {
		return Facts{
			Now: noon, Switched: noon.Add(-48 * time.Hour), LastLate: noon.Add(-25 * time.Hour), LastLook: noon.Add(-time.Minute),
			Quiet: 24 * time.Hour, Copy: &CopyRecord{Ended: noon}, Verdict: &DMARCRecord{Time: noon, DMARC: "pass"},
		}
	}
	tests := []struct {
		name   string
		change func(*Facts)
		gate   string
		want   step.Outcome
	}{
		{"quiet, swept and aligned", func(*Facts) {}, "", step.Passed},
		{"late mail an hour ago", func(f *Facts) { f.LastLate = noon.Add(-time.Hour) }, "quiet", step.Refused},
		{"quiet, but nobody has looked since", func(f *Facts) { f.LastLook = noon.Add(-2 * time.Hour) }, "quiet", step.Refused},
		{"never looked", func(f *Facts) { f.LastLook = time.Time{} }, "quiet", step.NotMeasured},
		{"no probe", func(f *Facts) { f.Verdict = nil }, "aligned", step.NotMeasured},
		{"probe failed", func(f *Facts) { f.Verdict.DMARC = "fail" }, "aligned", step.Refused},
		{"probe not measured", func(f *Facts) { f.Verdict.DMARC = "not-measured" }, "aligned", step.Refused},
		{"a message missing", func(f *Facts) { f.Copy.Missing = 1 }, "balance", step.Refused},
		{"the old exchanger accepts", func(f *Facts) { f.OldMX = []OldMX{{Answer: probe.Taken}} }, "", step.Passed},
		{"the old exchanger refuses", func(f *Facts) { f.OldMX = []OldMX{{Answer: probe.Turned}} }, "old-mx", step.Refused},
		{"nobody could ask the old exchanger", func(f *Facts) { f.OldMX = []OldMX{{Answer: probe.NotAsked}, {Answer: probe.Inconclusive}} }, "", step.Passed},
		{"it refused an hour ago", func(f *Facts) { f.LastDeaf = noon.Add(-time.Hour) }, "quiet", step.Refused},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := settled()
			tt.change(&f)
			refused := (&GateError{Results: settledGates(f)}).Refused()
			if tt.want == step.Passed && len(refused) == 0 {
				return
			}
			if len(refused) != 1 || refused[0].Gate != tt.gate || refused[0].Outcome != tt.want {
				t.Errorf("refused by %+v, want %q %s", refused, tt.gate, tt.want)
			}
		})
	}
}

func TestAccept(t *testing.T) {
	t.Parallel()
	refused := func() []step.Result {
		r := refuse("delta", finding.GateDelta, "too old", "run mxmove sync", "evidence")
		s := refuse("plan", finding.GateUndoRight, "a finding", "mend it")
		s.Subject = "example.org."
		return []step.Result{r, s}
	}
	tests := []struct {
		name   string
		wishes []Accept
		want   []step.Outcome
	}{
		{"nothing", nil, []step.Outcome{step.Refused, step.Refused}},
		{"by code", []Accept{{Code: finding.GateDelta, Reason: "copied by hand"}}, []step.Outcome{step.Accepted, step.Refused}},
		{"by subject", []Accept{{Code: finding.GateUndoRight, Subject: "example.org.", Reason: "known"}}, []step.Outcome{step.Refused, step.Accepted}},
		{"another subject", []Accept{{Code: finding.GateUndoRight, Subject: "example.net.", Reason: "known"}}, []step.Outcome{step.Refused, step.Refused}},
		{"gate as subject", []Accept{{Code: finding.GateDelta, Subject: "delta", Reason: "known"}}, []step.Outcome{step.Accepted, step.Refused}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			results := refused()
			taken := accept(results, tt.wishes, nil, noon)
			for i, want := range tt.want {
				if results[i].Outcome != want {
					t.Errorf("outcome of %s = %s, want %s", results[i].Gate, results[i].Outcome, want)
				}
			}
			for _, a := range taken {
				if a.Reason == "" || a.Evidence == "" || !a.Time.Equal(noon) {
					t.Errorf("acceptance %+v lacks its reason, evidence or time", a)
				}
			}
		})
	}
}

func TestEvidenceBindsAcceptance(t *testing.T) {
	t.Parallel()
	one := refuse("logins", finding.GateLogin, "1 of 2", "", "anna: login")
	two := refuse("logins", finding.GateLogin, "1 of 2", "", "anna: login", "bert: login")
	if evidenceDigest(one) == evidenceDigest(two) {
		t.Error("more evidence gives the same digest, want another")
	}
}

// TestAcceptanceCoversWhatWasShown compares what is refused with what was
// shown before: a word for all of a code covers no subject that came later.
func TestAcceptanceCoversWhatWasShown(t *testing.T) {
	t.Parallel()
	of := func(subject string, evidence ...string) step.Result {
		r := refuse("addresses", finding.AddressRefused, "refused", "create it", evidence...)
		r.Subject = subject
		return r
	}
	messages := func(n int) step.Result {
		r := refuse("balance", finding.GateBalance, "missing", "run mxmove sync")
		r.Amount = n
		return r
	}
	all := Accept{Code: finding.AddressRefused, Reason: "closed"}
	info := Accept{Code: finding.AddressRefused, Subject: "info@example.org", Reason: "closed"}
	missing := Accept{Code: finding.GateBalance, Reason: "known"}
	for _, tt := range []struct {
		name  string
		shown []step.Result
		now   step.Result
		wish  Accept
		want  step.Outcome
	}{
		{"never shown", nil, of("info@example.org", "550"), all, step.Accepted},
		{"another gate shown", []step.Result{messages(3)}, of("info@example.org", "550"), all, step.Accepted},
		{"the same", []step.Result{of("info@example.org", "550 a")}, of("info@example.org", "550 b"), all, step.Accepted},
		{"more evidence", []step.Result{of("info@example.org", "550")}, of("info@example.org", "550", "550"), all, step.Refused},
		{"another subject", []step.Result{of("anna@example.org", "550")}, of("info@example.org", "550"), all, step.Refused},
		{"another subject by name", []step.Result{of("anna@example.org", "550")}, of("info@example.org", "550"), info, step.Accepted},
		{"more messages", []step.Result{messages(3)}, messages(4), missing, step.Refused},
		{"fewer messages", []step.Result{messages(3)}, messages(2), missing, step.Accepted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			shown := make(shownBefore)
			shown.add(tt.shown)
			results := []step.Result{tt.now}
			taken := accept(results, []Accept{tt.wish}, shown, noon)
			if got := results[0]; got.Outcome != tt.want || len(taken) == 1 != (tt.want == step.Accepted) {
				t.Errorf("outcome = %s with %d acceptances, want %s", got.Outcome, len(taken), tt.want)
			}
		})
	}
}

// TestFirstAcceptanceCountsInOneProcess lets a run go on for long, after a
// person has gone to bed.
func TestFirstAcceptanceCountsInOneProcess(t *testing.T) {
	t.Parallel()
	m := &Move{accepted: make(map[string]shownBefore)}
	wish := []Accept{{Code: finding.GateBalance, Reason: "known"}}
	for i, missing := range []int{3, 2, 3, 4, 4} {
		r := refuse("balance", finding.GateBalance, "missing", "run mxmove sync")
		r.Amount = missing
		results := []step.Result{r}
		accept(results, wish, m.accepted["watch"], noon)
		m.keepAccepted("watch", results)
		if got, want := results[0].Outcome == step.Accepted, missing <= 3; got != want {
			t.Errorf("sweep %d with %d missing: accepted %v, want %v", i, missing, got, want)
		}
	}
}
