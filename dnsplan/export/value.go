package export

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

// quote returns text as a string of JavaScript and of YAML. It may hold
// printable ASCII only, so that Go's escapes, \" and \\, are theirs too.
func quote(text string) string { return strconv.Quote(text) }

// printable reports whether text is printable ASCII.
func printable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

// plain reports whether a name has nothing that would need an escape in one of
// the languages: letters, digits, hyphens, underscores, and * as a label.
func plain(name string) bool {
	if name == "." {
		return true
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		if label == "" || label != "*" && strings.ContainsFunc(label, notHost) {
			return false
		}
	}
	return true
}

func notHost(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_')
}

// relative returns a name as it is written inside its zone, and apex for the
// zone's own.
func relative(name, origin, apex string) string {
	if name == origin {
		return apex
	}
	return strings.TrimSuffix(name, "."+origin)
}

// text returns the joined text of a TXT record.
func text(data string) (string, error) {
	t, err := zone.JoinTXT(data)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrInexpressible, err)
	}
	return t, nil
}

// inexpressible is the refusal of one RRset.
func inexpressible(f Format, s zone.RRset, why string) error {
	return fmt.Errorf("%w: %s of %s: %s", ErrInexpressible, f, s.Key(), why)
}
