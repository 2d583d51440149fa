package migrate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/mtasts"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
)

func tlsOf(id, domain string, good, failed int) *strings.Reader {
	return strings.NewReader(fmt.Sprintf(`{"organization-name":"s","report-id":%q,"date-range":{"start-datetime":"2026-11-24T00:00:00Z","end-datetime":"2026-11-24T23:59:59Z"},
"policies":[{"policy":{"policy-type":"sts","policy-domain":%q},"summary":{"total-successful-session-count":%d,"total-failure-session-count":%d}}]}`, id, domain, good, failed))
}

func TestTLSReports(t *testing.T) {
	t.Parallel()
	book := openBook(t)
	ours := func(domain string) bool { return domain == "example.org" }
	for _, tt := range []struct {
		id, domain string
		known      bool
		want       error
	}{{"1", "example.org", false, nil}, {"1", "example.org", true, nil}, {"2", "example.org", false, nil}, {"3", "example.net", false, errOtherDomain}} {
		read, err := book.addTLS(t.Context(), tlsOf(tt.id, tt.domain, 4, 1), ours)
		if !errors.Is(err, tt.want) || read.Known != tt.known {
			t.Errorf("add %s of %s = %+v, %v, want known %v, %v", tt.id, tt.domain, read, err, tt.known, tt.want)
		}
	}
	if _, err := book.addTLS(t.Context(), strings.NewReader("{}"), ours); !errors.Is(err, mtasts.ErrNotReport) {
		t.Errorf("add of no report: %v", err)
	}
	seen, err := book.tls(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range seen {
		got = append(got, fmt.Sprintf("%s %q %d", s.Policy, s.Failure, s.Sessions))
	}
	if want := []string{`sts "" 8`, `sts "unexplained" 2`}; !slices.Equal(got, want) {
		t.Errorf("kept %q, want %q", got, want)
	}
	if late, err := book.tls(t.Context(), noon.AddDate(0, 1, 0)); err != nil || len(late) != 0 {
		t.Errorf("after the last report: %v, %v, want none", late, err)
	}
}

func TestTLSFindings(t *testing.T) {
	t.Parallel()
	mx := func(host string) *zone.RRset {
		return &zone.RRset{Name: "example.org.", Type: dns.TypeMX, TTL: 300, Data: []string{"10 " + host}}
	}
	switched := []dnsplan.Change{{Zone: "example.org.", Stage: dnsplan.Switch, Action: dnsplan.Update, Before: mx("mail.example.org."), After: mx("Example-org.h-v1.mx.microsoft.")}}
	refused := func(domain, policy, mx string) []TLSSeen {
		return []TLSSeen{{Domain: domain, Policy: policy, MX: mx, Failure: "validation-failure", Sessions: 4}}
	}
	const fresh = "example-org.h-v1.mx.microsoft"
	tests := []struct {
		name string
		seen []TLSSeen
		want finding.Severity // empty: none
		text string
	}{
		{"the new MX, by the policy", refused("example.org", "sts", fresh), finding.Warn, "refuse the new MX because of the domain's own policy: 4"},
		{"the new MX, by TLSA", refused("example.org", "tlsa", fresh), finding.Warn, "refuse the new MX"},
		{"the new MX, in clear text", refused("example.org", "no-policy-found", fresh), finding.Note, "4 sessions in which TLS failed"},
		{"the old MX", refused("example.org", "sts", "mail.example.org"), finding.Warn, "4 sessions in which TLS failed"},
		{"an exchanger that is not named", refused("example.org", "sts", ""), finding.Warn, "4 sessions in which TLS failed"},
		{"of another domain", refused("example.net", "sts", fresh), finding.Warn, "4 sessions in which TLS failed"},
		{"nothing", nil, "", ""},
		{"delivered", []TLSSeen{{Policy: "sts", Sessions: 9}}, "", ""},
		{"failed in clear text", []TLSSeen{{Policy: "no-policy-found", Failure: "starttls-not-supported", Sessions: 1}}, finding.Note, "1 sessions"},
		{"failed under a policy", []TLSSeen{{Policy: "sts", Sessions: 9}, {Policy: "tlsa", Failure: "tlsa-invalid", MX: "mx.example.org", Sessions: 1}}, finding.Warn, "1 sessions"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			found := tlsFindings(tt.seen, switched)
			if len(found) > 0 != (tt.want != "") || len(found) == 1 && (found[0].Severity != tt.want || found[0].Code != finding.SendersRefuseMX || len(found[0].Evidence) != 1 || !strings.Contains(found[0].Text, tt.text)) {
				t.Errorf("findings = %+v, want %q", found, tt.want)
			}
		})
	}
}
