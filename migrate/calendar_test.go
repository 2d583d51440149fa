package migrate

import (
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
	"github.com/mxmove/mxmove/migrate/finding"
)

func TestNextPolicy(t *testing.T) {
	t.Parallel()
	provider := Stream{Network: "198.51.100.0/24", Known: SenderTarget, Messages: 90, Aligned: 90, DKIM: 90, SPF: 90}
	stream := func(change func(*Stream)) func(*nextPolicy) {
		s := Stream{Network: "192.0.2.0/24", DKIMDomain: "example.org", Known: SenderNamed, Because: "include:news.example", Messages: 10, Aligned: 10, DKIM: 10}
		change(&s)
		return func(f *nextPolicy) { f.Streams = append(f.Streams, s) }
	}
	const good = "bears out the DMARC policy"
	tests := []struct {
		name   string
		record string
		change func(*nextPolicy)
		want   string // of the lines
		not    string
	}{
		{"none to quarantine", "p=none; sp=none; rua=mailto:a@example.org", nil, good + " p=quarantine|signed by receiver.example|90 messages in 1 stream, 90 of them in signed reports; 90 aligned; 0 streams left|has stood since 2026-10-16|way back: mxmove undo puts back v=DMARC1; p=none; sp=none", "in the way"},
		{"quarantine to reject", "p=quarantine; rua=mailto:a@example.org", nil, good + " p=reject|mailing lists", "in the way"},
		{"test of quarantine", "p=quarantine; t=y; rua=mailto:a@example.org", nil, good + " p=quarantine without the mark of a test", "reject"},
		{"no reports asked for", "p=none", nil, "in the way: the DMARC record asks for no reports", good},
		{"month not over", "p=none; rua=mailto:a@example.org", func(f *nextPolicy) { f.Switched = noon.AddDate(0, 0, -29) }, "next step would be _dmarc.example.org. TXT v=DMARC1; p=quarantine; rua|in the way: the month after the switch ends on 2026-11-26", good},
		{"policy is young", "p=quarantine; rua=mailto:a@example.org", func(f *nextPolicy) { f.Since = noon.AddDate(0, 0, -29) }, "in the way: p=quarantine was first seen on 2026-10-27 12:00:00 UTC, and a month of it ends on 2026-11-26", good},
		{"switch never seen", "p=none; rua=mailto:a@example.org", func(f *nextPolicy) { f.Switched = time.Time{} }, "in the way: nobody has seen", good},
		{"no report", "p=none; rua=mailto:a@example.org", func(f *nextPolicy) { f.Reports.Periods, f.Streams, f.Provider = nil, nil, false }, "in the way: no DMARC report covers the 30 d 0 h|in the way: no signed report tells of aligned mail from the provider", good},
		{"reports stopped", "p=none; rua=mailto:a@example.org", func(f *nextPolicy) { f.Reports.Periods = daily(30, 4) }, "in the way: no DMARC report covers the 4 d 0 h", good},
		{"reports that anybody wrote", "p=none; rua=mailto:a@example.org", func(f *nextPolicy) { f.Reports.Periods, f.Reports.Unsigned = nil, 30 }, "in the way: no DMARC report that its sender signed covers the 30 d 0 h", good},
		{"named sender fails once", "p=none; rua=mailto:a@example.org", stream(func(s *Stream) { s.Aligned = 9 }), "in the way: 1 message from 1 stream of senders that are known failed|--accept MX151:example.org=|include:news.example: 192.0.2.0/24", good},
		{"stranger fails", "p=none; rua=mailto:a@example.org", stream(func(s *Stream) { s.Known, s.Aligned = SenderUnknown, 0 }), "in the way: 10 messages from 1 network that nothing names|--accept MX150:example.org=", good},
		{"stranger passes on what is signed", "p=none; rua=mailto:a@example.org", stream(func(s *Stream) { s.Known = SenderUnknown }), good, "in the way"},
		{"nobody knows whose", "p=none; rua=mailto:a@example.org", stream(func(s *Stream) { s.Known, s.Aligned = SenderNotMeasured, 9 }), "in the way: 1 message came from 1 stream of which the DNS did not say", good},
		{"SPF alone is enough for quarantine", "p=none; rua=mailto:a@example.org", stream(func(s *Stream) { s.DKIM = 0 }), good, "in the way"},
		{"SPF alone is not enough for reject", "p=quarantine; rua=mailto:a@example.org", stream(func(s *Stream) { s.DKIM = 3 }), "in the way: 7 messages in 1 stream aligned by SPF alone", good},
		{"provider is silent", "p=none; rua=mailto:a@example.org", func(f *nextPolicy) { f.Provider = false }, "in the way: no signed report tells of aligned mail", good},
		{"too many streams", "p=none; rua=mailto:a@example.org", func(f *nextPolicy) { f.Omitted = 3 }, "in the way: 3 streams", good},
		{"hostile text", "p=none; rua=mailto:a\x1b[2J@example.org", stream(func(s *Stream) { s.Aligned, s.From = 0, []string{"\x1b[31m"} }), `\027[2J|\027[31m`, "\x1b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			record, err := dmarc.Parse("v=DMARC1; " + tt.record)
			if err != nil {
				t.Fatal(err)
			}
			f := nextPolicy{Record: record, Since: noon.AddDate(0, 0, -40), Switched: noon.AddDate(0, 0, -40), Now: noon, Reports: month(), Provider: true, Vouched: 90, Streams: []Stream{provider}}
			if tt.change != nil {
				tt.change(&f)
			}
			f.countStrangers()
			got := strings.Join(told(f.step("example.org")), "\n")
			for _, want := range strings.Split(tt.want, "|") {
				if !strings.Contains(got, want) {
					t.Errorf("lines =\n%s\nwant %q in it", got, want)
				}
			}
			if strings.Contains(got, tt.not) && tt.not != "" {
				t.Errorf("lines =\n%s\nwant no %q in it", got, tt.not)
			}
		})
	}
}

