package main

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestWrapped(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text          string
		width, used, indent int
		want                string
	}{
		{"no terminal", "one two three", 0, 0, 2, "one two three"},
		{"short", "one two", 10, 0, 2, "one two"},
		{"to the edge", "one two", 7, 0, 2, "one two"},
		{"over the edge", "one two three", 7, 0, 2, "one two\n  three"},
		{"begun already", "one two", 10, 5, 5, "one\n     two"},
		{"a long word", "a verylongword b", 6, 0, 2, "a\n  verylongword\n  b"},
		{"a long word first", "verylongword b", 6, 0, 2, "verylongword\n  b"},
		{"several blanks", "note     MX030 x: nobody", 16, 0, 9, "note     MX030\n         x:\n         nobody"},
		{"a form of its own", "mxmove.yaml:3\n  a line that is longer than it should be", 10, 0, 2, "mxmove.yaml:3\n  a line that is longer than it should be"},
		{"letters, not octets", "Müller Söhne", 12, 0, 2, "Müller Söhne"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := wrapped(tt.text, tt.width, tt.used, tt.indent); got != tt.want {
				t.Errorf("wrapped(%q) = %q, want %q", tt.text, got, tt.want)
			}
		})
	}
}

func FuzzWrapped(f *testing.F) {
	f.Add("caches may keep the old MX for its TTL", 20, 9)
	f.Fuzz(func(t *testing.T, text string, width, indent int) {
		if width < 40 || width > 300 || indent < 0 || indent > 20 {
			return
		}
		got := wrapped(text, width, 0, indent)
		if strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(text), " ") {
			t.Errorf("wrapped(%q) = %q has other words", text, got)
		}
		for line := range strings.SplitSeq(got, "\n") {
			if utf8.RuneCountInString(line) > width && strings.Contains(strings.TrimSpace(line), " ") && !strings.Contains(text, "\n") {
				t.Errorf("a line of %q is longer than %d and could have been broken", got, width)
			}
		}
	})
}
