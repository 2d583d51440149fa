// Package dmarc is what RFC 9989 says about one message and one domain: the
// policy record, where it is found, the organizational domain, and whether an
// authenticated domain may speak for the domain in the From header.
//
// Receivers that follow RFC 7489 find the organizational domain in the public
// suffix list, those that follow RFC 9989 by a walk up the DNS. Both are here,
// because a domain has to be aligned for both. The package never asks the DNS
// itself; it is handed a [Lookup].
package dmarc

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Version is how every DMARC policy record begins.
const Version = "v=DMARC1"

// ErrNotRecord is returned by Parse for text that is no DMARC record at all:
// receivers discard it as if it were not there.
var ErrNotRecord = errors.New("dmarc: text is not a DMARC record")

// Bounds on a record from outside. Longer text is no record: a policy that
// nobody's resolver would carry whole is not worth reading in parts.
const (
	maxRecord = 8192
	maxTags   = 64
)

// A Policy is what the owner of a domain asks of receivers.
type Policy string

// The policies. Unset means that the tag is absent or its value unknown.
const (
	Unset      Policy = ""
	NoAction   Policy = "none"
	Quarantine Policy = "quarantine"
	Reject     Policy = "reject"
)

// A Mode is how closely two domains must match.
type Mode string

// The modes. The zero value means relaxed, as it does in a record.
const (
	Relaxed Mode = "r" // same organizational domain
	Strict  Mode = "s" // identical
)

// A Tag is one name and value of a record as its owner wrote them.
type Tag struct{ Name, Value string }

// A Record is a policy record. Tags keeps everything its owner wrote, in
// order; the other fields are what RFC 9989 makes of it. Change a record with
// [Record.Set], so that the two agree. The zero value is a record without
// tags.
type Record struct {
	Tags []Tag // without the version; unknown and removed ones included

	Policy      Policy   // p
	Subdomain   Policy   // sp: sub-domains; Unset means Policy
	Nonexistent Policy   // np: names that do not exist; Unset means Subdomain
	DKIM        Mode     // adkim
	SPF         Mode     // aspf
	Aggregate   []string // rua, URIs as written
	Failure     []string // ruf, URIs as written
	Options     []string // fo, lower case
	PSD         string   // "y" a public suffix, "n" an organizational domain, "u" or "" not said
	Test        bool     // t=y: receivers are asked to apply one level lower

	// Removed holds the tags that RFC 9989 took out (pct, rf, ri). Receivers
	// that follow RFC 7489 still read them, so they are kept, never invented.
	Removed []Tag

	// Problems says, one sentence each, what a receiver would stumble over.
	Problems []string
}

// Is reports whether text is a DMARC policy record: exactly "v=DMARC1" at its
// beginning, in this case, as RFC 9989, section 4.8, asks. Blanks may stand
// around the equals sign.
func Is(text string) bool {
	first, _, _ := strings.Cut(text, ";")
	if !strings.HasPrefix(first, "v") || len(text) > maxRecord {
		return false
	}
	name, value, ok := strings.Cut(first, "=")
	return ok && trim(name) == "v" && trim(value) == "DMARC1"
}

// Parse reads a record. It is as tolerant as receivers are: a tag that makes
// no sense is kept and named in Problems, and counts as absent. The error is
// ErrNotRecord or nil.
func Parse(text string) (Record, error) {
	if !Is(text) {
		return Record{}, ErrNotRecord
	}
	var r Record
	_, rest, _ := strings.Cut(text, ";")
	for part := range strings.SplitSeq(rest, ";") {
		if trim(part) == "" {
			continue
		}
		if len(r.Tags) == maxTags {
			r.problem("more than %d tags; the rest is not read", maxTags)
			break
		}
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			r.problem("%q is no tag", clip(trim(part)))
			continue
		}
		r.Tags = append(r.Tags, Tag{trim(name), trim(value)})
	}
	r.read()
	return r, nil
}

// String prints the record in the form of RFC 9989: its tags in their order,
// separated by a semicolon and a blank.
func (r Record) String() string {
	var b strings.Builder
	b.WriteString(Version)
	for _, t := range r.Tags {
		b.WriteString("; " + t.Name + "=" + t.Value)
	}
	return b.String()
}

// Set returns the record with one tag replaced, or appended when it is not
// there yet. An empty value takes the tag away.
func (r Record) Set(name, value string) Record {
	n := Record{Tags: slices.Clone(r.Tags)}
	i := slices.IndexFunc(n.Tags, func(t Tag) bool { return strings.EqualFold(t.Name, name) })
	switch {
	case value == "" && i >= 0:
		n.Tags = slices.Delete(n.Tags, i, i+1)
	case value != "" && i >= 0:
		n.Tags[i].Value = value
	case value != "":
		n.Tags = append(n.Tags, Tag{name, value})
	}
	n.read()
	return n
}

// Usable reports whether a receiver can act on the record. RFC 9989, section
// 4.7: one without a valid p, or with an invalid sp or np, counts as p=none if
// it says where reports go, and is otherwise no policy at all.
func (r Record) Usable() bool {
	return r.valid() || slices.ContainsFunc(r.Aggregate, validURI)
}

// Effective returns the policy for a name and the tag that it comes from: "p",
// "sp", "np", or "default" where the record has none that is valid. Own means
// that the record stands at the name itself, exists that the DNS knows the
// name.
func (r Record) Effective(own, exists bool) (Policy, string) {
	switch {
	case !r.valid():
		return NoAction, "default"
	case own:
		return r.Policy, "p"
	case !exists && r.Nonexistent != Unset:
		return r.Nonexistent, "np"
	case r.Subdomain != Unset:
		return r.Subdomain, "sp"
	}
	return r.Policy, "p"
}

// valid reports whether p is there and no policy is misspelt.
func (r Record) valid() bool {
	for _, t := range r.Tags {
		switch strings.ToLower(t.Name) {
		case "sp", "np":
			if policy(t.Value) == Unset {
				return false
			}
		}
	}
	return r.Policy != Unset
}

// read fills the fields from the tags.
func (r *Record) read() {
	seen := map[string]bool{}
	for _, t := range r.Tags {
		name := strings.ToLower(t.Name)
		if seen[name] {
			// RFC 6376, section 3.2, calls the whole list invalid; receivers
			// differ, most take the first.
			r.problem("tag %s stands there twice", clip(name))
			continue
		}
		seen[name] = true
		r.take(name, t)
	}
	if !seen["p"] {
		r.problem("tag p is missing: receivers act as for p=none, or not at all")
	}
}

// take reads one tag.
func (r *Record) take(name string, t Tag) {
	switch name {
	case "p":
		r.Policy = r.policy(t)
	case "sp":
		r.Subdomain = r.policy(t)
	case "np":
		r.Nonexistent = r.policy(t)
	case "adkim":
		r.DKIM = r.mode(t)
	case "aspf":
		r.SPF = r.mode(t)
	case "rua":
		r.Aggregate = r.uris(t)
	case "ruf":
		r.Failure = r.uris(t)
	case "fo":
		r.Options = r.options(t)
	case "psd":
		r.PSD = r.word(t, "y", "n", "u")
	case "t":
		r.Test = r.word(t, "y", "n") == "y"
	case "pct", "rf", "ri":
		r.Removed = append(r.Removed, t)
	case "v":
		r.problem("tag v stands there twice")
	}
}

func (r *Record) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}
