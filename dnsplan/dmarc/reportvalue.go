package dmarc

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

const (
	maxPeriod = 25 * time.Hour // a day, and the hour that some days have besides
	maxCount  = int64(1e12)    // messages of one row
)

// value takes the text of the open leaf.
func (d *reportReader) value() {
	if d.leaf == "" {
		return
	}
	leaf, text := d.leaf, d.s.value()
	d.leaf = ""
	switch d.inside() {
	case "report_metadata":
		d.metadata(leaf, text)
	case "date_range":
		if leaf == "begin" {
			d.begin = text
		} else {
			d.end = text
		}
	case "policy_published":
		if d.published == 1 {
			d.policy(leaf, text)
		}
	default:
		d.rowValue(leaf, text)
	}
}

func (d *reportReader) metadata(leaf, text string) {
	switch r := &d.report; leaf {
	case "org_name":
		r.Org = text
	case "email":
		r.Email = text
	case "report_id":
		r.ID = text
	case "generator":
		r.Generator, r.RFC9990 = text, true
	}
}

func (d *reportReader) policy(leaf, text string) {
	p, word := &d.report.Published, strings.ToLower(text)
	switch leaf {
	case "domain":
		d.report.Domain = Canonical(text)
	case "adkim":
		p.DKIM = modeWord(word)
	case "aspf":
		p.SPF = modeWord(word)
	case "p":
		p.Policy = policy(word)
	case "sp":
		p.Subdomain = policy(word)
	case "np":
		p.Nonexistent, d.report.RFC9990 = policy(word), true
	case "testing":
		p.Testing, d.report.RFC9990 = word == "y", true
	case "discovery_method":
		p.Discovery, d.report.RFC9990 = resultWord(word), true
	}
}

func modeWord(word string) Mode {
	if word == "s" || word == "strict" {
		return Strict
	}
	return Relaxed
}

func (d *reportReader) rowValue(leaf, text string) {
	switch d.inside() + "/" + leaf {
	case "row/source_ip":
		d.source = text
	case "row/count":
		d.count = text
	case "policy_evaluated/disposition":
		d.row.Disposition = resultWord(text)
	case "policy_evaluated/dkim":
		d.row.DKIM = resultWord(text)
	case "policy_evaluated/spf":
		d.row.SPF = resultWord(text)
	case "reason/type":
		d.reason = text
	case "reason/comment":
		d.whyComment = text
	case "identifiers/header_from":
		d.row.From = Canonical(text)
	case "identifiers/envelope_from":
		d.row.EnvelopeFrom = Canonical(text)
	case "dkim/domain", "spf/domain":
		d.auth.Domain = Canonical(text)
	case "dkim/selector":
		d.auth.Selector = Canonical(text)
	case "dkim/result", "spf/result":
		d.auth.Result = resultWord(text)
	case "spf/scope":
		d.scope = strings.ToLower(text)
	}
}

// resultWord returns a word of RFC 8601 in lower case; other text is nothing.
func resultWord(text string) string {
	word := strings.ToLower(text)
	if len(word) > 16 || strings.ContainsFunc(word, func(r rune) bool { return r < 'a' || r > 'z' }) {
		return ""
	}
	return word
}

// give completes a row and hands it on.
func (d *reportReader) give() error {
	row := &d.row
	var err error
	if row.Source, err = netip.ParseAddr(strings.Trim(d.source, "[]")); err != nil {
		d.report.note("a row without a usable address was left out")
		return nil
	}
	row.Source = row.Source.Unmap().WithZone("")
	row.Count, err = strconv.ParseInt(d.count, 10, 64)
	switch {
	case err != nil || row.Count < 0 || row.Count > maxCount:
		d.report.note("a row with the count %q was left out", clip(d.count))
		return nil
	case row.Count == 0:
		return nil
	}
	if row.From == "" {
		row.From = d.report.Domain
		d.report.note("a row does not say what stood in From; the policy's domain was taken")
	}
	if row.EnvelopeFrom == "" && len(row.Senders) > 0 {
		row.EnvelopeFrom = row.Senders[len(row.Senders)-1].Domain
	}
	d.report.Rows++
	return d.fn(&d.report, *row)
}

// finish checks what a report cannot do without.
func (d *reportReader) finish() error {
	r := &d.report
	if r.Org == "" {
		_, host, _ := strings.Cut(r.Email, "@")
		r.Org = cmp.Or(Canonical(host), r.Email)
		r.note("the receiver does not give its name")
	}
	var oddBegin, oddEnd bool
	r.Begin, oddBegin = reportTime(d.begin)
	r.End, oddEnd = reportTime(d.end)
	if oddBegin || oddEnd {
		r.note("the period is not given in whole seconds since 1970")
	}
	switch {
	case !ValidName(r.Domain):
		return fmt.Errorf("%w: it names no policy domain", ErrNotReport)
	case r.Org == "":
		return fmt.Errorf("%w: nobody knows whose it is", ErrNotReport)
	case r.Begin.IsZero() || r.End.Before(r.Begin):
		return fmt.Errorf("%w: it has no period", ErrNotReport)
	case r.End.Sub(r.Begin) > maxPeriod:
		r.note("the report covers %d hours", int(r.End.Sub(r.Begin).Round(time.Hour).Hours()))
	}
	return nil
}

// reportTime reads seconds since 1970, and what some write instead: fractions,
// and dates. The zero time is what cannot be one.
func reportTime(text string) (t time.Time, odd bool) {
	whole, _, fraction := strings.Cut(text, ".")
	if n, err := strconv.ParseInt(whole, 10, 64); err == nil {
		t, odd = time.Unix(n, 0), fraction
	} else {
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime, time.DateOnly} {
			if p, err := time.Parse(layout, text); err == nil {
				t, odd = p, true
			}
		}
	}
	if t.Year() < 2010 || t.Year() > 2200 {
		return time.Time{}, odd
	}
	return t.UTC(), odd
}
