package imaplab

import (
	"bufio"
	"bytes"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-message/textproto"
)

// section cuts a body section out of a message. Whole messages, headers and
// header fields are cut from the octets as they are stored; imapserver, which
// parses and prints again, only serves the parts of a MIME message.
func section(body []byte, item *imap.FetchItemBodySection) []byte {
	if len(item.Part) > 0 {
		return imapserver.ExtractBodySection(bytes.NewReader(body), item)
	}
	head, text := split(body)
	switch {
	case item.Specifier == imap.PartSpecifierText:
		return partial(text, item.Partial)
	case item.Specifier == imap.PartSpecifierHeader && len(item.HeaderFields) > 0:
		return partial(fields(head, item.HeaderFields, true), item.Partial)
	case item.Specifier == imap.PartSpecifierHeader && len(item.HeaderFieldsNot) > 0:
		return partial(fields(head, item.HeaderFieldsNot, false), item.Partial)
	case item.Specifier == imap.PartSpecifierHeader:
		return partial(head, item.Partial)
	}
	return partial(body, item.Partial)
}

// split parts a message behind its empty line. Without one it is all header,
// which is what Dovecot makes of it.
func split(body []byte) (head, text []byte) {
	for i := 0; i < len(body); {
		n := bytes.IndexByte(body[i:], '\n')
		if n < 0 {
			break
		}
		line := body[i : i+n]
		i += n + 1
		if len(bytes.TrimSuffix(line, []byte("\r"))) == 0 {
			return body[:i], body[i:]
		}
	}
	return body, nil
}

// fields keeps the header fields that are named, or those that are not, and
// the empty line.
func fields(head []byte, names []string, named bool) []byte {
	var out []byte
	keep := false
	for line := range bytes.Lines(head) {
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			break
		}
		if line[0] != ' ' && line[0] != '\t' {
			name, _, _ := bytes.Cut(line, []byte(":"))
			keep = named == contains(names, strings.TrimSpace(string(name)))
		}
		if keep {
			out = append(out, line...)
		}
	}
	return append(out, "\r\n"...)
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// partial cuts as <offset.size> asks; beyond the end there is nothing, which is
// no mistake (RFC 9051, section 6.4.5).
func partial(text []byte, p *imap.SectionPartial) []byte {
	if p == nil {
		return text
	}
	if p.Offset < 0 || p.Size < 0 || p.Offset > int64(len(text)) {
		return nil
	}
	text = text[p.Offset:]
	return text[:min(int64(len(text)), p.Size)]
}

// parseHeader reads a header for envelopes and searches; of a broken one, what
// can be read.
func parseHeader(body []byte) textproto.Header {
	h, _ := textproto.ReadHeader(bufio.NewReader(bytes.NewReader(body)))
	return h
}
