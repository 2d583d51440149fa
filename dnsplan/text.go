package dnsplan

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
)

// TextOptions say how a plan is printed; the zero value is the short form.
type TextOptions struct {
	Why       bool                // print the reason of each change under it
	NotBefore map[Stage]time.Time // when a wait has run out, where that is known
}

// Text prints a plan for people: ASCII, no colour, the same for the same plan.
// Whatever comes from a zone is escaped.
func Text(w io.Writer, p Plan, o TextOptions) error {
	b := bufio.NewWriter(w)
	t := printer{b}
	for _, s := range Stages {
		t.stage(p, s, o)
	}
	if len(p.Changes) == 0 {
		t.line("nothing to change in DNS")
	}
	for _, f := range p.Findings {
		t.finding(f, o.Why)
	}
	if s := p.Summary(); len(p.Changes) > 0 {
		t.line("%d to create, %d to update, %d to delete", s.Create, s.Update, s.Delete)
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("print plan: %w", err)
	}
	return nil
}

// A printer leaves errors to the Flush of its writer, which keeps the first.
type printer struct{ w *bufio.Writer }

func (t printer) line(format string, args ...any) {
	_, _ = fmt.Fprintf(t.w, format+"\n", args...)
}

// indent is the width of the column with the stage.
const indent = "         "

func (t printer) stage(p Plan, s Stage, o TextOptions) {
	changes := p.Stage(s)
	if len(changes) == 0 {
		return
	}
	head := fmt.Sprintf("%-*s", len(indent), s)
	put := func(format string, args ...any) {
		t.line("%s%s", head, fmt.Sprintf(format, args...))
		head = indent
	}
	if w := p.Wait(s); w.Because != "" {
		put("%s: %s", due(w, o.NotBefore[s]), ascii(lower(w.Because)))
	}
	rs := rows(changes, !o.Why)
	name, typ := 0, 0
	for _, r := range rs {
		name, typ = max(name, len(r.name)), max(typ, len(r.typ))
	}
	for _, r := range rs {
		for _, l := range r.lines {
			put("%c %-*s %-*s  %s", l.sign, name, r.name, typ, r.typ, l.text)
		}
		if o.Why && r.why != "" {
			put("  %s", ascii(r.why))
		}
	}
}

// A row is a change as it is printed, or several of them.
type row struct {
	name, typ, why string
	lines          []printed
}

// manyAliases is how many new CNAMEs of one kind are printed in one line:
// providers sign with three or four keys at once, and a plan fits a screen.
const manyAliases = 3

// rows returns changes as rows. Grouped, new CNAMEs beside each other below
// one name are one row, {a,b,c}.example.org, with their targets in that order.
func rows(changes []Change, grouped bool) []row {
	var rs []row
	for len(changes) > 0 {
		n := 1
		if grouped {
			n = aliases(changes)
		}
		rs = append(rs, rowOf(changes[:n]))
		changes = changes[n:]
	}
	return rs
}

// aliases returns how many changes from the first on make one row.
func aliases(changes []Change) int {
	n := 0
	for _, c := range changes {
		s, first := c.RRset(), changes[0].RRset()
		if c.Action != Create || s.Type != dns.TypeCNAME || parent(s.Name) != parent(first.Name) {
			break
		}
		n++
	}
	if n < manyAliases {
		return 1
	}
	return n
}

func rowOf(changes []Change) row {
	first := changes[0].RRset()
	if len(changes) == 1 {
		return row{first.Name, first.TypeName(), changes[0].Why, lines(changes[0])}
	}
	var labels, targets []string
	for _, c := range changes {
		label, _, _ := strings.Cut(c.RRset().Name, ".")
		labels, targets = append(labels, label), append(targets, data(c.After))
	}
	return row{
		name: "{" + strings.Join(labels, ",") + "}." + parent(first.Name), typ: first.TypeName(),
		lines: []printed{{'+', strings.Join(targets, ", ")}},
	}
}

