// Package repair changes a message that a server has refused, as little as
// may make it fit: line ends, NUL octets, and octets above 127 in the header,
// which RFC 5322 does not know and strict servers (Cyrus, Exchange, Yahoo) do
// not take. Each step leaves the message what it was for its reader, and for
// the fingerprints of package wire.
package repair

import (
	"bytes"
	"math/bits"
	"strings"
)

// Steps is a set of changes to a message.
type Steps uint8

// The steps, from the slightest on.
const (
	FinalEnd Steps = 1 << iota // a line end behind the last line
	LineEnds Steps = 1 << iota // every line ends with CRLF
	NULs     Steps = 1 << iota // NUL octets are taken out
	Header   Steps = 1 << iota // octets above 127 in the header are encoded (RFC 2047)
)

var single = []Steps{FinalEnd, LineEnds, NULs, Header}

var words = map[Steps]string{
	FinalEnd: "a line end was put behind the last line",
	LineEnds: "lone CR and LF were made CRLF",
	NULs:     "NUL octets were taken out",
	Header:   "octets above 127 in the header were encoded",
}

// String says what the steps did, for people.
func (s Steps) String() string {
	var done []string
	for _, step := range single {
		if s&step != 0 {
			done = append(done, words[step])
		}
	}
	return strings.Join(done, ", ")
}

// Apply returns the message with the steps done; it is message itself where
// they change nothing.
func (s Steps) Apply(message []byte) []byte {
	if s&NULs != 0 {
		message = withoutNULs(message)
	}
	if s&LineEnds != 0 {
		message = lineEnds(message)
	}
	if s&Header != 0 {
		message = encodeHeader(message)
	}
	if s&FinalEnd != 0 {
		message = finalEnd(message)
	}
	return message
}

// Ladder returns what is worth trying with a message, in this order: each step
// that changes it, alone, and then all of them together. It is empty for a
// message without a fault that is known here.
func Ladder(message []byte) []Steps {
	var ladder []Steps
	all := Steps(0)
	for _, step := range single {
		if !bytes.Equal(step.Apply(message), message) {
			ladder, all = append(ladder, step), all|step
		}
	}
	if len(ladder) < 2 {
		return ladder
	}
	together := all.Apply(message)
	for _, step := range ladder {
		if bytes.Equal(step.Apply(message), together) {
			return ladder
		}
	}
	return append(ladder, all)
}

// Between returns the fewest steps that turn message into one that matches
// accepts; ok is false where none do, and where message needs none.
func Between(message []byte, matches func([]byte) bool) (found Steps, ok bool) {
	for s := Steps(1); s < 1<<len(single); s++ {
		if made := s.Apply(message); !bytes.Equal(made, message) && matches(made) && (!ok || bits.OnesCount8(uint8(s)) < bits.OnesCount8(uint8(found))) {
			found, ok = s, true
		}
	}
	return found, ok
}

func withoutNULs(m []byte) []byte {
	if bytes.IndexByte(m, 0) < 0 {
		return m
	}
	return bytes.ReplaceAll(m, []byte{0}, nil)
}

func finalEnd(m []byte) []byte {
	switch {
	case bytes.HasSuffix(m, []byte("\r\n")):
		return m
	case bytes.HasSuffix(m, []byte("\n")):
		return append(bytes.Clone(m[:len(m)-1]), "\r\n"...)
	case bytes.HasSuffix(m, []byte("\r")):
		return append(bytes.Clone(m), '\n')
	}
	return append(bytes.Clone(m), "\r\n"...)
}

// lineEnds makes every line end CRLF. A lone CR is a line end in the body; in
// the header it would cut a field in two, and becomes a blank, or nothing at the
// beginning of a line, where a blank would mean something. A message with
// no LF at all is left alone: where its header ends nobody can tell.
func lineEnds(m []byte) []byte {
	if bytes.IndexByte(m, '\n') < 0 || !lone(m) {
		return m
	}
	out := make([]byte, 0, len(m)+len(m)/32+16)
	end := len(m) - len(Body(m))
	last := 0 // behind the run of CRs that stands here; each run is looked through once
	for i := 0; i < len(m); i++ {
		for last = max(last, i); last < len(m) && m[last] == '\r'; last++ {
		}
		switch {
		case m[i] == '\n':
			out = append(out, "\r\n"...)
		case m[i] != '\r':
			out = append(out, m[i])
		case bytes.HasPrefix(bytes.TrimLeft(m[i+1:], "\x00"), []byte("\n")):
			// its LF brings both; NULs between them are none of the text
		case i >= end:
			out = append(out, "\r\n"...)
		case (last == len(m) || m[last] != '\n') && len(out) > 0 && out[len(out)-1] != '\n':
			out = append(out, ' ')
		}
	}
	return out
}

// lone reports whether any CR or LF stands alone.
func lone(m []byte) bool {
	pairs := bytes.Count(m, []byte("\r\n"))
	return bytes.Count(m, []byte("\n")) != pairs || bytes.Count(m, []byte("\r")) != pairs
}

// Body returns what stands behind the header and the empty line that ends it:
// nothing where there is no empty line. NULs and CRs do not fill a line.
func Body(m []byte) []byte {
	for rest := m; len(rest) > 0; {
		line, after, found := bytes.Cut(rest, []byte("\n"))
		if len(bytes.Trim(line, "\r\x00")) == 0 && found {
			return after
		}
		rest = after
	}
	return nil
}
