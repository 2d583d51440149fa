package dmarc

import (
	"strings"

	"golang.org/x/net/idna"
)

// Canonical returns a domain in the form that is compared and asked for:
// lower case, without the final dot, and internationalized labels as the DNS
// holds them. A name that cannot be converted only loses case and dot;
// [ValidName] tells.
func Canonical(name string) string {
	name = strings.TrimSuffix(name, ".")
	if len(name) > 1024 {
		return strings.ToLower(name[:1024])
	}
	if ascii(name) {
		return strings.ToLower(name)
	}
	if a, err := idna.Lookup.ToASCII(name); err == nil {
		return strings.TrimSuffix(a, ".")
	}
	return strings.ToLower(name)
}

// ValidName reports whether a canonical name can be asked for: labels of
// letters, digits, hyphens and underscores, none empty, none too long.
func ValidName(name string) bool {
	if name == "" || len(name) > 253-len("_dmarc.") {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