// due says when a stage may come: after a length of time, and not before a
// moment, as far as that is known.
func due(w Wait, notBefore time.Time) string {
	when := "wait " + span(w.Length)
	if notBefore.IsZero() {
		notBefore = w.Until
	}
	if notBefore.IsZero() {
		return when
	}
	at := "not before " + notBefore.UTC().Format("2006-01-02 15:04:05 UTC")
	if w.Length == 0 {
		return at
	}
	return when + ", " + at
}

// lower makes the first letter of a sentence small, and takes its dot.
func lower(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + strings.TrimSuffix(s[1:], ".")
}

// A printed is one line about a change.
type printed struct {
	sign byte
	text string
}

// lines returns a change as lines: a TXT set record by record, since its
// records have nothing to do with each other, every other set as a whole.
func lines(c Change) []printed {
	var ls []printed
	ttl := ""
	if c.Before != nil && c.After != nil && c.Before.TTL != c.After.TTL {
		ttl = fmt.Sprintf("ttl %d -> %d", c.Before.TTL, c.After.TTL)
	}
	switch {
	case zone.Equal(c.Before, c.After):
		return []printed{{'~', ttl}}
	case c.RRset().Type == dns.TypeTXT:
		ls = textLines(c)
	case c.Before == nil:
		ls = []printed{{'+', data(c.After)}}
	case c.After == nil:
		ls = []printed{{'-', data(c.Before)}}
	default:
		ls = []printed{{'~', data(c.Before) + "  ->  " + data(c.After)}}
	}
	if ttl != "" {
		ls = append(ls, printed{'~', ttl})
	}
	return ls
}

// textLines pairs records that are replaced: SPF with SPF.
func textLines(c Change) []printed {
	gone, come := without(c.Before, c.After), without(c.After, c.Before)
	var ls []printed
	replaced := slices.ContainsFunc(gone, isSPF) && slices.ContainsFunc(come, isSPF)
	for _, t := range gone {
		if !replaced || !isSPF(t) {
			ls = append(ls, printed{'-', short(t)})
		}
	}
	for _, t := range come {
		if replaced && isSPF(t) {
			ls = append(ls, printed{'~', short(t)})
		} else {
			ls = append(ls, printed{'+', short(t)})
		}
	}
	return ls
}

func isSPF(text string) bool { return len(text) >= 6 && strings.EqualFold(text[:6], "v=spf1") }

// without returns the texts of a that b does not have.
func without(a, b *zone.RRset) []string {
	have := zone.Texts(b)
	return slices.DeleteFunc(zone.Texts(a), func(t string) bool { return slices.Contains(have, t) })
}

func data(s *zone.RRset) string {
	var ds []string
	for _, d := range s.Data {
		ds = append(ds, short(d))
	}
	slices.SortFunc(ds, numerically)
	return strings.Join(ds, ", ")
}

// numerically sorts MX data by preference.
func numerically(a, b string) int {
	var m, n int
	_, errA := fmt.Sscanf(a, "%d ", &m)
	_, errB := fmt.Sscanf(b, "%d ", &n)
	if errA == nil && errB == nil && m != n {
		return m - n
	}
	return strings.Compare(a, b)
}

// maxText is the length of a text that is still printed whole; keys are not.
const maxText = 200

// short returns text fit for a line.
func short(text string) string {
	e := ascii(text)
	if len(e) <= maxText {
		return e
	}
	return fmt.Sprintf("%s...%s (%d octets)", e[:40], e[len(e)-12:], len(text))
}

// ascii escapes what is not printable; quotes are left as they are.
func ascii(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' {
			_, _ = fmt.Fprintf(&b, "\\%03d", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// finding prints a finding with its evidence and remedy; a note is one line,
// unless the long form is asked for.
func (t printer) finding(f finding.Finding, all bool) {
	t.line("%-8s %s %s: %s", f.Severity, f.Code, ascii(f.Subject), ascii(f.Text))
	if f.Severity == finding.Note && !all {
		return
	}
	for _, e := range f.Evidence {
		t.line("%s  %s", indent, short(e))
	}
	if f.Stage != "" && f.Severity == finding.Block {
		t.line("%s  refused from %s on; what comes before may be published", indent, ascii(f.Stage))
	}
	if f.Fix != "" {
		t.line("%s  fix: %s", indent, ascii(f.Fix))
	}
}
