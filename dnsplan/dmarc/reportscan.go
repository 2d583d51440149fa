package dmarc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// A scanner takes XML apart as far as reports need it. It is tolerant where
// receivers are careless: a raw angle bracket or ampersand is text, an end
// that never began is passed over, attributes are not looked at. It keeps no
// tree, so that a report of any length needs the same memory.
type scanner struct {
	r    *bufio.Reader
	text []byte // of the element that is open; collected while keep is set
	keep bool
	odd  func(note string)

	rooted bool   // the root was seen
	prefix string // of the root and of all that belongs to it
}

// Bounds of the scanner.
const (
	scanBuffer = 64 << 10
	maxTag     = 4096 // octets of one tag, with its attributes
	maxName    = 64   // octets of a name
	maxText    = 1024 // octets of a value that are kept
)

// root is the outermost element of a report.
const root = "feedback"

// A tag is the begin or the end of an element, by its local name.
type tag struct {
	name            string
	end, empty      bool
	raw, attributes []byte // valid until the next call
}

func newScanner(r io.Reader, odd func(string)) *scanner {
	// A byte order mark decides; without one the octets are taken as UTF-8
	// whatever the declaration says, since what matters is ASCII.
	r = transform.NewReader(r, unicode.BOMOverride(transform.Nop))
	return &scanner{r: bufio.NewReaderSize(r, scanBuffer), odd: odd}
}

// begin starts to collect text.
func (s *scanner) begin() { s.text, s.keep = s.text[:0], true }

// next returns the next tag that means something, after whatever comes before
// it. A tag that means nothing is text. The end of the input is io.EOF.
func (s *scanner) next() (tag, error) {
	for {
		if err := s.skipText(); err != nil {
			return tag{}, err
		}
		ahead, err := s.r.Peek(maxTag)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
			return tag{}, err
		}
		switch {
		case bytes.HasPrefix(ahead, []byte("!--")):
			err = s.skipPast("-->", false)
		case bytes.HasPrefix(ahead, []byte("![CDATA[")):
			_, _ = s.r.Discard(len("![CDATA[")) // it was peeked at
			err = s.skipPast("]]>", true)
		case bytes.HasPrefix(ahead, []byte("?")):
			err = s.skipPast("?>", false)
		case len(ahead) > 8 && bytes.EqualFold(ahead[:8], []byte("!DOCTYPE")):
			return tag{}, ErrDoctype
		default:
			t, n := readTag(ahead)
			if n > 0 && s.means(&t) {
				_, err = s.r.Discard(n)
				return t, err
			}
			if s.keep {
				s.odd("raw angle brackets in a value")
				s.add([]byte("<"))
			}
			continue
		}
		if err != nil {
			return tag{}, err
		}
	}
}

// means fills in the name of a tag that is in the vocabulary, and in the
// namespace of the root where that has a prefix.
func (s *scanner) means(t *tag) bool {
	prefix, local := t.raw[:0], t.raw
	if i := bytes.LastIndexByte(local, ':'); i >= 0 {
		prefix, local = local[:i], local[i+1:]
	}
	t.name = vocabulary[string(local)]
	switch {
	case t.name == "":
		return false
	case t.name == root && !s.rooted:
		s.rooted, s.prefix = true, string(prefix)
	}
	return !s.rooted || s.prefix == string(prefix)
}

// skipText reads up to and with the next opening bracket.
func (s *scanner) skipText() error {
	for {
		part, err := s.r.ReadSlice('<')
		s.add(bytes.TrimSuffix(part, []byte("<")))
		if err == nil || !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// skipPast reads up to and with an end mark; what comes before it may be text.
func (s *scanner) skipPast(mark string, text bool) error {
	last := mark[len(mark)-1]
	var tail []byte
	for {
		part, err := s.r.ReadSlice(last)
		if text {
			s.add(part)
		}
		tail = append(tail, part[max(0, len(part)-len(mark)):]...)
		tail = tail[max(0, len(tail)-len(mark)):]
		switch {
		case string(tail) == mark:
			if text {
				s.text = bytes.TrimSuffix(s.text, []byte(mark))
			}
			return nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}

func (s *scanner) add(part []byte) {
	if s.keep && len(s.text) < maxText {
		s.text = append(s.text, part[:min(len(part), maxText-len(s.text))]...)
	}
}

// readTag reads a tag behind its opening bracket and returns how many octets
// it has; 0 means that it is none.
func readTag(b []byte) (t tag, n int) {
	if len(b) > 0 && b[0] == '/' {
		t.end, n = true, 1
	}
	start := n
	for n < len(b) && nameByte(b[n], n == start) {
		n++
	}
	if n == start || n-start > maxName || n == len(b) || !delimiter(b[n]) {
		return tag{}, 0
	}
	t.raw = b[start:n]
	quote := byte(0)
	for from := n; n < len(b); n++ {
		switch c := b[n]; {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && c == '>':
			t.attributes = b[from:n]
			t.empty = bytes.HasSuffix(t.attributes, []byte("/"))
			return t, n + 1
		}
	}
	return tag{}, 0
}

func nameByte(c byte, first bool) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', c >= 0x80:
		return true
	}
	return !first && (c >= '0' && c <= '9' || c == '.' || c == '-' || c == ':')
}

func delimiter(c byte) bool {
	return c == '>' || c == '/' || c == ' ' || c == '\t' || c == '\r' || c == '\n'
}

// value returns the text that was collected, decoded and fit to be kept: valid
// UTF-8, without control characters, blanks at the ends gone.
func (s *scanner) value() string {
	s.keep = false
	b := bytes.TrimSpace(s.text)
	if len(b) == 0 {
		return ""
	}
	if bytes.IndexByte(b, '&') >= 0 {
		b = entities(b)
	}
	if plain(b) {
		return string(b)
	}
	if !utf8.Valid(b) {
		s.odd("octets that are no UTF-8")
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0:
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(string(b), "\uFFFD"))
}

func plain(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// entities decodes the references that XML has by itself, and numbers. All
// others stay as they are: a document cannot declare any here.
func entities(b []byte) []byte {
	var out []byte
	for {
		i := bytes.IndexByte(b, '&')
		if i < 0 {
			return append(out, b...)
		}
		out, b = append(out, b[:i]...), b[i:]
		end := bytes.IndexByte(b[:min(len(b), 12)], ';')
		if r, ok := entity(b, end); ok {
			out, b = utf8.AppendRune(out, r), b[end+1:]
			continue
		}
		out, b = append(out, '&'), b[1:]
	}
}

func entity(b []byte, end int) (rune, bool) {
	if end < 2 {
		return 0, false
	}
	name := string(b[1:end])
	switch name {
	case "amp":
		return '&', true
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	digits, base := strings.TrimPrefix(name, "#"), 10
	if hex := strings.TrimLeft(digits, "xX"); hex != digits {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	return rune(n), err == nil && strings.HasPrefix(name, "#") && n <= utf8.MaxRune
}

// A limited reader fails where io.LimitReader would end: what is cut off is
// not read as if it were whole.
type limited struct {
	r    io.Reader
	left *int64
}

func (l limited) Read(p []byte) (int, error) {
	if *l.left <= 0 {
		var probe [1]byte
		n, err := l.r.Read(probe[:])
		if n > 0 {
			return 0, fmt.Errorf("%w: its limit is used up", ErrTooLarge)
		}
		return 0, err
	}
	n, err := l.r.Read(p[:min(int64(len(p)), *l.left)])
	*l.left -= int64(n)
	return n, err
}
