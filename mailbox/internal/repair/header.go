package repair

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// encodeHeader puts encoded-words (RFC 2047) in the place of words with octets
// above 127. All other octets, of the header and of the body, stay.
func encodeHeader(m []byte) []byte {
	header := m[:len(m)-len(Body(m))]
	if !eightBit(header) {
		return m
	}
	out := make([]byte, 0, len(m)+len(m)/16+64)
	for rest := header; len(rest) > 0; {
		n := fieldEnd(rest)
		out = append(out, encodeField(rest[:n])...)
		rest = rest[n:]
	}
	return append(out, m[len(header):]...)
}

func eightBit(b []byte) bool {
	return bytes.IndexFunc(b, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0
}

// fieldEnd is the length of the first field with its continuations.
func fieldEnd(header []byte) int {
	for i, c := range header {
		if c == '\n' && (i+1 == len(header) || header[i+1] != ' ' && header[i+1] != '\t') {
			return i + 1
		}
	}
	return len(header)
}

// addresses are fields in which quotes, comments and angle brackets mean
// something.
var addresses = []string{
	"from", "to", "cc", "bcc", "sender", "reply-to", "resent-from", "resent-to", "resent-cc", "resent-sender",
	"disposition-notification-to", "return-receipt-to",
}

// encodeField encodes one field. A name that is none is left alone.
func encodeField(field []byte) []byte {
	name, value, ok := bytes.Cut(field, []byte(":"))
	if !ok || !eightBit(value) || eightBit(name) {
		return field
	}
	text := bytes.TrimRight(value, "\r\n")
	folded := strings.ToLower(string(bytes.TrimSpace(name)))
	specials, parameters := "", strings.HasPrefix(folded, "content-")
	switch {
	case parameters:
		specials = `(),;="<>`
	case slices.Contains(addresses, folded):
		specials = `(),;:"<>`
	}
	out := append(bytes.Clone(name), ':')
	out = append(out, join(split(text, specials), parameters)...)
	return append(out, value[len(text):]...)
}

// A token is a piece of a field's value.
type token struct {
	text   []byte
	blank  bool // white space
	quoted bool // a quoted string; text is what it says
	mark   bool // it stays as it is
}

// split cuts a value into tokens, which put together make the value again.
func split(value []byte, specials string) []token {
	special := func(c byte) bool { return strings.IndexByte(specials, c) >= 0 }
	var tokens []token
	for len(value) > 0 {
		var n int
		t := token{}
		switch c := value[0]; {
		case blank(c):
			t.blank = true
			n = prefix(value, blank)
		case special(c) && c == '"':
			t.quoted = true
			n = quotedEnd(value)
		case special(c) && c == '<':
			t.mark = true
			n = through(value, '>')
		case special(c):
			t.mark = true
			n = 1
		default:
			n = prefix(value, func(c byte) bool { return !blank(c) && !special(c) })
		}
		t.text, value = value[:n], value[n:]
		tokens = append(tokens, t)
	}
	return tokens
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func prefix(b []byte, in func(byte) bool) int {
	for i, c := range b {
		if !in(c) {
			return i
		}
	}
	return len(b)
}

func through(b []byte, c byte) int {
	if i := bytes.IndexByte(b, c); i >= 0 {
		return i + 1
	}
	return len(b)
}

func quotedEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// unquoted is what a quoted string says.
func unquoted(b []byte) []byte {
	var out []byte
	for i := 1; i < len(b); i++ {
		if b[i] == '"' && i == len(b)-1 {
			break
		}
		if b[i] == '\\' && i+1 < len(b) {
			i++
		}
		out = append(out, b[i])
	}
	return out
}

// join writes the tokens, those with octets above 127 encoded. Words next to
// each other go into one encoded-word with what stands between, as readers
// drop the blanks between two of those.
func join(tokens []token, keepQuotes bool) []byte {
	var out []byte
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		if t.blank || t.mark || !eightBit(t.text) {
			out = append(out, t.text...)
			continue
		}
		if t.quoted && keepQuotes {
			// A parameter: readers decode it within its quotes.
			out = append(append(append(out, '"'), encodeWords(unquoted(t.text))...), '"')
			continue
		}
		last := i
		for last+2 < len(tokens) && tokens[last+1].blank && encodes(tokens[last+2]) {
			last += 2
		}
		var text []byte
		if i > 1 && tokens[i-1].blank && endsEncoded(tokens[i-2].text) {
			text = append(text, ' ')
		}
		for ; i < last; i++ {
			text = append(text, said(tokens[i])...)
		}
		text = append(text, said(tokens[i])...)
		if i+2 < len(tokens) && tokens[i+1].blank && beginsEncoded(tokens[i+2].text) {
			text = append(text, ' ')
		}
		out = append(out, encodeWords(text)...)
	}
	return out
}

// encodes reports whether a token will be encoded.
func encodes(t token) bool { return !t.blank && !t.mark && eightBit(t.text) }

// endsEncoded reports whether a word ends as an encoded-word does. A blank too
// much, where it is none, is no harm.
func endsEncoded(word []byte) bool {
	return bytes.HasSuffix(word, []byte("?=")) && bytes.Contains(word, []byte("=?"))
}

// beginsEncoded is endsEncoded for the beginning.
func beginsEncoded(word []byte) bool {
	return bytes.HasPrefix(word, []byte("=?")) && bytes.Contains(word, []byte("?="))
}

var unfolding = strings.NewReplacer("\r\n", "", "\n", "", "\r", " ")

// said is what a token says: without quotes, and without folds.
func said(t token) []byte {
	text := t.text
	if t.quoted {
		text = unquoted(text)
	}
	return []byte(unfolding.Replace(string(text)))
}

// wordMost is how long an encoded-word may be (RFC 2047, section 2).
const wordMost = 75

// encodeWords writes text as encoded-words, a new line for each but the first.
// The charset of what is no UTF-8 is not known; the one named lets every
// reader get the octets back.
func encodeWords(text []byte) []byte {
	charset, width := "utf-8", func(b []byte) int { _, n := utf8.DecodeRune(b); return n }
	if !utf8.Valid(text) {
		charset, width = "iso-8859-1", func([]byte) int { return 1 }
	}
	head := "=?" + charset + "?q?"
	out := []byte(head)
	size := len(head)
	for len(text) > 0 {
		n := width(text)
		piece := quotedPrintable(text[:n])
		if size+len(piece)+2 > wordMost {
			out = append(out, "?=\r\n "+head...)
			size = len(head)
		}
		out, text, size = append(out, piece...), text[n:], size+len(piece)
	}
	return append(out, "?="...)
}

// quotedPrintable writes octets as the Q encoding has them where a phrase may
// stand (RFC 2047, section 5).
func quotedPrintable(b []byte) string {
	const hexadecimal = "0123456789ABCDEF"
	var out strings.Builder
	for _, c := range b {
		switch {
		case c == ' ':
			out.WriteByte('_')
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', strings.IndexByte("!*+-/", c) >= 0:
			out.WriteByte(c)
		default:
			out.WriteByte('=')
			out.WriteByte(hexadecimal[c>>4])
			out.WriteByte(hexadecimal[c&15])
		}
	}
	return out.String()
}
