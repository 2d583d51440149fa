package probe

import (
	"bytes"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"
)

// ErrMessage is returned for bytes that are no message, or one too large to
// be judged.
var ErrMessage = errors.New("probe: not a message")

// Bounds on a message. The libraries below are quadratic in the header.
const (
	maxMessage = 64 << 20
	maxHeader  = 256 << 10
	maxLines   = 8192 // of the header
)

// A field is one header field: its name as written, its value unfolded.
type field struct{ name, value string }

// A message is its octets with CRLF and its header taken apart.
type message struct {
	octets []byte
	fields []field
}

// readMessage splits the header the way the DKIM library does, so that the
// n-th signature here is the n-th there.
func readMessage(octets []byte) (message, error) {
	if len(octets) > maxMessage {
		return message{}, fmt.Errorf("%w: larger than %d octets", ErrMessage, maxMessage)
	}
	m := message{octets: withCRLF(octets)}
	rest, size := m.octets, 0
	for lines := 0; ; lines++ {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		if size += len(line) + 1; size > maxHeader || lines > maxLines {
			return message{}, fmt.Errorf("%w: its header is larger than %d octets or %d lines", ErrMessage, maxHeader, maxLines)
		}
		text := string(bytes.TrimSuffix(line, []byte("\r")))
		if text == "" && ended {
			break
		}
		m.add(text)
		if !ended {
			// Header only, as some agents store a message without a body.
			m.octets = append(bytes.Clone(m.octets), "\r\n\r\n"...)
			break
		}
		rest = after
	}
	if len(m.fields) == 0 {
		return message{}, fmt.Errorf("%w: it has no header", ErrMessage)
	}
	return m, nil
}

// add takes one line of the header.
func (m *message) add(line string) {
	if n := len(m.fields); n > 0 && (strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")) {
		m.fields[n-1].value += "\r\n" + line
		return
	}
	name, value, ok := strings.Cut(line, ":")
	if !ok && line == "" {
		return
	}
	m.fields = append(m.fields, field{strings.TrimSpace(name), value})
}

// all returns the values of a field, top to bottom, folding still in them.
func (m message) all(name string) []string {
	var values []string
	for _, f := range m.fields {
		if strings.EqualFold(f.name, name) {
			values = append(values, f.value)
		}
	}
	return values
}

// date is when the message arrived, or was written; zero when it does not
// say.
func (m message) date() time.Time {
	for _, received := range m.all("Received") {
		if i := strings.LastIndexByte(received, ';'); i >= 0 {
			if t, err := mail.ParseDate(strings.TrimSpace(unfold(received[i+1:]))); err == nil {
				return t
			}
		}
	}
	for _, date := range m.all("Date") {
		if t, err := mail.ParseDate(strings.TrimSpace(unfold(date))); err == nil {
			return t
		}
	}
	return time.Time{}
}

// withCRLF gives a message from a file its line ends back. Octets that have
// CRLF in the first line are left alone: they are what was signed.
func withCRLF(octets []byte) []byte {
	i := bytes.IndexByte(octets, '\n')
	if i < 0 || i > 0 && octets[i-1] == '\r' {
		return octets
	}
	return bytes.ReplaceAll(octets, []byte("\n"), []byte("\r\n"))
}

// unfold joins the lines of a field.
func unfold(value string) string {
	return strings.NewReplacer("\r", "", "\n", "").Replace(value)
}
