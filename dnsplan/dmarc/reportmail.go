package dmarc

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"strings"
)

// Bounds of a message's structure.
const (
	maxNesting = 8
	maxParts   = 200
)

// mail gives the documents in a message. Parts are recognised by what they
// hold, so that a misspelt header does not hide a report.
func (o *opener) mail(r *bufio.Reader) {
	size := o.limits.Mail
	data, err := io.ReadAll(limited{r, &size})
	if err != nil {
		o.fail("", fmt.Errorf("message: %w", err))
		return
	}
	if bytes.HasPrefix(data, []byte("From ")) { // as delivery agents write it
		_, data, _ = bytes.Cut(data, []byte("\n"))
	}
	m := &mailWalk{o: o}
	m.message(data, 0)
	if !o.given {
		o.fail("", fmt.Errorf("%w: no part of the message is one", ErrNotReport))
	}
}

type mailWalk struct {
	o     *opener
	parts int
}

// message looks into a message, which is the innermost one until its end.
func (m *mailWalk) message(data []byte, depth int) {
	outer := m.o.around
	m.o.around = data
	m.entity(data, depth)
	m.o.around = outer
}

// entity looks into a header with a body.
func (m *mailWalk) entity(data []byte, depth int) {
	if m.parts++; m.parts > maxParts || depth > maxNesting || m.o.done {
		return
	}
	header, body := splitEntity(data)
	kind, params, _ := mime.ParseMediaType(fieldOf(header, "Content-Type"))
	boundary := params["boundary"]
	if boundary == "" {
		boundary = impliedBoundary(body)
	}
	if boundary != "" {
		for _, part := range splitParts(body, boundary) {
			m.entity(part, depth+1)
		}
		return
	}
	body = decodeBody(body, fieldOf(header, "Content-Transfer-Encoding"))
	if kind == "message/rfc822" || kind == "message/global" {
		m.message(body, depth+1)
		return
	}
	m.leaf(partName(header, params), body)
}

// leaf gives a part that is a container, or that speaks of what reports speak
// of; mail has other parts that begin with a bracket.
func (m *mailWalk) leaf(name string, body []byte) {
	head := bytes.TrimLeft(body, " \t\r\n")
	switch sniff(head) {
	case gzipFile:
		m.o.gzip(name, bytes.NewReader(head))
	case zipFile:
		m.o.zip(name, bytes.NewReader(head))
	case xmlFile, jsonFile:
		if bytes.Contains(body, []byte("feedback")) || bytes.Contains(body, []byte(`"policies"`)) {
			m.o.give(name, limited{bytes.NewReader(head), &m.o.left})
		}
	}
}

// splitEntity splits at the first empty line. Data that does not begin with a
// header is all body.
func splitEntity(data []byte) (header, body []byte) {
	if !mailLike(data[:min(len(data), 1024)]) {
		return nil, data
	}
	for _, mark := range []string{"\r\n\r\n", "\n\n"} {
		if h, b, ok := bytes.Cut(data, []byte(mark)); ok && (header == nil || len(h) < len(header)) {
			header, body = h, b
		}
	}
	if header == nil {
		return data, nil
	}
	return header, body
}

// fieldOf returns the value of a header field, unfolded, "" without it.
func fieldOf(header []byte, name string) string {
	var value []byte
	found := false
	for line := range bytes.Lines(header) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
			if found && len(value) < 4096 {
				value = append(value, line...)
			}
			continue
		}
		if found {
			break
		}
		field, rest, ok := bytes.Cut(line, []byte(":"))
		if ok && strings.EqualFold(string(bytes.TrimSpace(field)), name) {
			value, found = append(value, rest...), true
		}
	}
	return string(bytes.TrimSpace(value))
}

// impliedBoundary finds the delimiter of parts whose header does not name it:
// a line of two hyphens and a word that comes again as an end.
func impliedBoundary(body []byte) string {
	const tries = 3
	tried := 0
	for line := range bytes.Lines(body[:min(len(body), 4096)]) {
		line = bytes.TrimRight(line, " \t\r\n")
		if len(line) <= 4 || len(line) > 74 || !bytes.HasPrefix(line, []byte("--")) {
			continue
		}
		if bytes.Contains(body, append(bytes.Clone(line), "--"...)) {
			return string(line[2:])
		}
		if tried++; tried == tries {
			break
		}
	}
	return ""
}

// splitParts returns what stands between the lines of a boundary. A last part
// without an end is still one.
func splitParts(body []byte, boundary string) [][]byte {
	var parts [][]byte
	mark, end := []byte("--"+boundary), []byte("--"+boundary+"--")
	start := -1
	for at := 0; at < len(body) && len(parts) < maxParts; {
		next := len(body)
		if i := bytes.IndexByte(body[at:], '\n'); i >= 0 {
			next = at + i + 1
		}
		line := bytes.TrimRight(body[at:next], " \t\r\n")
		last := bytes.Equal(line, end)
		if last || bytes.Equal(line, mark) {
			if start >= 0 {
				parts = append(parts, body[start:at])
			}
			if start = next; last {
				return parts
			}
		}
		at = next
	}
	if start >= 0 && start < len(body) {
		parts = append(parts, body[start:])
	}
	return parts
}

// decodeBody undoes the transfer encoding. Base64 is tried as well where the
// header does not speak of it and the text is not readable as it is.
func decodeBody(body []byte, encoding string) []byte {
	switch strings.ToLower(encoding) {
	case "base64":
		return fromBase64(body)
	case "quoted-printable":
		// What comes before an error is as much as there is to read.
		text, _ := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(body)))
		return text
	}
	if sniff(body) == otherFile {
		if text := fromBase64(body[:min(len(body), 4096)]); sniff(text) != otherFile {
			return fromBase64(body)
		}
	}
	return body
}

// fromBase64 decodes leniently: other characters are passed over, and what is
// cut off at the end is left out.
func fromBase64(body []byte) []byte {
	clean := make([]byte, 0, len(body))
	for _, c := range body {
		if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' {
			clean = append(clean, c)
		}
		if c == '=' {
			break
		}
	}
	if len(clean)%4 == 1 {
		clean = clean[:len(clean)-1]
	}
	n, _ := base64.RawStdEncoding.Decode(clean, clean) // nothing else is left in it
	return clean[:n]
}

// partName is how a part calls itself.
func partName(header []byte, params map[string]string) string {
	_, disposition, _ := mime.ParseMediaType(fieldOf(header, "Content-Disposition"))
	for _, name := range []string{disposition["filename"], params["name"]} {
		if name != "" {
			return within("", name)
		}
	}
	return ""
}
