package migrate

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/probe"
)

func TestShadow(t *testing.T) {
	t.Parallel()
	p, err := provider.Load("microsoft365")
	if err != nil {
		t.Fatal(err)
	}
	in := dnsplan.Input{Domain: "example.org", Provider: p, Vars: provider.Vars{
		"mx": {"example-org.mail.protection.outlook.com"}, "verify": {"MS=ms12345678"},
	}}
	tests := []struct {
		name   string
		answer probe.WebAnswer
		err    error
		want   string
	}{
		{"404", probe.WebAnswer{}, nil, ""},
		{"a catch-all", probe.WebAnswer{URL: "u", Answer: "200 OK", All: true}, nil, "warn MX062"},
		{"the old server", probe.WebAnswer{URL: "u", Answer: "401 Unauthorized"}, nil, "warn MX062"},
		{"leads to somebody", probe.WebAnswer{URL: "u", Answer: "302", Leads: "mx.hoster.example"}, nil, "warn MX062"},
		{"leads to the provider", probe.WebAnswer{URL: "u", Answer: "302", Leads: "autodiscover-s.outlook.com"}, nil, ""},
		{"no answer", probe.WebAnswer{}, errors.New("timeout"), "note MX015"},
		{"not rehearsed", probe.WebAnswer{}, fmt.Errorf("get: %w", errNotRehearsed), ""},
	}
	for _, tt := range tests {
		got := ""
		if f := shadow(in, tt.answer, tt.err); f != nil {
			got = fmt.Sprintf("%s %s", f.Severity, f.Code)
			if f.Fix == "" || len(f.Evidence) == 0 {
				t.Errorf("%s: the finding lacks evidence or remedy: %+v", tt.name, f)
			}
		}
		if got != tt.want {
			t.Errorf("%s: shadow = %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestWebHostsAreAsked leads the domain's web host to a server of our own.
func TestWebHostsAreAsked(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>welcome") })
	addr, ca := serveAs(t, mux, "example.org")
	m := openedMove(t, Options{}, fmt.Sprintf("rehearsal: {connect: {\"example.org:443\": %q}, ca: %q}", addr, ca))
	p, err := provider.Load("google")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := m.read(t.Context(), func(r *run) error {
		fs, err := r.webHosts(t.Context(), []dnsplan.Input{{Domain: "example.org", Provider: p}})
		for _, f := range fs {
			got = append(got, string(f.Code)+" "+f.Subject)
			if f.Code == finding.WebHostAnswers && len(f.Evidence) != 2 {
				t.Errorf("evidence = %q, want the answer and that every path gets it", f.Evidence)
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if strings.Join(got, ", ") != "MX062 example.org" {
		t.Errorf("webHosts = %q, want the web host of example.org", got)
	}
}
