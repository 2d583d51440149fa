package report_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/finding"
)

// heard are twelve days of reports: the old server falls silent at the switch,
// the provider begins, a newsletter is never aligned, somebody forges.
func heard() *migrate.Reports {
	first := start.AddDate(0, 0, -8).Truncate(24 * time.Hour)
	r := &migrate.Reports{Version: 1, Domain: "example.org", Made: at(32 * time.Hour), Kept: 24, Receivers: 2, Begin: &first, Omitted: 3,
		Signers: []migrate.ReportSigner{{Domain: "receiver.example", Reports: 12}, {Domain: "bigmail.example", Reports: 10}}, Unsigned: 2}
	end := first.AddDate(0, 0, 12).Add(-time.Second)
	r.End = &end
	old := migrate.Stream{Network: "192.0.2.0/24", DKIMDomain: "example.org", Known: migrate.SenderOld, Because: "mail.example.org"}
	fresh := migrate.Stream{Network: "198.51.100.0/24", DKIMDomain: "example.org", Known: migrate.SenderTarget, Because: "include:_spf.provider.example"}
	news := migrate.Stream{Network: "203.0.113.0/24", DKIMDomain: "news.example", Known: migrate.SenderNamed, Because: "include:spf.news.example"}
	forged := migrate.Stream{Network: "2001:db8:bad::/48", Known: migrate.SenderUnknown}
	for d := range 12 {
		n := int64(40 + 13*d%17)
		if d < 9 {
			sent(&old, first.AddDate(0, 0, d), n, int64(d%2))
		}
		if d >= 9 {
			sent(&fresh, first.AddDate(0, 0, d), n, 0)
		}
		if d%4 == 1 {
			sent(&news, first.AddDate(0, 0, d), 0, 220)
		}
		if d == 5 || d == 6 {
			sent(&forged, first.AddDate(0, 0, d), 0, 7)
		}
	}
	r.Streams = []migrate.Stream{news, old, fresh, forged}
	r.TLS = []migrate.TLSSeen{
		{Domain: "example.org", Policy: "sts", Sessions: 1204, First: first, Last: end},
		{Domain: "example.org", Policy: "sts", MX: "mx1.provider.example", Failure: "certificate-host-mismatch", Sessions: 4, First: first, Last: end},
	}
	r.Findings = []finding.Finding{{Severity: finding.Warn, Code: finding.SenderUnaligned, Subject: "203.0.113.0/24",
		Text: "660 of 660 messages from include:spf.news.example failed DMARC alignment at their receivers", Evidence: []string{"203.0.113.0/24, signed by news.example"}, Fix: "let it sign with a key of the domain"}}
	return r
}

func sent(s *migrate.Stream, day time.Time, aligned, unaligned int64) {
	s.Messages, s.Aligned = s.Messages+aligned+unaligned, s.Aligned+aligned
	s.Days = append(s.Days, migrate.StreamDay{Day: day.Format(time.DateOnly), Aligned: aligned, Unaligned: unaligned})
}

// outsideReports puts a text wherever reports hold one from outside.
func outsideReports(r *migrate.Reports, text string) {
	for i := range r.Signers {
		r.Signers[i].Domain = text
	}
	for i := range r.Streams {
		s := &r.Streams[i]
		s.Network, s.DKIMDomain, s.Because, s.Known, s.From = text, text, text, migrate.SenderClass(text), []string{text}
		for j := range s.Days {
			s.Days[j].Day = text
		}
	}
	for i := range r.TLS {
		l := &r.TLS[i]
		l.Domain, l.Policy, l.MX = text, text, text
		if l.Failure != "" {
			l.Failure = text
		}
	}
	r.Findings = []finding.Finding{{Severity: finding.Severity(text), Code: finding.Code(text), Text: text, Fix: text, Evidence: []string{text}}}
}

func number(t *testing.T, n *html.Node, key string) int {
	t.Helper()
	v, err := strconv.Atoi(attr(n, key))
	if err != nil {
		t.Fatalf("%s=%q is no number", key, attr(n, key))
	}
	return v
}

