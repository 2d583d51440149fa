package dmarc

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
)

// beforeRoot is how many octets may come before the root element.
const beforeRoot = 1 << 20

// namespace9990 is the namespace of RFC 9990.
const namespace9990 = "urn:ietf:params:xml:ns:dmarc-2.0"

// ReadReport reads one XML document and calls fn for every row as it comes,
// with what was read of the report so far; receivers write the policy first.
// What they write carelessly is read all the same, with a note; what is no
// report, ends early, declares a document type or passes a limit is an
// error, and the rows given so far are then not to be used. A row without a
// usable address is left out with a note. An error of fn ends the reading.
func ReadReport(r io.Reader, l Limits, fn func(*Report, Row) error) (Report, error) {
	l = l.filled()
	left := l.Out
	d := &reportReader{fn: fn, limits: l}
	d.s = newScanner(limited{r, &left}, func(note string) { d.report.note("%s", note) })
	for !d.ended {
		t, err := d.s.next()
		switch {
		case err == nil && d.began || err == nil && l.Out-left <= beforeRoot:
			err = d.take(t)
		case err == nil, errors.Is(err, io.EOF) && !d.began:
			err = fmt.Errorf("%w: no feedback element", ErrNotReport)
		case errors.Is(err, io.EOF):
			err = fmt.Errorf("report: %w", io.ErrUnexpectedEOF)
		default:
			err = fmt.Errorf("report: %w", err)
		}
		if err != nil {
			return d.report, err
		}
	}
	return d.report, d.finish()
}

// A reportReader follows the elements of a report. Elements that are not in
// its vocabulary are passed over wherever they stand, closed or not.
type reportReader struct {
	s      *scanner
	fn     func(*Report, Row) error
	limits Limits

	report       Report
	began, ended bool
	published    int      // policies that were told
	open         []string // containers, the innermost last
	leaf         string   // the element whose text is collected

	begin, end         string // as written
	row                Row
	source, count      string // as written
	auth               Identifier
	scope              string
	reason, whyComment string
}

// parents names the containers, each with the one that it stands in.
var parents = map[string]string{
	"feedback": "", "report_metadata": "feedback", "date_range": "report_metadata",
	"policy_published": "feedback", "record": "feedback", "row": "record",
	"policy_evaluated": "row", "reason": "policy_evaluated", "identifiers": "record",
	"auth_results": "record", "dkim": "auth_results", "spf": "auth_results",
	"extension": "",
}

// leaves names the elements with a value, by their container.
var leaves = map[string][]string{
	"report_metadata":  {"org_name", "email", "report_id", "generator"},
	"date_range":       {"begin", "end"},
	"policy_published": {"domain", "adkim", "aspf", "p", "sp", "np", "testing", "discovery_method"},
	"row":              {"source_ip", "count"},
	"policy_evaluated": {"disposition", "dkim", "spf"},
	"reason":           {"type", "comment"},
	"identifiers":      {"header_from", "envelope_from"},
	"dkim":             {"domain", "selector", "result"},
	"spf":              {"domain", "scope", "result"},
}

var vocabulary = words()

// words maps every name that means something to itself, so that reading a
// name makes no string.
func words() map[string]string {
	all := make(map[string]string)
	for name := range parents {
		all[name] = name
	}
	for _, names := range leaves {
		for _, name := range names {
			all[name] = name
		}
	}
	return all
}

func (d *reportReader) inside() string {
	if len(d.open) == 0 {
		return ""
	}
	return d.open[len(d.open)-1]
}

// take follows one tag.
func (d *reportReader) take(t tag) error {
	switch {
	case t.end:
		return d.close(t.name)
	case d.inside() == "extension" && t.name != "record":
		return nil // others' elements may have our names
	case slices.Contains(leaves[d.inside()], t.name):
		d.value()
		d.leaf = t.name
		d.s.begin()
		if t.empty {
			d.value()
		}
		return nil
	}
	parent, container := parents[t.name]
	if t.name == "extension" {
		parent = d.inside() // it may stand anywhere
	}
	if !container || t.name == "feedback" && d.began || parent != "" && !slices.Contains(d.open, parent) {
		return nil
	}
	for d.inside() != parent {
		if err := d.pop(); err != nil {
			return err
		}
	}
	if err := d.enter(t); err != nil || !t.empty {
		return err
	}
	return d.pop()
}

// enter begins a container.
func (d *reportReader) enter(t tag) error {
	d.value()
	d.open = append(d.open, t.name)
	switch t.name {
	case "feedback":
		d.began = true
		d.report.RFC9990 = bytes.Contains(t.attributes, []byte(namespace9990))
	case "policy_published":
		if d.published++; d.published > 1 {
			d.report.note("the published policy is told more than once")
		}
	case "record":
		if d.report.Rows >= d.limits.Rows {
			return fmt.Errorf("%w: more than %d rows", ErrTooLarge, d.limits.Rows)
		}
		d.row, d.source, d.count = Row{}, "", ""
	case "reason":
		d.reason, d.whyComment = "", ""
	case "dkim":
		d.auth = Identifier{Method: DKIM}
	case "spf":
		d.auth, d.scope = Identifier{Method: SPF}, ""
	}
	return nil
}

// close ends an element, and those inside it that were never closed.
func (d *reportReader) close(name string) error {
	if name == d.leaf {
		d.value()
		return nil
	}
	if !slices.Contains(d.open, name) || d.inside() == "extension" && parents[name] != "" {
		return nil
	}
	for slices.Contains(d.open, name) {
		if d.inside() != name {
			d.report.note("elements that are not closed")
		}
		if err := d.pop(); err != nil {
			return err
		}
	}
	return nil
}

// pop ends the innermost container.
func (d *reportReader) pop() error {
	d.value()
	name := d.inside()
	d.open = d.open[:len(d.open)-1]
	switch name {
	case "feedback":
		d.ended = true
	case "date_range":
		// A caller wants to know which report it is before the rows come.
		d.report.Begin, _ = reportTime(d.begin)
		d.report.End, _ = reportTime(d.end)
	case "record":
		return d.give()
	case "reason":
		if text := clip(cmp.Or(d.reason, d.whyComment)); text != "" && len(d.row.Overrides) < maxAuth {
			d.row.Overrides = append(d.row.Overrides, text)
		}
	case "dkim":
		if len(d.row.Signatures) < maxAuth {
			d.row.Signatures = append(d.row.Signatures, d.auth)
		}
	case "spf":
		// An identity of HELO counts for bounces alone; reports say which.
		if d.scope != "helo" && len(d.row.Senders) < maxAuth {
			d.row.Senders = append(d.row.Senders, d.auth)
		}
	}
	return nil
}
