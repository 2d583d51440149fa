package mtasts_test

import (
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/dnsplan/mtasts"
)

const tlsReport = `{
  "organization-name": "Sender GmbH",
  "date-range": {"start-datetime": "2026-11-20T00:00:00Z", "end-datetime": "2026-11-20T23:59:59Z"},
  "contact-info": "tls@sender.example",
  "report-id": "2026-11-20T00:00:00Z_example.org",
  "policies": [
    {"policy": {"policy-type": "sts", "policy-string": ["version: STSv1", "mode: enforce"], "policy-domain": "Example.org.", "mx-host": ["mx1.provider.example"]},
     "summary": {"total-successful-session-count": 320, "total-failure-session-count": 9},
     "failure-details": [
       {"result-type": "certificate-host-mismatch", "sending-mta-ip": "203.0.113.9", "receiving-mx-hostname": "MX1.provider.example", "failed-session-count": 5},
       {"result-type": "validation-failure", "failed-session-count": 1}]},
    {"policy": {"policy-type": "no-policy-found", "policy-domain": "news.example.org"}, "summary": {"total-successful-session-count": 1}}]}`

func TestReadReport(t *testing.T) {
	t.Parallel()
	got, err := mtasts.ReadReport(strings.NewReader(tlsReport))
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	want := mtasts.Report{
		Org: "Sender GmbH", ID: "2026-11-20T00:00:00Z_example.org", Begin: begin, End: begin.Add(24*time.Hour - time.Second),
		Policies: []mtasts.ReportPolicy{
			{Type: "sts", Domain: "example.org", Successful: 320, Failures: []mtasts.Failure{
				{Type: "certificate-host-mismatch", MX: "mx1.provider.example", Sessions: 5}, {Type: "validation-failure", Sessions: 1}, {Sessions: 3},
			}},
			{Type: "no-policy-found", Domain: "news.example.org", Successful: 1},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("report = %+v\nwant     %+v", got, want)
	}
}

func TestReadReportRefuses(t *testing.T) {
	t.Parallel()
	for name, doc := range map[string]string{
		"nothing": "", "a list": "[]", "another document": `{"organization-name": "x"}`, "cut off": tlsReport[:200],
		"no period": strings.Replace(tlsReport, "2026-11-20T23", "2026-11-19T23", 1), "a wrong date": strings.Replace(tlsReport, "2026-11-20T00:00:00Z", "yesterday", 1),
		"many policies": `{"organization-name":"x","date-range":{"start-datetime":"2026-11-20T00:00:00Z","end-datetime":"2026-11-20T00:00:00Z"},"policies":[` + strings.Repeat("{},", 1001) + "{}]}",
	} {
		if _, err := mtasts.ReadReport(strings.NewReader(doc)); !errors.Is(err, mtasts.ErrNotReport) {
			t.Errorf("%s: %v, want ErrNotReport", name, err)
		}
	}
}

// reportBombs are documents that ask for more memory than they are worth.
func reportBombs() map[string]string {
	const begin = `{"organization-name":"x","date-range":{"start-datetime":"2026-11-20T00:00:00Z","end-datetime":"2026-11-20T00:00:00Z"},`
	empty := strings.Repeat("{},", 1<<20) + "{}"
	few := strings.Repeat("{},", 9_000) + "{}"
	return map[string]string{
		"policies":         begin + `"policies":[` + empty + `]}`,
		"failures":         begin + `"policies":[{"failure-details":[` + empty + `]}]}`,
		"failures, shared": begin + `"policies":[` + strings.Repeat(`{"failure-details":[`+few+`]},`, 100) + `{}]}`,
		"failures, twice":  begin + `"policies":[{"failure-details":[` + few + `],"failure-details":[` + few + `]}]}`,
		"policies, twice":  begin + `"policies":[` + strings.Repeat("{},", 900) + `{}],"policies":[` + strings.Repeat("{},", 900) + `{}]}`,
		"depth":            begin + `"x":` + strings.Repeat("[", 1<<20) + `,"policies":[{}]}`,
	}
}

// TestReportBombs does not run beside others, since the count is of the whole
// process.
func TestReportBombs(t *testing.T) {
	for name, doc := range reportBombs() {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := mtasts.ReadReport(strings.NewReader(doc))
		runtime.ReadMemStats(&after)
		if used, most := after.TotalAlloc-before.TotalAlloc, uint64(4<<20+8*len(doc)); !errors.Is(err, mtasts.ErrNotReport) || used > most {
			t.Errorf("%s: %v with %d octets of memory, want a refusal with %d at most", name, err, used, most)
		}
	}
}

func FuzzReadReport(f *testing.F) {
	f.Add(tlsReport)
	for _, doc := range reportBombs() {
		f.Add(doc[:min(len(doc), 64<<10)])
	}
	f.Add(`{"organization-name":"\u001b[31m\u0000","date-range":{"start-datetime":"2026-11-20T00:00:00Z","end-datetime":"2026-11-20T00:00:00Z"},"policies":[{"summary":{"total-failure-session-count":-9223372036854775808}}]}`)
	f.Add(strings.Repeat("[", 20_000))
	f.Fuzz(func(t *testing.T, doc string) {
		r, err := mtasts.ReadReport(strings.NewReader(doc))
		if err != nil {
			return
		}
		for _, p := range r.Policies {
			for _, failure := range append(p.Failures, mtasts.Failure{Sessions: p.Successful}) {
				if failure.Sessions < 0 || len(failure.MX) > 300 || strings.ContainsFunc(failure.Type+failure.MX+p.Domain+r.Org, func(c rune) bool { return c < ' ' }) {
					t.Errorf("policy %+v", p)
				}
			}
		}
	})
}