// TestPlot asks that every day stands in its place, what is not aligned below
// the line, and nothing outside the drawing.
func TestPlot(t *testing.T) {
	t.Parallel()
	rec := full()
	_, tree := render(t, rec)
	rows := find(find(tree, "div", "plot")[0], "svg", "")
	if len(rows) != len(rec.Reports.Streams) {
		t.Fatalf("%d streams are drawn, want %d", len(rows), len(rec.Reports.Streams))
	}
	for i, svg := range rows {
		s := rec.Reports.Streams[i]
		if got := attr(svg, "viewbox") + attr(svg, "viewBox"); got != "0 0 1200 56" {
			t.Errorf("stream %d has the measures %q, want twelve days", i, got)
		}
		axis := number(t, find(svg, "rect", "axis")[0], "y")
		above, below := find(svg, "rect", "above"), find(svg, "rect", "below")
		wantAbove, wantBelow := 0, 0
		for _, d := range s.Days {
			if d.Aligned > 0 {
				wantAbove++
			}
			if d.Unaligned > 0 {
				wantBelow++
			}
		}
		if len(above) != wantAbove || len(below) != wantBelow {
			t.Errorf("stream %d has %d columns above and %d below, want %d and %d", i, len(above), len(below), wantAbove, wantBelow)
		}
		for _, r := range find(svg, "rect", "") {
			x, y, w, h := number(t, r, "x"), number(t, r, "y"), number(t, r, "width"), number(t, r, "height")
			switch {
			case x < 0 || x+w > 1200 || y < 0 || y+h > 56 || w < 1 || h < 1:
				t.Errorf("stream %d: %s lies outside: %d,%d %dx%d", i, attr(r, "class"), x, y, w, h)
			case hasClass(r, "above") && y+h != axis, hasClass(r, "below") && y != axis+1:
				t.Errorf("stream %d: %s does not stand on the line %d: %d,%d %dx%d", i, attr(r, "class"), axis, x, y, w, h)
			}
		}
		if mark := find(svg, "rect", "mark"); len(mark) != 1 || number(t, mark[0], "x")+number(t, mark[0], "width")/2 != 890 {
			t.Errorf("stream %d: the switch stands at %v, want it before the tenth day", i, mark)
		}
	}
	for _, want := range []string{"0 of 660 aligned, at most 220 a day", "0 of 14 aligned, at most 7 a day"} {
		if got := text(find(tree, "section", "")[2]); !strings.Contains(got, want) {
			t.Errorf("the section does not give the scale %q: %q", want, got)
		}
	}
	if got := text(find(tree, "section", "")[2]); !strings.Contains(got, "And 3 smaller streams") {
		t.Errorf("the section does not say what was left out: %q", got)
	}
}

func TestStreamTones(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name           string
		known          migrate.SenderClass
		aligned, total int64
		want           string
	}{
		{"aligned", migrate.SenderTarget, 10, 10, "good all aligned"},
		{"nearly", migrate.SenderTarget, 999, 1000, "care 99 % aligned"},
		{"known and not aligned", migrate.SenderNamed, 0, 5, "bad none aligned"},
		{"unknown and not aligned", migrate.SenderUnknown, 0, 5, "care none aligned"},
		{"nothing", migrate.SenderOld, 0, 0, "blank nothing sent"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rec := full()
			rec.Reports.Streams = []migrate.Stream{{Network: "192.0.2.0/24", Known: tt.known, Messages: tt.total, Aligned: tt.aligned}}
			_, tree := render(t, rec)
			chip := find(find(tree, "div", "plot")[0], "span", "chip")[0]
			if got := toneOf(chip) + " " + text(chip); got != tt.want {
				t.Errorf("the stream is %q, want %q", got, tt.want)
			}
		})
	}
}

// TestWhoVouches: the page says whose reports these are, and how many may be
// anybody's; one that an older program wrote says neither.
func TestWhoVouches(t *testing.T) {
	t.Parallel()
	rec := full()
	_, tree := render(t, rec)
	want := "of 2 receivers, signed by receiver.example, bigmail.example, 2 of them not authenticated, each stream"
	if got := text(find(tree, "section", "")[2]); !strings.Contains(got, want) {
		t.Errorf("the section reads %q, want %q in it", got, want)
	}
	rec.Reports.Signers, rec.Reports.Unsigned = nil, 0
	_, tree = render(t, rec)
	if got := text(find(tree, "section", "")[2]); !strings.Contains(got, "of 2 receivers, each stream") {
		t.Errorf("without signers the section reads %q", got)
	}
}

func TestNoReportsAreNotMeasured(t *testing.T) {
	t.Parallel()
	rec := full()
	rec.Reports = nil
	_, tree := render(t, rec)
	if got := text(find(tree, "section", "")[2]); !strings.Contains(got, "Not measured") {
		t.Errorf("without reports the section reads %q", got)
	}
}

// TestLongPlot: only the last days are drawn.
func TestLongPlot(t *testing.T) {
	t.Parallel()
	rec := full()
	first := start.AddDate(-1, 0, 0)
	rec.Reports.Begin = &first
	rec.Reports.Streams[0].Days = append([]migrate.StreamDay{{Day: first.Format(time.DateOnly), Aligned: 1}}, rec.Reports.Streams[0].Days...)
	_, tree := render(t, rec)
	svg := find(find(tree, "div", "plot")[0], "svg", "")[0]
	if got := attr(svg, "viewbox") + attr(svg, "viewBox"); got != "0 0 6000 56" || len(find(svg, "rect", "above")) != 0 {
		t.Errorf("the plot has the measures %q and %d columns of last year, want sixty days and none", got, len(find(svg, "rect", "above")))
	}
}
