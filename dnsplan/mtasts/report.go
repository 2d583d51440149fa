package mtasts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// ErrNotReport is returned for what is no TLS report.
var ErrNotReport = errors.New("mtasts: not a TLS report")

// Bounds of a TLS report (RFC 8460, section 4).
const (
	maxReport   = 16 << 20
	maxPolicies = 1000
	maxFailures = 10_000 // of one report
	maxSessions = int64(1e12)
	maxWord     = 253
)

// A Report is what a sender says of its attempts to deliver with TLS.
type Report struct {
	Org, ID    string
	Begin, End time.Time
	Policies   []ReportPolicy
}

// A ReportPolicy is how delivery went under one policy.
type ReportPolicy struct {
	Type       string // sts, tlsa or no-policy-found
	Domain     string // lower case, without the final dot
	Successful int64  // sessions
	Failures   []Failure
}

// A Failure is a kind of failed sessions with one exchanger.
type Failure struct {
	Type     string // such as certificate-host-mismatch
	MX       string // empty where the sender does not say
	Sessions int64
}

// reportJSON is the form of RFC 8460, section 4.4.
type reportJSON struct {
	Org   string `json:"organization-name"`
	ID    string `json:"report-id"`
	Range struct {
		Begin time.Time `json:"start-datetime"`
		End   time.Time `json:"end-datetime"`
	} `json:"date-range"`
	Policies []struct {
		Policy struct {
			Type   string `json:"policy-type"`
			Domain string `json:"policy-domain"`
		} `json:"policy"`
		Summary struct {
			Successful int64 `json:"total-successful-session-count"`
			Failed     int64 `json:"total-failure-session-count"`
		} `json:"summary"`
		Failures []struct {
			Type     string `json:"result-type"`
			MX       string `json:"receiving-mx-hostname"`
			Sessions int64  `json:"failed-session-count"`
		} `json:"failure-details"`
	} `json:"policies"`
}

// ReadReport reads one TLS report in JSON. Failed sessions that the details do
// not explain count as failures of no type.
func ReadReport(r io.Reader) (Report, error) {
	var doc reportJSON
	if err := json.NewDecoder(io.LimitReader(r, maxReport)).Decode(&doc); err != nil {
		return Report{}, fmt.Errorf("%w: %w", ErrNotReport, err)
	}
	switch {
	case doc.Org == "" || len(doc.Policies) == 0:
		return Report{}, fmt.Errorf("%w: it names no organization or no policy", ErrNotReport)
	case doc.Range.Begin.IsZero() || doc.Range.End.Before(doc.Range.Begin):
		return Report{}, fmt.Errorf("%w: it has no period", ErrNotReport)
	case len(doc.Policies) > maxPolicies:
		return Report{}, fmt.Errorf("%w: more than %d policies", ErrNotReport, maxPolicies)
	}
	report := Report{Org: word(doc.Org), ID: word(doc.ID), Begin: doc.Range.Begin.UTC(), End: doc.Range.End.UTC()}
	left := maxFailures
	for _, p := range doc.Policies {
		one := ReportPolicy{Type: word(p.Policy.Type), Domain: name(p.Policy.Domain), Successful: sessions(p.Summary.Successful)}
		rest := sessions(p.Summary.Failed)
		for _, f := range p.Failures {
			if left--; left < 0 {
				return Report{}, fmt.Errorf("%w: more than %d failures", ErrNotReport, maxFailures)
			}
			n := sessions(f.Sessions)
			rest -= n
			one.Failures = append(one.Failures, Failure{Type: word(f.Type), MX: name(f.MX), Sessions: n})
		}
		if rest > 0 {
			one.Failures = append(one.Failures, Failure{Sessions: rest})
		}
		report.Policies = append(report.Policies, one)
	}
	return report, nil
}

// sessions bounds a count from outside.
func sessions(n int64) int64 { return min(max(n, 0), maxSessions) }

func name(host string) string { return strings.TrimSuffix(strings.ToLower(word(host)), ".") }

// word is text from outside, short and without control characters.
func word(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	if len(text) > maxWord {
		text = strings.ToValidUTF8(text[:maxWord], "")
	}
	return strings.TrimSpace(text)
}
