package config

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/goccy/go-yaml/ast"
)

// text reads a line of text.
func (r *reader) text(dst *string) field {
	return func(v value) { *dst, _ = r.line1(v) }
}

// line1 returns a value that is text, not empty, without control characters.
func (r *reader) line1(v value) (string, bool) {
	s, ok := scalar(v)
	switch {
	case !ok || v.kind() != "text":
		r.wants(v, "text")
	case strings.TrimSpace(s) == "":
		r.fail(v.begin(), fmt.Sprintf("%q is empty", v.key), "")
	case strings.ContainsFunc(s, unicode.IsControl):
		r.fail(v.begin(), fmt.Sprintf("%q has a control character", v.key), "")
	default:
		return s, true
	}
	return "", false
}

// path reads a path; a relative one is relative to the file.
func (r *reader) path(dst *string) field {
	return func(v value) {
		if s, ok := r.line1(v); ok {
			*dst = r.resolve(s)
		}
	}
}

func (r *reader) resolve(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(r.dir, path)
}

// texts reads a list of text, or a single one.
func (r *reader) texts(dst *[]string) field {
	return func(v value) {
		n, ok := v.node.(*ast.SequenceNode)
		if !ok {
			if s, ok := r.line1(v); ok {
				*dst = []string{s}
			}
			return
		}
		for _, item := range n.Values {
			if s, ok := r.line1(value{key: v.key, at: v.at, node: item}); ok {
				*dst = append(*dst, s)
			}
		}
	}
}

// paths reads a list of paths or patterns.
func (r *reader) paths(dst *[]string) field {
	return func(v value) {
		r.texts(dst)(v)
		for i, p := range *dst {
			(*dst)[i] = r.resolve(p)
		}
	}
}

// flag reads true or false.
func (r *reader) flag(dst *bool) field {
	return func(v value) {
		n, ok := v.node.(*ast.BoolNode)
		if !ok {
			r.wants(v, "true or false")
			return
		}
		*dst = n.Value
	}
}

// number reads a whole number within bounds.
func (r *reader) number(dst *int, from, to int) field {
	return func(v value) {
		s, ok := scalar(v)
		if _, whole := v.node.(*ast.IntegerNode); !ok || !whole {
			r.wants(v, "a whole number")
			return
		}
		n, err := strconv.Atoi(s)
		if err != nil || n < from || n > to {
			r.fail(v.begin(), fmt.Sprintf("%q is %s", v.key, printable(firstLine(s))), fmt.Sprintf("write a number from %d to %d", from, to))
			return
		}
		*dst = n
	}
}

// word reads one of a few words.
func (r *reader) word(dst *string, words ...string) field {
	return func(v value) {
		s, ok := r.line1(v)
		if !ok {
			return
		}
		if !slices.Contains(words, s) {
			r.fail(v.begin(), fmt.Sprintf("%q cannot be %s", v.key, quote(s)), "write one of "+strings.Join(words, ", "))
			return
		}
		*dst = s
	}
}

// duration reads a time such as 14d, 36h or 1h30m.
func (r *reader) duration(dst *time.Duration) field {
	return func(v value) {
		s, ok := scalar(v)
		if !ok {
			r.wants(v, "text such as 14d or 36h")
			return
		}
		d, ok := parseDuration(s)
		if !ok || d < time.Second {
			r.fail(v.begin(), fmt.Sprintf("%q cannot be %s", v.key, quote(s)), "write a time such as 90s, 5m, 36h or 14d")
			return
		}
		*dst = d
	}
}

// maxDuration is longer than anything here makes sense.
const maxDuration = 10 * 365 * 24 * time.Hour

func parseDuration(s string) (time.Duration, bool) {
	type unit struct {
		letter byte
		length time.Duration
	}
	units := []unit{{'d', 24 * time.Hour}, {'h', time.Hour}, {'m', time.Minute}, {'s', time.Second}}
	var total time.Duration
	for s != "" {
		digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
		n, err := strconv.ParseInt(s[:digits], 10, 32)
		if err != nil || digits == len(s) {
			return 0, false
		}
		// A unit is followed by smaller ones only, as in 1d12h.
		i := slices.IndexFunc(units, func(u unit) bool { return u.letter == s[digits] })
		if i < 0 || time.Duration(n) > maxDuration/units[i].length {
			return 0, false
		}
		total += time.Duration(n) * units[i].length
		units, s = units[i+1:], s[digits+1:]
	}
	return total, total <= maxDuration
}

// size reads a number of octets such as 64MiB.
func (r *reader) size(dst *int64) field {
	return func(v value) {
		s, ok := scalar(v)
		if !ok {
			r.wants(v, "text such as 64MiB")
			return
		}
		n, ok := parseSize(s)
		if !ok || n < 1<<20 {
			r.fail(v.begin(), fmt.Sprintf("%q cannot be %s", v.key, quote(s)), "write a size such as 64MiB or 1GiB, at least 1MiB")
			return
		}
		*dst = n
	}
}

func parseSize(s string) (int64, bool) {
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	n, err := strconv.ParseInt(s[:digits], 10, 64)
	shift, known := map[string]int{"": 0, "KiB": 10, "MiB": 20, "GiB": 30}[strings.TrimSpace(s[digits:])]
	if err != nil || !known || n > math.MaxInt64>>shift {
		return 0, false
	}
	return n << shift, true
}
