package migrate

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
	"github.com/mxmove/mxmove/migrate/finding"
)

// sentBy is a row of one day.
func sentBy(day int, source string, messages int64, signer string, dkim bool) sentRow {
	begin := time.Date(2026, 11, day, 0, 0, 0, 0, time.UTC)
	row := sentRow{
		Org: "receiver.example", Domain: "example.org", Begin: begin, End: begin.Add(24*time.Hour - time.Second),
		Source: netip.MustParseAddr(source), From: "example.org", DKIM: dkim, Messages: messages,
	}
	if signer != "" {
		domain, selector, _ := strings.Cut(signer, "/")
		row.Key = dmarc.Identifier{Method: dmarc.DKIM, Domain: domain, Selector: selector, Result: "pass"}
	}
	return row
}

// byLastOctet classes addresses: .10 is the old server, .25 the provider.
func byLastOctet(_ string, a netip.Addr) (SenderClass, string) {
	switch s := a.String(); {
	case strings.HasSuffix(s, ".10"):
		return SenderOld, "mail.example.org"
	case strings.HasSuffix(s, ".25"):
		return SenderTarget, "include:new.example"
	case strings.HasSuffix(s, ".30"):
		return SenderNamed, "include:news.example"
	case strings.HasSuffix(s, ".99"):
		return SenderNotMeasured, ""
	}
	return SenderUnknown, ""
}

func gathered(rows ...sentRow) *gathering {
	g := newGathering(byLastOctet)
	for _, r := range rows {
		g.add(r)
	}
	return g
}

func TestStreams(t *testing.T) {
	t.Parallel()
	failing := sentBy(3, "192.0.2.10", 4, "example.org/old", false)
	failing.Key.Result, failing.Disposition = "fail", "reject"
	g := gathered(
		sentBy(1, "192.0.2.10", 5, "example.org/old", true),
		sentBy(2, "192.0.2.10", 6, "example.org/old", true),
		failing,
		sentBy(2, "192.0.2.11", 2, "", false),
		sentBy(2, "192.0.2.12", 1, "", false),
		sentBy(2, "2001:db8:1:2::3", 1, "news.example/k", false),
		sentBy(2, "2001:db8:1:ffff::4", 1, "news.example/k", false),
	)
	streams, omitted := g.list()
	var got []string
	for _, s := range streams {
		got = append(got, fmt.Sprintf("%s %q %s %d/%d of %d, rejected %d, %d days", s.Network, s.DKIMDomain, s.Known, s.Aligned, s.Messages, s.Sources, s.Rejected, len(s.Days)))
	}
	want := []string{
		`192.0.2.0/24 "example.org" old 11/11 of 1, rejected 0, 2 days`,
		`192.0.2.0/24 "" old 0/4 of 1, rejected 4, 1 days`,
		`192.0.2.0/24 "" unknown 0/3 of 2, rejected 0, 1 days`,
		`2001:db8:1::/48 "news.example" unknown 0/2 of 2, rejected 0, 1 days`,
	}
	if !slices.Equal(got, want) || omitted != 0 {
		t.Errorf("streams %q\nwant    %q", got, want)
	}
	if days := streams[0].Days; days[0] != (StreamDay{"2026-11-01", 5, 0}) || days[1] != (StreamDay{"2026-11-02", 6, 0}) {
		t.Errorf("days of the first = %v", days)
	}
	keys := g.keys()
	if len(keys) != 1 || keys[0].Selector != "old" || keys[0].Pass != 11 || keys[0].Fail != 4 || keys[0].First.Day() != 1 || keys[0].Last.Day() != 3 {
		t.Errorf("selectors = %+v, want old alone: others' keys are not ours to repair", keys)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	g := newGathering(byLastOctet)
	for i := range maxStreams + 50 {
		g.add(sentBy(1, fmt.Sprintf("10.%d.%d.1", i>>8, i&255), 1, "", false))
	}
	streams, omitted := g.list()
	if len(streams) != maxStreams || omitted != 50 {
		t.Errorf("%d streams and %d left out, want %d and 50", len(streams), omitted, maxStreams)
	}
}

func TestStreamFindings(t *testing.T) {
	t.Parallel()
	differs := sentBy(1, "198.51.100.25", 2, "example.org/s", true)
	differs.Differs = true
	tests := []struct {
		name string
		rows []sentRow
		want []finding.Code
	}{
		{"nothing", nil, nil},
		{"all aligned", []sentRow{sentBy(1, "192.0.2.10", 9, "example.org/old", true), sentBy(1, "203.0.113.1", 2, "example.org/s", true)}, nil},
		{"unknown and unaligned", []sentRow{sentBy(1, "203.0.113.1", 1, "", false)}, []finding.Code{finding.SenderUnnamed}},
		{"named and unaligned", []sentRow{sentBy(1, "203.0.113.30", 1, "news.example/k", false)}, []finding.Code{finding.SenderUnaligned}},
		{"a few of many fail", []sentRow{sentBy(1, "192.0.2.25", 100, "", true), sentBy(1, "192.0.2.25", 4, "", false)}, nil},
		{"more than a few", []sentRow{sentBy(1, "192.0.2.25", 100, "", true), sentBy(1, "192.0.2.25", 9, "", false)}, []finding.Code{finding.SenderUnaligned}},
		{"not measured", []sentRow{sentBy(1, "203.0.113.99", 8, "", false)}, nil},
		{"two verdicts", []sentRow{differs}, []finding.Code{finding.VerdictsDiffer}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []finding.Code
			for _, f := range streamFindings(gathered(tt.rows...)) {
				got = append(got, f.Code)
				if f.Severity == finding.Block || f.Text == "" || f.Fix == "" || f.Evidence == nil {
					t.Errorf("finding %+v", f)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("findings = %v, want %v", got, tt.want)
			}
		})
	}
}
