package config

import (
	"fmt"
	"strings"
	"unicode"
)

// maxSource bounds the part of a line that is shown.
const maxSource = 100

// An Error is a complaint about a file that a person wrote: a sentence with
// the place and the remedy. Line and Column count from 1, columns in
// characters; without them the complaint is about the file as a whole.
type Error struct {
	File         string
	Line, Column int
	Text         string // what is wrong
	Fix          string // what to do about it, or empty
	Source       string // the line itself, fit for a terminal and without secrets, or empty
	Err          error  // the cause, or nil
}

// Error returns the sentence and, on lines of their own, the source line with
// a caret under the place.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	fmt.Fprintf(&b, ": %s", e.Text)
	if e.Fix != "" {
		fmt.Fprintf(&b, "; %s", e.Fix)
	}
	if e.Source != "" {
		source, column := window(e.Source, e.Column)
		fmt.Fprintf(&b, "\n  %s\n  %s^", source, strings.Repeat(" ", column-1))
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// window cuts a long line to the part around the column.
func window(line string, column int) (string, int) {
	rs := []rune(line)
	column = min(max(column, 1), len(rs)+1)
	from := 0
	if column > maxSource*3/4 {
		from = column - maxSource/2
	}
	to := min(len(rs), from+maxSource)
	return string(rs[from:to]), column - from
}

// printable makes outside text fit for a terminal: one rune for one rune, so
// that a caret under it still points to its place.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, s)
}

// quote prints outside text in quotes, bounded.
func quote(s string) string {
	const most = 60
	if rs := []rune(s); len(rs) > most {
		s = string(rs[:most]) + "..."
	}
	return fmt.Sprintf("%q", s)
}
