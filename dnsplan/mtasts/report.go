package mtasts

import (
	"bytes"
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
	maxReport   = 4 << 20
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

// reportJSON is the form of RFC 8460, section 4.4, without its policies.
type reportJSON struct {
	Org   string
	ID    string
	Range struct {
		Begin time.Time `json:"start-datetime"`
		End   time.Time `json:"end-datetime"`
	}
}

// policyJSON is one policy in that form.
type policyJSON struct {
	Policy struct {
		Type   string `json:"policy-type"`
		Domain string `json:"policy-domain"`
	} `json:"policy"`
	Summary struct {
		Successful int64 `json:"total-successful-session-count"`
		Failed     int64 `json:"total-failure-session-count"`
	} `json:"summary"`
	Failures failureList `json:"failure-details"`
}

type failureJSON struct {
	Type     string `json:"result-type"`
	MX       string `json:"receiving-mx-hostname"`
	Sessions int64  `json:"failed-session-count"`
}

// A failureList is read element by element: three octets make one, and each
// takes twenty times as many.
type failureList []failureJSON

// UnmarshalJSON reads the list as far as it may go.
func (l *failureList) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	return elements(d, func() error {
		if len(*l) >= maxFailures {
			return fmt.Errorf("more than %d failures", maxFailures)
		}
		var f failureJSON
		err := d.Decode(&f)
		*l = append(*l, f)
		return err
	})
}

// elements calls fn before each element of the list that comes next; null is a
// list without any.
func elements(d *json.Decoder, fn func() error) error {
	switch t, err := d.Token(); {
	case err != nil || t == nil:
		return err
	case t != json.Delim('['):
		return errors.New("a list is wanted")
	}
	for d.More() {
		if err := fn(); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// ReadReport reads one TLS report in JSON. Failed sessions that the details do
// not explain count as failures of no type.
func ReadReport(r io.Reader) (Report, error) {
	var report Report
	doc, err := readJSON(json.NewDecoder(io.LimitReader(r, maxReport)), &report)
	switch {
	case err != nil:
		return Report{}, fmt.Errorf("%w: %w", ErrNotReport, err)
	case doc.Org == "" || len(report.Policies) == 0:
		return Report{}, fmt.Errorf("%w: it names no organization or no policy", ErrNotReport)
	case doc.Range.Begin.IsZero() || doc.Range.End.Before(doc.Range.Begin):
		return Report{}, fmt.Errorf("%w: it has no period", ErrNotReport)
	}
	report.Org, report.ID = word(doc.Org), word(doc.ID)
	report.Begin, report.End = doc.Range.Begin.UTC(), doc.Range.End.UTC()
	return report, nil
}

// readJSON reads the document and takes its policies one by one.
func readJSON(d *json.Decoder, report *Report) (reportJSON, error) {
	var doc reportJSON
	if t, err := d.Token(); err != nil {
		return doc, err
	} else if t != json.Delim('{') {
		return doc, errors.New("an object is wanted")
	}
	left := maxFailures
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return doc, err
		}
		switch name, _ := key.(string); strings.ToLower(name) {
		case "organization-name":
			err = d.Decode(&doc.Org)
		case "report-id":
			err = d.Decode(&doc.ID)
		case "date-range":
			err = d.Decode(&doc.Range)
		case "policies":
			err = elements(d, func() error { return report.take(d, &left) })
		default:
			err = d.Decode(new(json.RawMessage))
		}
		if err != nil {
			return doc, err
		}
	}
	_, err := d.Token()
	return doc, err
}

// take reads one policy. Left is how many failures the report may still have.
func (r *Report) take(d *json.Decoder, left *int) error {
	var p policyJSON
	if err := d.Decode(&p); err != nil {
		return err
	}
	if *left -= len(p.Failures); *left < 0 {
		return fmt.Errorf("more than %d failures", maxFailures)
	}
	if len(r.Policies) == maxPolicies {
		return fmt.Errorf("more than %d policies", maxPolicies)
	}
	one := ReportPolicy{Type: word(p.Policy.Type), Domain: name(p.Policy.Domain), Successful: sessions(p.Summary.Successful)}
	rest := sessions(p.Summary.Failed)
	for _, f := range p.Failures {
		n := sessions(f.Sessions)
		rest -= n
		one.Failures = append(one.Failures, Failure{Type: word(f.Type), MX: name(f.MX), Sessions: n})
	}
	if rest > 0 {
		one.Failures = append(one.Failures, Failure{Sessions: rest})
	}
	r.Policies = append(r.Policies, one)
	return nil
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
