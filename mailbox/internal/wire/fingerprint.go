package wire

import (
	"bytes"
	"crypto/sha256"
	"iter"
	"slices"
	"strings"
)

// FingerprintFields are the header fields that tell one message from another
// wherever it lies. Received is not among them: targets add and drop it.
const FingerprintFields = "MESSAGE-ID DATE FROM TO CC SUBJECT X-MS-EXCHANGE-PARENT-MESSAGE-ID"

var newline = []byte("\n")

var fingerprintNames = strings.Fields(strings.ToLower(FingerprintFields))

// Fingerprint is the identity of a message by the chosen fields of its header.
// Lines are unfolded, white space is collapsed, names are compared in lower
// case. Fields count in the order of their names, as servers answer in any
// order; empty ones do not count, as servers leave them out; a run of octets
// above 127 counts as one, as servers replace those each in their own way.
// Encoded-words (RFC 2047) count as what they encode, and NULs, quotes and
// backslashes not at all, so that a message that was repaired for a strict
// server is known as the one that it was.
func Fingerprint(header []byte) Digest {
	type field struct {
		name  string
		value []byte
	}
	// Both are large enough for almost every message, so that they cost nothing.
	fields, room := make([]field, 0, 16), make([]byte, 0, 1<<10)
	for name, value := range chosen(header, fingerprintNames) {
		at := len(room)
		room = squeeze(room, value)
		if value := bytes.Trim(room[at:], " "); len(value) > 0 {
			fields = append(fields, field{name, value})
		}
	}
	// Exchange gives some messages another Message-ID and keeps the first one.
	const id, first = "message-id", "x-ms-exchange-parent-message-id"
	if i := slices.IndexFunc(fields, func(f field) bool { return f.name == first }); i >= 0 {
		kept := field{id, fields[i].value}
		fields = slices.DeleteFunc(fields, func(f field) bool { return f.name == id || f.name == first })
		fields = append(fields, kept)
	}
	slices.SortStableFunc(fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
	text := make([]byte, 0, 2<<10)
	for _, f := range fields {
		text = append(append(append(append(text, f.name...), ':'), f.value...), '\n')
	}
	return sha256.Sum256(text)
}

// Named reports whether a header has a Message-ID that says anything.
func Named(header []byte) bool {
	for _, value := range chosen(header, fingerprintNames[:1]) {
		if len(bytes.TrimSpace(value)) > 0 {
			return true
		}
	}
	return false
}

// chosen gives the fields of a header that bear one of the names, each with
// its continuations, up to the first empty line. Other lines cost nothing.
func chosen(header []byte, names []string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		name, value := "", []byte(nil)
		for len(header) > 0 {
			line, rest, _ := bytes.Cut(header, newline)
			header = rest
			if bytes.IndexByte(line, 0) >= 0 {
				line = bytes.ReplaceAll(line, []byte{0}, nil)
			}
			if line = bytes.Trim(line, "\r"); len(line) == 0 {
				break
			}
			if line[0] == ' ' || line[0] == '\t' {
				if name != "" {
					value = append(value, line...)
				}
				continue
			}
			if name != "" && !yield(name, value) {
				return
			}
			if name, value = nameOf(line, names); name != "" {
				value = value[:len(value):len(value)] // what is appended must not run into the header
			}
		}
		if name != "" {
			yield(name, value)
		}
	}
}

// nameOf returns the name that a line begins with, in lower case, and what is
// behind it. A name that is none of those is empty.
func nameOf(line []byte, names []string) (string, []byte) {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return "", nil
	}
	word := bytes.TrimSpace(line[:colon])
	for _, n := range names {
		if len(n) == len(word) && n[0] == word[0]|0x20 && strings.EqualFold(n, string(word)) {
			return n, line[colon+1:]
		}
	}
	return "", nil
}

// nested bounds how often a value is decoded.
const nested = 8

// squeeze appends a value to out, with its white space collapsed, runs of
// octets above 127 replaced, and quotes and backslashes left out.
func squeeze(out, value []byte) []byte {
	// An encoded-word may say what looks like another one.
	for range nested {
		if !bytes.Contains(value, []byte("=?")) {
			break
		}
		value = decodeWords(value)
	}
	var last byte
	for _, c := range value {
		switch c {
		case '\t', '\r':
			c = ' '
		case 0, '"', '\\':
			continue
		}
		if c >= 0x80 {
			c = 0xff
		}
		if c == last && (c == ' ' || c == 0xff) {
			continue
		}
		out, last = append(out, c), c
	}
	return out
}
