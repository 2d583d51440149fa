package wire

import (
	"bytes"
	"errors"
	"io"
)

// maxString bounds a literal that is taken into memory as a string, such as a
// mailbox name.
const maxString = 64 << 10

// errOverlong is a string that is too long to be what it is meant to be.
var errOverlong = errors.New("wire: string too long")

func (p *Response) skipBlanks() { p.seg = bytes.TrimLeft(p.seg, " \t") }

// more reports whether data is left, and goes over a literal that nobody
// asked for.
func (p *Response) more() (bool, error) {
	for {
		p.skipBlanks()
		if len(p.seg) > 0 {
			return true, nil
		}
		if p.lit != nil {
			if err := p.next(); err != nil {
				return false, err
			}
			continue
		}
		// Some servers send an empty line between a literal and the closing
		// parenthesis.
		if !p.gap {
			return false, nil
		}
		p.gap = false
		if b, err := p.r.br.Peek(1); err != nil || b[0] != ')' {
			return false, nil
		}
		line, err := p.r.line()
		if err != nil {
			return false, midway(err)
		}
		if err := p.setLine(line); err != nil {
			return false, err
		}
	}
}

// word takes the octets up to one of the stops.
func (p *Response) word(stops string) []byte {
	n := wordEnd(p.seg, stops)
	w := p.seg[:n]
	p.seg = p.seg[n:]
	return w
}

// str takes a quoted string, a literal of at most limit octets or a word.
// null is true for the word NIL.
func (p *Response) str(limit int64) (s []byte, null bool, err error) {
	p.skipBlanks()
	switch {
	case len(p.seg) == 0 && p.lit != nil:
		s, err = p.literal(limit)
		return s, false, err
	case len(p.seg) > 0 && p.seg[0] == '"':
		return p.quoted(), false, nil
	}
	s = p.word(" \t()")
	return s, bytes.EqualFold(s, []byte("NIL")), nil
}

// quoted takes a quoted string. One that is never closed ends with the line.
func (p *Response) quoted() []byte {
	var out []byte
	in := p.seg[1:]
	for i := 0; i < len(in); i++ {
		switch c := in[i]; {
		case c == '\\' && i+1 < len(in):
			i++
			out = append(out, in[i])
		case c == '"':
			p.seg = in[i+1:]
			return out
		default:
			out = append(out, c)
		}
	}
	p.seg = nil
	return out
}

// literal takes the pending literal into memory. One longer than limit is
// skipped and gives errOverlong; the text behind it can still be read.
func (p *Response) literal(limit int64) ([]byte, error) {
	if p.lit.Size > limit {
		if err := p.next(); err != nil {
			return nil, err
		}
		return nil, errOverlong
	}
	var buf bytes.Buffer
	if _, err := io.Copy(&buf, p.lit); err != nil {
		return nil, err
	}
	return buf.Bytes(), p.next()
}

// skipList goes over a list in parentheses, with the strings in it.
func (p *Response) skipList() error {
	for depth := 0; ; {
		if ok, err := p.more(); err != nil || !ok {
			return err
		}
		switch p.seg[0] {
		case '(':
			depth++
		case ')':
			depth--
		case '"':
			p.quoted()
			continue
		}
		p.seg = p.seg[1:]
		if depth == 0 {
			return nil
		}
	}
}
