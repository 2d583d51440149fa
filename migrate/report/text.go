package report

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// visible writes out what would steer how text is shown: control characters,
// the marks that turn its direction round, and others that cannot be seen.
// The two joiners are left alone, since scripts are written with them.
func visible(text string) string {
	if !strings.ContainsFunc(text, steers) {
		return strings.ToValidUTF8(text, "\uFFFD")
	}
	var b strings.Builder
	for _, r := range text {
		if steers(r) {
			fmt.Fprintf(&b, "[U+%04X]", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func steers(r rune) bool {
	switch r {
	case '\n', '\t', '\u200c', '\u200d':
		return false
	case '\u2028', '\u2029', '\u00ad':
		return true
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

// when prints a time; the zero time is one that is not known.
func when(v any) string {
	switch t := v.(type) {
	case *time.Time:
		if t != nil {
			return when(*t)
		}
	case time.Time:
		if !t.IsZero() {
			return t.UTC().Format("2006-01-02 15:04:05 UTC")
		}
	}
	return "unknown"
}

// span prints a length of time in its two largest units.
func span(d time.Duration) string {
	if d < 0 {
		return "unknown"
	}
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	units := []struct {
		length time.Duration
		word   string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}}
	var parts []string
	for _, u := range units {
		if n := d / u.length; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, u.word))
			d %= u.length
		}
		if len(parts) == 2 {
			break
		}
	}
	return strings.Join(parts, " ")
}

// size prints octets as people read them.
func size(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v := float64(n) / 1024
	for _, unit := range []string{"KiB", "MiB", "GiB"} {
		if v < 1024 {
			return fmt.Sprintf("%.1f %s", v, unit)
		}
		v /= 1024
	}
	return fmt.Sprintf("%.1f TiB", v)
}
