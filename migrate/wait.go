package migrate

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mxmove/mxmove/dnsplan"
)

// maxSkew is how far the clock may lie behind the newest stored time before
// gates and waits refuse to trust it.
const maxSkew = 5 * time.Minute

// clause turns a sentence into the part of another one.
func clause(sentence string) string {
	if sentence == "" {
		return ""
	}
	r, n := utf8.DecodeRuneInString(sentence)
	return string(unicode.ToLower(r)) + strings.TrimSuffix(sentence[n:], ".")
}

// previous returns the stage whose visibility starts the wait for s.
func previous(s dnsplan.Stage) dnsplan.Stage {
	for i, stage := range dnsplan.Stages {
		if stage == s && i > 0 {
			return dnsplan.Stages[i-1]
		}
	}
	return ""
}

// span prints a duration as people say it, rounded up so that nobody comes
// back too early.
func span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d d %d h", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	default:
		return fmt.Sprintf("%d s", (d+time.Second-1)/time.Second)
	}
}
