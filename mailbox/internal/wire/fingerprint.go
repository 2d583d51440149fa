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
	type field struct{ name, value string }
	var fields []field
	for name, value := range chosen(header, fingerprintNames) {
		if value := squeeze(value); value != "" {
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
	h := sha256.New()
	for _, f := range fields {
		h.Write([]byte(f.name + ":" + f.value + "\n"))
	}
	return Digest(h.Sum(nil))
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
		for line := range bytes.SplitSeq(header, []byte("\n")) {
			if bytes.IndexByte(line, 0) >= 0 {
				line = bytes.ReplaceAll(line, []byte{0}, nil)
			}
			line = bytes.Trim(line, "\r")
			if len(line) == 0 {
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
			name, value = "", nil
			word, rest, ok := bytes.Cut(line, []byte(":"))
			if !ok {
				continue
			}
			word = bytes.TrimSpace(word)
			for _, n := range names {
				if len(n) == len(word) && bytes.EqualFold(word, []byte(n)) {
					name, value = n, bytes.Clone(rest)
				}
			}
		}
		if name != "" {
			yield(name, value)
		}
	}
}

// nested bounds how often a value is decoded.
const nested = 8

// squeeze collapses white space, replaces runs of octets above 127, and leaves
// quotes and backslashes out.
func squeeze(value []byte) string {
	// An encoded-word may say what looks like another one.
	for range nested {
		if !bytes.Contains(value, []byte("=?")) {
			break
		}
		value = decodeWords(value)
	}
	out := make([]byte, 0, len(value))
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch c {
		case '\t', '\r':
			c = ' '
		case 0, '"', '\\':
			continue
		}
		if c >= 0x80 {
			c = 0xff
		}
		if n := len(out); (c == ' ' || c == 0xff) && n > 0 && out[n-1] == c {
			continue
		}
		out = append(out, c)
	}
	return strings.Trim(string(out), " ")
}
