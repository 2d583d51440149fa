package main

import (
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// columns is how wide a terminal is now; 0 where there is none, and nothing is
// to be broken there.
func columns(f *os.File) int {
	if f == nil {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width < 40 {
		return 0
	}
	return width
}

// wrapped breaks prose at its blanks where it would run over the edge of a
// terminal, which tears words apart. The first line begins after used columns,
// the others are indented. Text of several lines has its own form and is left
// alone. Records to be copied must not come this way.
func wrapped(text string, width, used, indent int) string {
	if width == 0 || strings.Contains(text, "\n") || used+utf8.RuneCountInString(text) <= width {
		return text
	}
	var b strings.Builder
	at, first := used, true
	for i, word := range strings.SplitAfter(text, " ") {
		n := utf8.RuneCountInString(strings.TrimSuffix(word, " "))
		if i > 0 && at+n > width && (at > indent || first) {
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at, first = indent, false
		}
		b.WriteString(word)
		at += utf8.RuneCountInString(word)
	}
	lines := strings.Split(b.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}
