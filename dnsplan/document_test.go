package dnsplan_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/provider"
)

// ordinary is a plan with all four stages.
func ordinary(t testing.TB) (dnsplan.Plan, dnsplan.Input) {
	t.Helper()
	p, err := provider.Load("google")
	if err != nil {
		t.Fatal(err)
	}
	z := mustZone(t, "example.org", "@ 86400 MX 10 mail\nmail A 192.0.2.10\n@ TXT \"v=spf1 mx -all\"\n@ TXT \"other\"\n")
	in := dnsplan.Input{Domain: "example.org", Provider: p, Vars: provider.Vars{"verify": {"google-site-verification=a"}}, Origin: z, Now: z.Clone()}
	plan, err := dnsplan.Build([]dnsplan.Input{in}, made)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range dnsplan.Stages {
		if len(plan.Stage(s)) == 0 {
			t.Fatalf("stage %s is empty", s)
		}
	}
	return plan, in
}

func TestDocumentCanBeExtended(t *testing.T) {
	t.Parallel()
	p, _ := ordinary(t)
	type document struct {
		dnsplan.Document
		Accounts []string `json:"accounts"`
	}
	text, err := json.Marshal(document{p.Document(), []string{"anna"}})
	if err != nil {
		t.Fatal(err)
	}
	var back document
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	q, err := back.Plan()
	if err != nil || !sameChanges(p.Changes, q.Changes) || len(back.Accounts) != 1 {
		t.Errorf("extended document read back = %v, %v", q, err)
	}
	var plain dnsplan.Plan
	if err := json.Unmarshal(text, &plain); err != nil || !sameChanges(p.Changes, plain.Changes) {
		t.Errorf("a plan with further fields cannot be read: %v", err)
	}
}

func TestDocumentHasNoNulls(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(dnsplan.Plan{Version: 1, Domain: "example.org"})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Replace(string(text), `"not_before":null`, "", -1); strings.Contains(got, "null") {
		t.Errorf("empty plan = %s", got)
	}
	if n := strings.Count(string(text), `"stage":`); n != 4 {
		t.Errorf("empty plan has %d stages, want 4", n)
	}
}

func TestDocumentRefused(t *testing.T) {
	t.Parallel()
	p, _ := ordinary(t)
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, from, to string
		want           error
	}{
		{"newer version", `"version":1`, `"version":2`, dnsplan.ErrVersion},
		{"newer version of another shape", `"version":1,`, `"version":2,"stages":{},`, dnsplan.ErrVersion},
		{"no version", `"version":1`, `"version":0`, dnsplan.ErrPlan},
		{"unknown stage", `"stage":"switch"`, `"stage":"destroy"`, dnsplan.ErrPlan},
		{"wrong action", `"action":"update"`, `"action":"delete"`, dnsplan.ErrPlan},
		{"other zone", `"zone":"example.org."`, `"zone":"example.net."`, dnsplan.ErrPlan},
		{"smuggled record", `1 smtp.google.com.`, `1 smtp.google.com.\nwww.example.org. 1 IN A 192.0.2.66`, dnsplan.ErrPlan},
		{"negative wait", `"wait_seconds":95040`, `"wait_seconds":-1`, dnsplan.ErrPlan},
		{"endless wait", `"wait_seconds":95040`, `"wait_seconds":9223372036854775807`, dnsplan.ErrPlan},
		{"wrong type", `"type":"MX","before"`, `"type":"NOPE","before"`, dnsplan.ErrPlan},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bad := strings.Replace(string(text), tt.from, tt.to, 1)
			if bad == string(text) {
				t.Fatalf("%q is not in the document", tt.from)
			}
			var q dnsplan.Plan
			if err := json.Unmarshal([]byte(bad), &q); !errors.Is(err, tt.want) {
				t.Errorf("Unmarshal = %v, want %v", err, tt.want)
			}
		})
	}
}

func FuzzPlanJSON(f *testing.F) {
	p, _ := ordinary(f)
	text, err := json.Marshal(p)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add(`{"version":1,"domain":"example.org","stages":[{"stage":"prepare","changes":[{"zone":".","name":".","type":"A","action":"create","after":{"ttl":1,"data":["192.0.2.1"]}}]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var p, q dnsplan.Plan
		if json.Unmarshal([]byte(text), &p) != nil {
			return
		}
		var b strings.Builder
		if err := dnsplan.Text(&b, p, dnsplan.TextOptions{Why: true}); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(b.String(), func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }) {
			t.Errorf("text of the plan is not printable: %q", b.String())
		}
		for _, c := range p.Changes {
			_ = c.Reverse().RRset()
		}
		out, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(out, &q); err != nil || !sameChanges(p.Changes, q.Changes) {
			t.Errorf("plan read back: %v", err)
		}
	})
}

// A name that comes later than the rest is waited for by itself, so the plan
// has to say which part of the wait is a name's.
func TestWaitOfNamesIsKept(t *testing.T) {
	t.Parallel()
	p, err := provider.Load("google")
	if err != nil {
		t.Fatal(err)
	}
	z := mustZone(t, "example.org", "@ 7200 SOA ns1 hostmaster 1 7200 600 86400 3600\n@ 86400 MX 10 mail\nmail A 192.0.2.10\n")
	in := dnsplan.Input{Domain: "example.org", Provider: p, Vars: provider.Vars{"verify": {"google-site-verification=a"}, "dkim": {"v=DKIM1; k=rsa; p=AAAA"}}, Now: z}
	plan, err := dnsplan.Build([]dnsplan.Input{in}, made)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	var back dnsplan.Plan
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]dnsplan.Plan{"built": plan, "read back": back} {
		if w := p.Wait(dnsplan.Switch); w.Length != 95040*time.Second || w.Names != 3960*time.Second {
			t.Errorf("%s: the switch waits %v, and %v for names; want 26h24m and 1h6m", name, w.Length, w.Names)
		}
	}
}
