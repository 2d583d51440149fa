package report_test

import (
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/mxmove/mxmove/migrate"
)

// TestTLSIsShown: what senders report of TLS stands in the page, what failed
// first, with DMARC reports beside it or without any.
func TestTLSIsShown(t *testing.T) {
	t.Parallel()
	rec := full()
	for range 2 {
		_, tree := render(t, rec)
		section := find(tree, "section", "")[2]
		card := find(section, "div", "tls")
		if len(card) != 1 {
			t.Fatalf("%d cards about TLS, want one", len(card))
		}
		if got := toneOf(find(card[0], "span", "chip")[0]); got != "care" {
			t.Errorf("the tone is %q, want care", got)
		}
		var rows []string
		for _, tr := range find(card[0], "tr", "")[1:] {
			rows = append(rows, strings.Join(cells(tr), "|"))
		}
		if got, want := strings.Join(rows, "\n"), "mx1.provider.exampleof example.org|sts|certificate-host-mismatch|4|2026-11-23\nall of themof example.org|sts|delivered|1 204|2026-11-23"; got != want {
			t.Errorf("the rows are\n%s\nwant\n%s", got, want)
		}
		if got := text(section); !strings.Contains(got, "4 of 1 208 sessions failed") || !strings.Contains(got, "let it sign with a key of the domain") {
			t.Errorf("the section reads %q, want the sum and the finding", got)
		}
		// The same without DMARC reports.
		only := *rec.Reports
		only.Begin, only.End, only.Kept, only.Streams = nil, nil, 0, nil
		rec.Reports = &only
	}
	rec.Reports.TLS = nil
	if _, tree := render(t, rec); len(find(tree, "div", "tls")) != 0 {
		t.Error("a card about TLS without a report")
	}
}

func TestTLSTones(t *testing.T) {
	t.Parallel()
	rec := full()
	for want, seen := range map[string][]migrate.TLSSeen{
		"good":  {{Domain: "example.org", Policy: "sts", Sessions: 2}, {Domain: "example.org", Policy: "sts", Failure: "x"}},
		"blank": {{Domain: "example.org", Policy: "sts"}},
		"care":  {{Domain: "example.org", Policy: "sts", Sessions: 2}, {Domain: "example.org", Policy: "no-policy-found", Failure: "x", Sessions: 1}},
	} {
		rec.Reports.TLS = seen
		_, tree := render(t, rec)
		if got := toneOf(find(find(tree, "div", "tls")[0], "span", "chip")[0]); got != want {
			t.Errorf("the tone of %+v is %q, want %q", seen, got, want)
		}
	}
}

func cells(tr *html.Node) (all []string) {
	for _, td := range find(tr, "td", "") {
		all = append(all, text(td))
	}
	return all
}
