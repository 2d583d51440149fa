package zone

import (
	"errors"
	"fmt"
	"strings"
)

// maxText bounds the joined text of one TXT record: RDATA has 16 bits of
// length.
const maxText = 65535

// errText is wrapped by everything that JoinTXT refuses.
var errText = errors.New("zone: not TXT data")

// JoinTXT returns the text of a TXT record in presentation form: its strings
// joined without anything between them, escapes resolved. How a text is split
// into strings means nothing (RFC 7208, section 3.3).
func JoinTXT(data string) (string, error) {
	var b strings.Builder
	rest := strings.TrimLeft(data, " \t")
	if rest == "" {
		return "", fmt.Errorf("%w: empty", errText)
	}
	for rest != "" {
		var err error
		if rest, err = joinString(&b, rest); err != nil {
			return "", err
		}
		if b.Len() > maxText {
			return "", fmt.Errorf("%w: longer than %d octets", errText, maxText)
		}
		rest = strings.TrimLeft(rest, " \t")
	}
	return b.String(), nil
}

// joinString reads one character-string, quoted or not, and returns what
// follows it.
func joinString(b *strings.Builder, s string) (string, error) {
	quoted := s[0] == '"'
	if quoted {
		s = s[1:]
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			octet, n, err := unescape(s[i:])
			if err != nil {
				return "", err
			}
			b.WriteByte(octet)
			i += n - 1
		case c == '"' && quoted:
			return s[i+1:], nil
		case (c == ' ' || c == '\t') && !quoted:
			return s[i:], nil
		case c == '"':
			return "", fmt.Errorf("%w: quote inside a string", errText)
		case c == '\n' || c == '\r':
			return "", fmt.Errorf("%w: line break", errText)
		default:
			b.WriteByte(c)
		}
	}
	if quoted {
		return "", fmt.Errorf("%w: quote without end", errText)
	}
	return "", nil
}

// unescape reads \DDD or \X at the beginning of s and returns the octet and
// how much was read.
func unescape(s string) (byte, int, error) {
	if len(s) < 2 {
		return 0, 0, fmt.Errorf("%w: escape without end", errText)
	}
	if s[1] < '0' || s[1] > '9' {
		return s[1], 2, nil
	}
	if len(s) < 4 || !digit(s[2]) || !digit(s[3]) {
		return 0, 0, fmt.Errorf("%w: escape %q", errText, s[:min(len(s), 4)])
	}
	n := int(s[1]-'0')*100 + int(s[2]-'0')*10 + int(s[3]-'0')
	if n > 255 {
		return 0, 0, fmt.Errorf("%w: escape %q", errText, s[:4])
	}
	return byte(n), 4, nil
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// TXT returns text as the data of one TXT record in presentation form, split
// into strings of at most 255 octets with no blank added.
func TXT(text string) string {
	var b strings.Builder
	for first := true; first || text != ""; first = false {
		if !first {
			b.WriteByte(' ')
		}
		n := min(len(text), 255)
		b.WriteByte('"')
		b.WriteString(Escape(text[:n]))
		b.WriteByte('"')
		text = text[n:]
	}
	return b.String()
}

// Escape returns text in printable ASCII, with \" \\ and \DDD for everything
// else, so that it is safe in a master file and on a terminal.
func Escape(text string) string {
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, "\\%03d", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// Texts returns the joined text of every record of a TXT RRset. A nil RRset
// has none; a record that cannot be read is left out.
func Texts(s *RRset) []string {
	if s == nil {
		return nil
	}
	texts := make([]string, 0, len(s.Data))
	for _, data := range s.Data {
		if text, err := JoinTXT(data); err == nil {
			texts = append(texts, text)
		}
	}
	return texts
}
