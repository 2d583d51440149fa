package config

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of accounts.csv.
const (
	maxAccounts = 64 << 20
	maxCell     = 4096
)

// columns are the names that a header may have.
var columns = []string{"source_user", "target_user", "source_password", "target_password", "address", "aliases", "into"}

// A table reads the text of accounts.csv.
type table struct {
	file, dir, domain string

	csv    *csv.Reader
	header []string
	rows   []Account
	claims map[claim]int // to the line of the row
}

// fail complains about a place; no row is ever shown.
func (t *table) fail(line, column int, text, fix string) error {
	return &Error{File: t.file, Line: line, Column: column, Text: text, Fix: fix}
}

func (t *table) parse(text string) ([]Account, error) {
	switch {
	case len(text) > maxAccounts:
		return nil, t.fail(0, 0, fmt.Sprintf("the file is larger than %d MiB", maxAccounts>>20), "")
	case !utf8.ValidString(text):
		return nil, t.fail(0, 0, "the file is not UTF-8", "save it as UTF-8")
	}
	t.csv = csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff")))
	t.csv.FieldsPerRecord = -1
	t.claims = make(map[claim]int)
	if err := t.head(); err != nil {
		return nil, err
	}
	for {
		cells, err := t.csv.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = t.row(cells)
		} else {
			err = t.syntax(err)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(t.rows) == 0 {
		return nil, t.fail(1, 1, "no account is listed", "add a row for each account; an empty list would be taken for a finished move")
	}
	return t.rows, nil
}

// syntax turns the CSV reader's complaint into ours.
func (t *table) syntax(err error) error {
	e, ok := errors.AsType[*csv.ParseError](err)
	switch {
	case !ok:
		return t.fail(0, 0, "this is not CSV", "")
	case errors.Is(err, csv.ErrBareQuote):
		return t.fail(e.Line, e.Column, "a quotation mark stands inside a cell", `enclose the cell in quotation marks and double those inside: "a""b"`)
	case errors.Is(err, csv.ErrQuote):
		return t.fail(e.Line, e.Column, "a quoted cell does not end where it should", `double the quotation marks inside it: "a""b"`)
	}
	return t.fail(e.Line, e.Column, "this is not CSV", "")
}

// head reads the header. A first line without a single known column is no
// header but a row, and is not repeated in the complaint.
func (t *table) head() error {
	const fix = "begin the file with a line such as source_user,target_user,source_password,target_password"
	cells, err := t.csv.Read()
	if errors.Is(err, io.EOF) {
		return t.fail(1, 1, "the file is empty", fix)
	}
	if err != nil {
		return t.syntax(err)
	}
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	if !slices.ContainsFunc(cells, func(c string) bool { return slices.Contains(columns, c) }) {
		if len(cells) == 1 && strings.HasPrefix(cells[0], "source_user") {
			return t.fail(1, 1, "the columns are not separated by commas", fix)
		}
		return t.fail(1, 1, "the header is missing", fix)
	}
	for i, c := range cells {
		line, column := t.csv.FieldPos(i)
		if !slices.Contains(columns, c) {
			return t.fail(line, column, "unknown column "+quote(c), meant(c, columns))
		}
		if slices.Contains(cells[:i], c) {
			return t.fail(line, column, "doubled column "+quote(c), "remove one of them")
		}
	}
	if !slices.Contains(cells, "source_user") {
		return t.fail(1, 1, `the column "source_user" is missing`, fix)
	}
	t.header = cells
	return nil
}

// row reads one account.
func (t *table) row(cells []string) error {
	line, _ := t.csv.FieldPos(0)
	if len(cells) != len(t.header) {
		return t.fail(line, 1, fmt.Sprintf("the row has %d cells and the header %d", len(cells), len(t.header)), "enclose a cell that holds a comma in quotation marks")
	}
	a := Account{Line: line}
	for i, cell := range cells {
		line, column := t.csv.FieldPos(i)
		if text, fix := t.cell(&a, t.header[i], cell); text != "" {
			return t.fail(line, column, text, fix)
		}
	}
	return t.finish(a)
}

// cell reads one cell and returns what is wrong with it.
func (t *table) cell(a *Account, column, cell string) (text, fix string) {
	if len(cell) > maxCell {
		return fmt.Sprintf("the cell is longer than %d octets", maxCell), ""
	}
	if strings.ContainsFunc(cell, unicode.IsControl) {
		return fmt.Sprintf("the cell under %q has a control character", column), "remove it"
	}
	trimmed := strings.TrimSpace(cell)
	switch column {
	case "source_user":
		a.SourceUser = trimmed
	case "target_user":
		a.TargetUser = trimmed
	case "address":
		a.Address = trimmed
	case "into":
		a.Into = trimmed
	case "aliases":
		a.Aliases = strings.Fields(trimmed)
	case "source_password", "target_password":
		if cell == "" {
			return "", ""
		}
		secret, text := parseCell(cell, t.resolve)
		if text != "" {
			return text, "write env:NAME or file:PATH"
		}
		if column == "source_password" {
			a.SourcePassword = secret
		} else {
			a.TargetPassword = secret
		}
	}
	return "", ""
}

func (t *table) resolve(path string) string {
	r := reader{dir: t.dir}
	return r.resolve(filepath.FromSlash(path))
}

// finish fills in the defaults of a row and adds it.
func (t *table) finish(a Account) error {
	if a.SourceUser == "" {
		return t.fail(a.Line, 1, "the row has no source_user", "")
	}
	if a.TargetUser == "" {
		a.TargetUser = a.SourceUser
	}
	address := a.Address
	if address == "" {
		address = a.TargetUser
	}
	var ok bool
	if a.Address, ok = mailAddress(address, t.domain); !ok {
		return t.fail(a.Line, 1, quote(address)+" is not a mail address", `write one under "address"`)
	}
	for i, alias := range a.Aliases {
		if a.Aliases[i], ok = mailAddress(alias, t.domain); !ok {
			return t.fail(a.Line, 1, quote(alias)+" is not a mail address", `write aliases with blanks between them`)
		}
	}
	return t.add(a)
}

// A claim is what only one row may have.
type claim struct{ column, what, into string }

// add refuses a user that another row has, unless the column into keeps the
// two apart: a mailbox poured into the wrong account cannot be taken back.
func (t *table) add(a Account) error {
	const fix = `remove one of them, or name a parent mailbox for it in the column "into"`
	target := strings.ToLower(a.TargetUser)
	if whole, ok := mailAddress(target, t.domain); ok {
		// At a provider the bare user and the address are one account.
		target = whole
	}
	claims := []claim{{"target_user", target, strings.ToLower(a.Into)}}
	if a.Into == "" {
		claims = append(claims, claim{"source_user", strings.ToLower(a.SourceUser), ""})
	}
	claims = append(claims, claim{"address", strings.ToLower(a.Name()), ""})
	for _, c := range claims {
		first, taken := t.claims[c]
		switch {
		case !taken:
			t.claims[c] = a.Line
		case c.into != "":
			return t.fail(a.Line, 1, fmt.Sprintf("the %s %s is poured into %s twice, in lines %d and %d", c.column, quote(c.what), quote(a.Into), first, a.Line), "name another parent mailbox")
		default:
			return t.fail(a.Line, 1, fmt.Sprintf("the %s %s is listed twice, in lines %d and %d", c.column, quote(c.what), first, a.Line), fix)
		}
	}
	t.rows = append(t.rows, a)
	return nil
}
