package dmarc

import (
	"slices"
	"strconv"
	"strings"
)

// maxURIs bounds the places that reports are sent to; RFC 9989 obliges
// receivers to serve two.
const maxURIs = 32

// policy reads a policy word; case does not matter.
func policy(value string) Policy {
	switch p := Policy(strings.ToLower(value)); p {
	case NoAction, Quarantine, Reject:
		return p
	}
	return Unset
}

func (r *Record) policy(t Tag) Policy {
	p := policy(t.Value)
	if p == Unset {
		r.problem("%s=%s is no policy; none, quarantine and reject are", clip(t.Name), clip(t.Value))
	}
	return p
}

func (r *Record) mode(t Tag) Mode {
	return Mode(r.word(t, string(Relaxed), string(Strict)))
}

// word returns the value if it is one of the allowed ones, in lower case.
func (r *Record) word(t Tag, allowed ...string) string {
	w := strings.ToLower(t.Value)
	if slices.Contains(allowed, w) {
		return w
	}
	r.problem("%s=%s is not one of %s", clip(t.Name), clip(t.Value), strings.Join(allowed, ", "))
	return ""
}

// options reads the colon-separated list of fo.
func (r *Record) options(t Tag) []string {
	var list []string
	for o := range strings.SplitSeq(strings.ToLower(t.Value), ":") {
		o = trim(o)
		if !slices.Contains([]string{"0", "1", "d", "s"}, o) {
			r.problem("fo=%s is not one of 0, 1, d, s", clip(o))
			continue
		}
		list = append(list, o)
	}
	return list
}

// uris reads the comma-separated list of rua or ruf. What is no URI stays in
// the list: it is the owner's, and only named.
func (r *Record) uris(t Tag) []string {
	var list []string
	for u := range strings.SplitSeq(t.Value, ",") {
		if u = trim(u); u == "" {
			continue
		}
		if len(list) == maxURIs {
			r.problem("%s has more than %d addresses; the rest is not read", t.Name, maxURIs)
			break
		}
		if !validURI(u) {
			r.problem("%s address %s is no mailto: URI", t.Name, clip(u))
		}
		list = append(list, u)
	}
	return list
}

// validURI reports whether reports can be sent there. Only mailto is defined;
// "!10m" at the end is the size limit of RFC 7489, since removed.
func validURI(u string) bool {
	if len(u) < len("mailto:") || !strings.EqualFold(u[:len("mailto:")], "mailto:") {
		return false
	}
	address, _, _ := strings.Cut(u[len("mailto:"):], "!")
	local, domain, ok := strings.Cut(address, "@")
	return ok && local != "" && domain != "" && !strings.ContainsAny(address, " \t<>\"")
}

// trim takes blanks off, and nothing else: a record holds no other white
// space.
func trim(s string) string { return strings.Trim(s, " \t") }

// clip makes text from outside fit for a sentence: short, and with anything
// that is not printable ASCII escaped.
func clip(s string) string {
	const most = 64
	if len(s) > most {
		s = s[:most] + "..."
	}
	q := strconv.QuoteToASCII(s)
	return q[1 : len(q)-1]
}
