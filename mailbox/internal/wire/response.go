package wire

import (
	"bytes"
	"io"
	"strconv"
	"strings"
)

// A Kind says what sort of line a response is.
type Kind int

// The kinds of responses.
const (
	Untagged     Kind = 0 // "* ..."
	Tagged       Kind = 1 // "A1 OK ..."
	Continuation Kind = 2 // "+ ..."
)

// A Response is one line of the server together with its literals. The fields
// say what stands at its beginning; data after the name is read by the methods
// named after it (Fetch, List, Status ...), once. It is valid until the next
// call of Reader.Next.
type Response struct {
	Kind Kind
	Tag  string // of a tagged response
	Num  uint32 // of "* 12 EXISTS"
	Name string // upper case: OK, NO, BAD, BYE, PREAUTH, CAPABILITY, LIST, FETCH ...
	Code string // upper case, of "[CODE args]"
	Args string // arguments of the code, as sent
	Text string // text for people; as sent, so not fit for a terminal

	r   *Reader
	seg []byte // rest of the line up to the next literal
	lit *Literal
	gap bool // nothing stood between the last literal and its line end

	fields []byte   // chosen header fields, where they are wanted
	labels []string // the same of labels
	want   bool     // they are
}

// IsStatus reports whether the response is OK, NO, BAD, BYE or PREAUTH.
func (p *Response) IsStatus() bool {
	switch p.Name {
	case "OK", "NO", "BAD", "BYE", "PREAUTH":
		return true
	}
	return false
}

// Rest is the data after the name of a response that holds no literal, such as
// CAPABILITY or SEARCH.
func (p *Response) Rest() string { return string(p.seg) }

func (p *Response) start(line []byte) error {
	word, rest := cutWord(line)
	switch word {
	case "+":
		p.Kind, p.Text = Continuation, string(rest)
		return nil
	case "*":
		p.Kind = Untagged
	default:
		p.Kind, p.Tag = Tagged, word
	}
	name, after := cutWord(rest)
	if n, err := strconv.ParseUint(name, 10, 32); err == nil && p.Kind == Untagged {
		p.Num = uint32(n)
		name, after = cutWord(after)
	}
	p.Name = strings.ToUpper(name)
	if p.IsStatus() {
		p.status(after)
		return nil
	}
	return p.setLine(after)
}

// setLine takes the next piece of text, and the literal behind it.
func (p *Response) setLine(line []byte) error {
	head, size, found, err := literalSize(line)
	if err != nil {
		return err
	}
	p.seg, p.lit = head, nil
	if found {
		// Reading the literal moves the buffer beneath the line.
		p.seg = bytes.Clone(head)
		p.lit = &Literal{Size: size, left: size, r: p.r}
	}
	return nil
}

// next skips what is left of the literal and takes the text behind it.
func (p *Response) next() error {
	if _, err := io.Copy(io.Discard, p.lit); err != nil {
		return err
	}
	line, err := p.r.line()
	if err != nil {
		return midway(err)
	}
	p.gap = len(line) == 0
	return p.setLine(line)
}

// discard reads the response to its end.
func (p *Response) discard() error {
	for p.lit != nil {
		if err := p.next(); err != nil {
			return err
		}
	}
	p.seg = nil
	return nil
}

// status cuts "[CODE args] text". An argument list ends at ")]", since
// keywords with a bracket in them occur (Gmail).
func (p *Response) status(line []byte) {
	code, ok := bytes.CutPrefix(line, []byte("["))
	if !ok {
		p.Text = string(line)
		return
	}
	name := code[:wordEnd(code, " ]")]
	args := code[len(name):]
	end := bytes.IndexByte(args, ']')
	if list := bytes.TrimLeft(args, " "); len(list) > 0 && list[0] == '(' {
		if e := bytes.Index(args, []byte(")]")); e >= 0 {
			end = e + 1
		}
	}
	if end < 0 {
		p.Text = string(line)
		return
	}
	p.Code = strings.ToUpper(string(name))
	p.Args = string(bytes.TrimSpace(args[:end]))
	p.Text = string(bytes.TrimLeft(args[end+1:], " "))
}

// cutWord cuts the first word off, with the blanks on both sides of it.
func cutWord(line []byte) (word string, rest []byte) {
	line = bytes.TrimLeft(line, " \t")
	n := wordEnd(line, " \t")
	return string(line[:n]), bytes.TrimLeft(line[n:], " \t")
}

func wordEnd(line []byte, stops string) int {
	if n := bytes.IndexAny(line, stops); n >= 0 {
		return n
	}
	return len(line)
}

// midway turns the end of the stream into the error that it is within a
// response.
func midway(err error) error {
	if err == io.EOF { //nolint:errorlint // bufio returns it unwrapped
		return io.ErrUnexpectedEOF
	}
	return err
}
