package finding_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/migrate/finding"
)

// files are the files of the codes, by the first two digits.
var files = map[string]string{
	"00": "run.go", "01": "zone.go", "02": "mx.go", "03": "address.go", "04": "sender.go",
	"14": "catalogue.go",
	"05": "mailbox.go", "06": "discovery.go", "07": "transport.go", "08": "gate.go",
	"09": "dmarc.go", "10": "zone.go", "11": "login.go", "12": "sender.go", "13": "reputation.go", "16": "copy.go", "15": "report.go", "17": "tenant.go", "18": "harden.go",
}

type constant struct {
	name, file string
	code       finding.Code
	comment    bool
}

// constants returns all constants of the type Code that the package declares.
func constants(t *testing.T) []constant {
	t.Helper()
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var all []constant
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), source, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
				all = append(all, specs(t, source, g)...)
			}
		}
	}
	return all
}

var codePattern = regexp.MustCompile(`^"MX[0-9]+"$`)

func specs(t *testing.T, source string, g *ast.GenDecl) []constant {
	t.Helper()
	var all []constant
	for _, s := range g.Specs {
		v, ok := s.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			continue
		}
		literal, ok := v.Values[0].(*ast.BasicLit)
		if !ok {
			continue
		}
		typ, ok := v.Type.(*ast.Ident)
		if !ok || typ.Name != "Code" {
			if codePattern.MatchString(literal.Value) {
				t.Errorf("%s: %s is a code and lacks the type Code", source, v.Names[0].Name)
			}
			continue
		}
		text, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		commented := v.Comment != nil || v.Doc != nil || g.Doc != nil && !g.Lparen.IsValid()
		all = append(all, constant{v.Names[0].Name, source, finding.Code(text), commented})
	}
	return all
}

func TestEveryCodeHasItsPage(t *testing.T) {
	t.Parallel()
	seen := make(map[finding.Code]string)
	for _, c := range constants(t) {
		if other, doubled := seen[c.code]; doubled {
			t.Errorf("%s is %s and %s", c.code, other, c.name)
		}
		seen[c.code] = c.name
		if !c.comment {
			t.Errorf("%s: %s lacks a comment", c.file, c.name)
		}
		if len(c.code) < 4 || files[string(c.code[2:4])] != c.file {
			t.Errorf("%s: %s has a code of another file: %s", c.file, c.name, c.code)
		}
		if !finding.Known(c.code) {
			t.Errorf("%s (%s) lacks a page", c.code, c.name)
		}
	}
	if len(seen) == 0 {
		t.Fatal("no constants found")
	}
	for _, code := range finding.Pages() {
		if _, ok := seen[code]; !ok {
			t.Errorf("page %s lacks a constant", code)
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	for _, code := range finding.Pages() {
		page, err := finding.Page(code)
		if err != nil {
			t.Errorf("%s: %v", code, err)
			continue
		}
		if finding.Title(code) == "" || !strings.HasPrefix(page, "# "+string(code)+": ") {
			first, _, _ := strings.Cut(page, "\n")
			t.Errorf("%s begins with %q", code, first)
		}
		if n := strings.Count(strings.TrimSpace(page), "\n\n"); n < 2 {
			t.Errorf("%s has %d paragraphs, want at least 2", code, n)
		}
		if !strings.HasSuffix(page, "\n") || strings.Contains(page, "\r") {
			t.Errorf("%s does not end in a newline or holds a carriage return", code)
		}
	}
}

func TestUnknownCodes(t *testing.T) {
	t.Parallel()
	for _, code := range []finding.Code{"", "MX", "MX999", "mx001", "MX01", "MX0001", "MX00a", "MX../", "../finding", "MX/01"} {
		if _, err := finding.Page(code); !errors.Is(err, finding.ErrUnknown) {
			t.Errorf("Page(%q) = %v, want ErrUnknown", code, err)
		}
		if finding.Known(code) || finding.Title(code) != "" {
			t.Errorf("%q is known", code)
		}
	}
}

func TestSort(t *testing.T) {
	t.Parallel()
	want := []finding.Finding{
		{Severity: finding.Block, Code: "MX041", Subject: "a"},
		{Severity: finding.Block, Code: "MX041", Subject: "b", Text: "x"},
		{Severity: finding.Block, Code: "MX041", Subject: "b", Text: "y"},
		{Severity: finding.Warn, Code: "MX001"},
		{Severity: finding.Note, Code: "MX000"},
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	finding.Sort(got)
	for i := range want {
		if got[i].Code != want[i].Code || got[i].Subject != want[i].Subject || got[i].Text != want[i].Text {
			t.Errorf("Sort: %d is %+v, want %+v", i, got[i], want[i])
		}
	}
	if n := finding.Count(want, finding.Block); n != 3 {
		t.Errorf("Count(block) = %d, want 3", n)
	}
}
