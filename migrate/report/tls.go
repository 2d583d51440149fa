package report

import (
	"fmt"
	"time"

	"github.com/mxmove/mxmove/migrate"
)

// tlsLines bounds the lines about TLS that a page shows.
const tlsLines = 12

// A secured is how senders fared with TLS at the exchangers.
type secured struct {
	verdict
	Lines []tlsLine
	More  int // lines that are not shown
}

// A tlsLine is one result at one exchanger.
type tlsLine struct{ migrate.TLSSeen }

// Count is the number of sessions.
func (l tlsLine) Count() int { return int(l.Sessions) }

// TLS sums up what senders report; nil where none did.
func (p page) TLS() *secured {
	if p.Reports == nil || len(p.Reports.TLS) == 0 {
		return nil
	}
	var all, failed int64
	s := &secured{verdict: verdict{Tone: good, Word: "all delivered"}}
	for _, l := range p.Reports.TLS {
		if all += l.Sessions; l.Failure != "" && l.Sessions > 0 {
			failed += l.Sessions
			s.Lines = append(s.Lines, tlsLine{l})
		}
	}
	// What went well is told after what did not.
	for _, l := range p.Reports.TLS {
		if l.Failure == "" && l.Sessions > 0 {
			s.Lines = append(s.Lines, tlsLine{l})
		}
	}
	if n := len(s.Lines) - tlsLines; n > 0 {
		s.Lines, s.More = s.Lines[:tlsLines], n
	}
	s.Text = fmt.Sprintf("%s of %s sessions failed", number(int(failed)), number(int(all)))
	switch {
	case all == 0:
		s.verdict = verdict{Tone: unknown, Word: "nothing sent", Text: "no session was reported"}
	case failed > 0:
		s.Tone, s.Word = care, "some failed"
	}
	return s
}

// day prints the day of a time.
func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