// countStrangers counts those that the streams tell of.
func (f *nextPolicy) countStrangers() {
	n, messages := 0, int64(0)
	for _, s := range f.Streams {
		if s.stranger() {
			n, messages = n+1, messages+s.Unaligned()
		}
	}
	f.strangers(n, messages)
}

// told is what a close says of a step.
func told(s hardening) []string {
	refused := (&GateError{Results: s.Gates}).Refused()
	if len(refused) > 0 {
		return s.held(refused)
	}
	return s.shown(nil)
}

// month is what reports of every day of a month cover.
func month() ReportFacts {
	return ReportFacts{From: noon.Add(-recentReports), Until: noon, Periods: daily(30, 0)}
}

func TestNextPolicyIsBounded(t *testing.T) {
	t.Parallel()
	record, err := dmarc.Parse("v=DMARC1; p=none; rua=mailto:a@example.org")
	if err != nil {
		t.Fatal(err)
	}
	f := nextPolicy{Record: record, Now: noon, Since: noon.AddDate(0, 0, -40), Switched: noon.AddDate(0, 0, -40), Reports: month(), Provider: true, Omitted: 7000}
	for range maxStreams {
		f.Streams = append(f.Streams, Stream{Known: SenderUnknown, Messages: 1})
	}
	f.strangers(8000, 9000)
	s := f.step("example.org")
	if refused := (&GateError{Results: s.Gates}).Refused(); len(refused) != 1 || refused[0].Code != finding.SenderUnnamed || refused[0].Extent() != 9000 {
		t.Fatalf("8000 strangers are refused by %+v, want one gate of 9000 messages", refused)
	}
	lines := told(s)
	if n := len(lines); n > manyStreams+4 {
		t.Errorf("8000 strangers make %d lines", n)
	}
	if last := lines[len(lines)-1]; !strings.Contains(last, "and 7990 more") {
		t.Errorf("the last line is %q, want the count of the others", last)
	}
}

// TestSoleRecord: receivers apply one record, or none.
func TestSoleRecord(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		data []string
		want bool
	}{
		{"none", []string{`"v=DMARC1; p=none"`}, true},
		{"beside another text", []string{`"hello"`, `"v=DMARC1; p=quarantine"`}, true},
		{"split in two", []string{`"v=DMARC1; " "p=none"`}, true},
		{"two records", []string{`"v=DMARC1; p=none"`, `"v=DMARC1; p=quarantine"`}, false},
		{"reject", []string{`"v=DMARC1; p=reject; sp=none"`}, true},
		{"no DMARC record", []string{`"v=DMARC2; p=none"`}, false},
		{"no record", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, _, ok := soleRecord(tt.data); ok != tt.want {
				t.Errorf("soleRecord(%q) = %v, want %v", tt.data, ok, tt.want)
			}
		})
	}
}
