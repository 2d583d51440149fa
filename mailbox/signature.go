package mailbox

import (
	"slices"
	"strings"
)

// maxSignatures bounds the signatures of one message that are read.
const maxSignatures = 16

// signatures reads the selectors of one of the domains from the DKIM-Signature
// fields of a message, each once.
func signatures(fields []byte, domains []string) []Selector {
	var found []Selector
	for i, field := range unfolded(string(fields)) {
		if i == maxSignatures {
			break
		}
		name, value, _ := strings.Cut(field, ":")
		if !strings.EqualFold(strings.TrimSpace(name), "DKIM-Signature") {
			continue
		}
		s := selectorOf(value)
		if slices.Contains(domains, s.Domain) && hostname(s.Name) && len(s.Owner()) <= 254 && !slices.Contains(found, s) {
			found = append(found, s)
		}
	}
	return found
}

// unfolded splits header fields, and joins the lines of each (RFC 5322,
// section 2.2.3).
func unfolded(text string) []string {
	var fields []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if n := len(fields); n > 0 && line != "" && (line[0] == ' ' || line[0] == '\t') {
			fields[n-1] += line
			continue
		}
		fields = append(fields, line)
	}
	return fields
}

// selectorOf reads the tags s= and d= of a signature (RFC 6376, section 3.5).
// A tag may stand there once only.
func selectorOf(value string) Selector {
	tags := make(map[string]string)
	for tag := range strings.SplitSeq(value, ";") {
		name, text, _ := strings.Cut(tag, "=")
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if _, double := tags[name]; double {
			return Selector{}
		}
		tags[name] = strings.ToLower(strings.TrimSpace(text))
	}
	return Selector{Name: tags["s"], Domain: strings.TrimSuffix(tags["d"], ".")}
}

// hostname reports whether a selector consists of labels that a name server
// has for a key. The underscore is not allowed, and seen.
func hostname(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		odd := strings.ContainsFunc(label, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
		})
		if odd || label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
	}
	return true
}
