// Package arc reads and verifies the Authenticated Received Chain of a
// forwarded message (RFC 8617): every seal, and the signature that the newest
// set puts over the message.
//
// A chain says what forwarders saw before they changed a message. It explains
// why a forwarded message fails, and is shown as information; it never turns a
// failure into a pass here, since anybody can seal anything. The package asks
// nobody; it is handed a [Lookup].
package arc

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Result is the state of a chain.
type Result string

// The results. TempError is no word of RFC 8617: it says that the DNS did not
// answer for a key, and that the chain was not measured.
const (
	None      Result = "none"
	Pass      Result = "pass"
	Fail      Result = "fail"
	TempError Result = "temperror"
)

// A Lookup returns the TXT records of a name, each with its strings joined. No
// records and no error means that there are none; an error means that nobody
// knows.
type Lookup func(name string) ([]string, error)

// A Set is what one forwarder added.
type Set struct {
	Instance int
	Results  string // the content of ARC-Authentication-Results, without i=
	Domain   string // that sealed, lower case
	Selector string
	Chain    string // cv: what the forwarder made of the chain before it
}

// A Chain is what a message carries. Sets are in the order in which they were
// added, as far as they could be read; where Result is Fail they prove
// nothing.
type Chain struct {
	Result Result
	Sets   []Set
	Reason string // why, when it is no pass
}

// Bounds of what is verified; RFC 8617, section 4.2.1, ends chains at 50.
const (
	maxSets    = 50
	maxMessage = 64 << 20
	maxHeader  = 256 << 10
	maxFields  = 4096
	maxSigned  = 1000 // names in one h=
)

// ErrMessage is returned for octets that are no message, or one too large.
var ErrMessage = errors.New("arc: not a message")

// Verify reads the chain of a message and verifies it as RFC 8617, section
// 5.2, says. The message needs CRLF at the ends of its lines. The error is
// ErrMessage or nil.
func Verify(msg []byte, lookup Lookup) (Chain, error) {
	m, err := split(msg)
	if err != nil {
		return Chain{}, err
	}
	sets, why := m.sets()
	c := Chain{Sets: []Set{}}
	for _, s := range sets {
		c.Sets = append(c.Sets, s.Set)
	}
	switch {
	case why != "":
		c.Result, c.Reason = Fail, why
	case len(sets) == 0:
		c.Result = None
	default:
		c.Result, c.Reason = m.verify(sets, lookup)
	}
	return c, nil
}

// A set is one with its header fields.
type set struct {
	Set
	results, message, seal *field
	messageTags, sealTags  map[string]string
}

// names are the three fields of a set.
const (
	nameResults = "arc-authentication-results"
	nameMessage = "arc-message-signature"
	nameSeal    = "arc-seal"
)

// sets collects the sets and checks their structure: each has its three fields
// once, the instances are one to the last, and each forwarder found the chain
// before it whole. Reasons name the instance.
func (m *message) sets() (all []set, why string) {
	byInstance := make(map[int]*set)
	last := 0
	for i := range m.fields {
		f := &m.fields[i]
		var slot func(*set) **field
		switch f.name {
		case nameResults:
			slot = func(s *set) **field { return &s.results }
		case nameMessage:
			slot = func(s *set) **field { return &s.message }
		case nameSeal:
			slot = func(s *set) **field { return &s.seal }
		default:
			continue
		}
		n, err := f.instance()
		if err != nil {
			return nil, fmt.Sprintf("a field %s has no instance from 1 to %d", f.name, maxSets)
		}
		if byInstance[n] == nil {
			byInstance[n] = &set{Set: Set{Instance: n}}
		}
		at := slot(byInstance[n])
		if *at != nil {
			return nil, fmt.Sprintf("instance %d has two fields %s", n, f.name)
		}
		*at, last = f, max(last, n)
	}
	for n := 1; n <= last; n++ {
		s := byInstance[n]
		if s == nil || s.results == nil || s.message == nil || s.seal == nil {
			return all, fmt.Sprintf("instance %d is not complete", n)
		}
		if why := s.read(); why != "" {
			return all, fmt.Sprintf("instance %d: %s", n, why)
		}
		all = append(all, *s)
	}
	return all, chained(all)
}

// read takes the tags of a complete set apart.
func (s *set) read() string {
	_, s.Results, _ = strings.Cut(unfold(s.results.value()), ";")
	s.Results = strings.TrimSpace(s.Results)
	var ok bool
	if s.messageTags, ok = tags(s.message.value()); !ok {
		return "the message signature cannot be read"
	}
	if s.sealTags, ok = tags(s.seal.value()); !ok {
		return "the seal cannot be read"
	}
	s.Domain, s.Selector = strings.ToLower(s.sealTags["d"]), s.sealTags["s"]
	s.Chain = strings.ToLower(s.sealTags["cv"])
	if _, has := s.sealTags["h"]; has {
		return "the seal has a tag h" // RFC 8617, section 4.1.3
	}
	return ""
}

// chained checks what each forwarder says of the chain before it.
func chained(all []set) string {
	for i, s := range all {
		switch {
		case i == len(all)-1 && s.Chain == "fail":
			return fmt.Sprintf("instance %d says that the chain was broken before it", s.Instance)
		case i == 0 && s.Chain != "none", i > 0 && s.Chain != "pass":
			return fmt.Sprintf("instance %d has a wrong cv", s.Instance)
		}
	}
	return ""
}

// instance reads the tag i, which is the first of ARC-Authentication-Results
// and anywhere in the others.
func (f *field) instance() (int, error) {
	for part := range strings.SplitSeq(unfold(f.value()), ";") {
		name, value, ok := strings.Cut(part, "=")
		if ok && strings.TrimSpace(name) == "i" {
			n, err := strconv.Atoi(strings.TrimSpace(value))
			if err != nil || n < 1 || n > maxSets {
				return 0, ErrMessage
			}
			return n, nil
		}
		if f.name == nameResults {
			break
		}
	}
	return 0, ErrMessage
}

// tags reads a list of RFC 6376, section 3.2; white space inside values goes.
// A name that stands there twice makes it unreadable.
func tags(text string) (map[string]string, bool) {
	all := make(map[string]string)
	for part := range strings.SplitSeq(text, ";") {
		name, value, ok := strings.Cut(part, "=")
		name = strings.TrimSpace(unfold(name))
		if !ok {
			if name != "" {
				return nil, false
			}
			continue
		}
		if _, doubled := all[name]; doubled || name == "" {
			return nil, false
		}
		all[name] = strings.Join(strings.Fields(value), "")
	}
	return all, true
}
