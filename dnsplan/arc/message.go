package arc

import (
	"bytes"
	"fmt"
	"strings"
)

// A message is its header, field by field as it came, and its body.
type message struct {
	fields []field
	body   []byte
	hashes map[string][]byte // of the body, by canonicalization
}

// A field is one header field with its line ends.
type field struct {
	name string // lower case
	raw  []byte // with the final CRLF
}

func (f *field) value() string { return string(f.raw[bytes.IndexByte(f.raw, ':')+1:]) }

// split takes a message apart. A line that is no field is kept where it
// stands: it belongs to nobody and is not signed.
func split(msg []byte) (*message, error) {
	if len(msg) > maxMessage {
		return nil, fmt.Errorf("%w: larger than %d octets", ErrMessage, maxMessage)
	}
	m := &message{hashes: make(map[string][]byte)}
	for rest, size := msg, 0; len(rest) > 0; {
		line := rest
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			line = rest[:i+1]
		}
		rest = rest[len(line):]
		if size += len(line); size > maxHeader || len(m.fields) > maxFields {
			return nil, fmt.Errorf("%w: its header is larger than %d octets or %d fields", ErrMessage, maxHeader, maxFields)
		}
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			m.body = rest
			break
		}
		if n := len(m.fields); n > 0 && (line[0] == ' ' || line[0] == '\t') {
			m.fields[n-1].raw = append(m.fields[n-1].raw, line...)
			continue
		}
		name, _, ok := bytes.Cut(line, []byte(":"))
		if ok {
			// A copy: folded lines are appended, and the message is not ours.
			m.fields = append(m.fields, field{strings.ToLower(string(bytes.TrimSpace(name))), bytes.Clone(line)})
		}
	}
	if len(m.fields) == 0 {
		return nil, fmt.Errorf("%w: it has no header", ErrMessage)
	}
	return m, nil
}

// unfold joins the lines of a field.
func unfold(value string) string {
	return strings.NewReplacer("\r", "", "\n", "").Replace(value)
}

// relaxField is the relaxed form of a field (RFC 6376, section 3.4.2), without
// the final CRLF.
func relaxField(raw []byte) []byte {
	name, value, _ := bytes.Cut(raw, []byte(":"))
	out := bytes.ToLower(bytes.TrimSpace(name))
	out = append(out, ':')
	return append(out, bytes.Join(bytes.FieldsFunc(value, blank), []byte(" "))...)
}

func blank(r rune) bool { return r == ' ' || r == '\t' || r == '\r' || r == '\n' }

// simpleField is the field as it came, without the final CRLF.
func simpleField(raw []byte) []byte { return bytes.TrimSuffix(raw, []byte("\r\n")) }

// relaxBody is the relaxed form of a body (RFC 6376, section 3.4.4).
func relaxBody(body []byte) []byte {
	out := make([]byte, 0, len(body)+2)
	for len(body) > 0 {
		line, rest, _ := bytes.Cut(body, []byte("\r\n"))
		body = rest
		line = bytes.TrimRight(line, " \t")
		space := false
		for _, c := range line {
			if c == ' ' || c == '\t' {
				space = true
				continue
			}
			if space {
				out, space = append(out, ' '), false
			}
			out = append(out, c)
		}
		out = append(out, "\r\n"...)
	}
	return trimLines(out, "")
}

// simpleBody is the simple form of a body (RFC 6376, section 3.4.3).
func simpleBody(body []byte) []byte { return trimLines(body, "\r\n") }

// trimLines takes the empty lines at the end away; a body of nothing else is
// empty.
func trimLines(body []byte, empty string) []byte {
	trimmed := body
	for bytes.HasSuffix(trimmed, []byte("\r\n")) {
		trimmed = trimmed[:len(trimmed)-2]
	}
	if len(trimmed) == 0 {
		return []byte(empty)
	}
	return append(trimmed[:len(trimmed):len(trimmed)], "\r\n"...)
}

// unsigned takes the value of the tag b out of a field: a signature does not
// cover itself.
func unsigned(raw []byte) []byte {
	colon := bytes.IndexByte(raw, ':') + 1
	out := bytes.Clone(raw[:colon])
	for i, part := range bytes.Split(raw[colon:], []byte(";")) {
		if i > 0 {
			out = append(out, ';')
		}
		name, _, ok := bytes.Cut(part, []byte("="))
		if ok && string(bytes.TrimFunc(name, blank)) == "b" {
			out = append(append(out, name...), '=')
			continue
		}
		out = append(out, part...)
	}
	return out
}
