package finding

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// pages holds one page per code, named after it.
//
//go:embed pages/*.md
var pages embed.FS

// ErrUnknown is returned for a code that no page explains.
var ErrUnknown = errors.New("finding: unknown code")

// Pages returns all codes that there are, in order.
func Pages() []Code {
	names, err := fs.Glob(pages, "pages/*.md")
	if err != nil {
		panic(err) // the pattern is constant
	}
	codes := make([]Code, 0, len(names))
	for _, name := range names {
		name = strings.TrimPrefix(name, "pages/")
		codes = append(codes, Code(strings.TrimSuffix(name, ".md")))
	}
	slices.Sort(codes)
	return codes
}

// Known reports whether there is such a code.
func Known(c Code) bool {
	_, err := Page(c)
	return err == nil
}

// Page returns the page that explains a code, in Markdown: a heading with the
// code and its title, then a few short paragraphs.
func Page(c Code) (string, error) {
	if !wellFormed(c) {
		return "", fmt.Errorf("%w %q", ErrUnknown, string(c))
	}
	text, err := pages.ReadFile("pages/" + string(c) + ".md")
	if err != nil {
		return "", fmt.Errorf("%w %q", ErrUnknown, string(c))
	}
	return string(text), nil
}

// Title returns the title of a code's page, or nothing for an unknown code.
func Title(c Code) string {
	page, err := Page(c)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(page, "\n")
	return strings.TrimSpace(strings.TrimPrefix(line, "# "+string(c)+":"))
}

// wellFormed keeps what a person typed from being looked up as a path.
func wellFormed(c Code) bool {
	digits, ok := strings.CutPrefix(string(c), "MX")
	if !ok || len(digits) != 3 {
		return false
	}
	return !strings.ContainsFunc(digits, func(r rune) bool { return r < '0' || r > '9' })
}

// rank orders severities, what refuses first.
func (s Severity) rank() int { return slices.Index([]Severity{Block, Warn, Note}, s) }

// Sort orders findings as they are shown: by severity, what refuses first,
// then by code, subject and text.
func Sort(fs []Finding) {
	slices.SortStableFunc(fs, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.Severity.rank(), b.Severity.rank()),
			cmp.Compare(a.Code, b.Code),
			cmp.Compare(a.Subject, b.Subject),
			cmp.Compare(a.Text, b.Text),
		)
	})
}

// Count returns how many of the findings have the severity.
func Count(fs []Finding, s Severity) int {
	n := 0
	for _, f := range fs {
		if f.Severity == s {
			n++
		}
	}
	return n
}
