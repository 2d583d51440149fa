package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// MaxLine is how long one line of a response may be, literals not counted.
const MaxLine = 1 << 20

// Errors of a Reader. After any of them the place in the stream is lost and
// the connection is of no more use.
var (
	ErrLineTooLong = errors.New("wire: line too long")
	ErrLiteral     = errors.New("wire: literal size unreadable")
)

// A Reader cuts what a server sends into responses. It is not safe for use by
// several goroutines.
type Reader struct {
	br      *bufio.Reader
	maxLine int
	cur     *Response
	seen    map[string]flagSet
}

// NewReader reads from r. Lines may be up to maxLine octets long, 0 means
// MaxLine.
func NewReader(r io.Reader, maxLine int) *Reader {
	if maxLine <= 0 {
		maxLine = MaxLine
	}
	return &Reader{br: bufio.NewReaderSize(r, 64<<10), maxLine: maxLine}
}

// Buffered is how many octets were read from below and not yet given out.
func (r *Reader) Buffered() int { return r.br.Buffered() }

// Rest takes what was read from below and not given out. The Reader is of no
// more use then.
func (r *Reader) Rest() []byte {
	rest, _ := r.br.Peek(r.br.Buffered()) // it is there
	return rest
}

// Wait waits until something is to be read, or nothing will be.
func (r *Reader) Wait() { _, _ = r.br.Peek(1) } // Next tells an error

// Next gives the next response. What was left unread of the one before,
// literals included, is skipped. Empty lines and leading blanks, which some
// gateways send to show that they are alive, are passed over. An end of the
// stream between two responses is io.EOF, within one io.ErrUnexpectedEOF.
func (r *Reader) Next() (*Response, error) {
	if r.cur != nil {
		if err := r.cur.discard(); err != nil {
			return nil, err
		}
		r.cur = nil
	}
	for {
		line, err := r.line()
		if err != nil {
			return nil, err
		}
		line = bytes.TrimLeft(line, " \t")
		if len(line) == 0 {
			continue
		}
		resp := &Response{r: r}
		if err := resp.start(line); err != nil {
			return nil, err
		}
		r.cur = resp
		return resp, nil
	}
}

// line reads up to the next LF and cuts the line end off. The slice is valid
// until the next read only when it fitted the buffer; callers keep none.
func (r *Reader) line() ([]byte, error) {
	line, err := r.br.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line, err = r.longLine(line)
	}
	if err != nil {
		if errors.Is(err, io.EOF) && len(bytes.TrimSpace(line)) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if len(line) > r.maxLine+2 {
		return nil, ErrLineTooLong
	}
	line = line[:len(line)-1]
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, nil
}

func (r *Reader) longLine(head []byte) ([]byte, error) {
	line := bytes.Clone(head)
	for {
		more, err := r.br.ReadSlice('\n')
		line = append(line, more...)
		if len(line) > r.maxLine+2 {
			return nil, ErrLineTooLong
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// A Literal is a string sent as a count and that many octets. It is read once,
// in place; reading past its end is io.EOF, and a stream that ends before it
// is io.ErrUnexpectedEOF, never a plain end.
type Literal struct {
	Size int64
	left int64
	r    *Reader
}

// Read implements io.Reader.
func (l *Literal) Read(p []byte) (int, error) {
	if l.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > l.left {
		p = p[:l.left]
	}
	n, err := l.r.br.Read(p)
	l.left -= int64(n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// WriteTo implements io.WriterTo, so that a copy needs no buffer of its own.
func (l *Literal) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for l.left > 0 {
		if _, err := l.r.br.Peek(1); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return total, err
		}
		p, _ := l.r.br.Peek(int(min(l.left, int64(l.r.br.Buffered()))))
		n, err := w.Write(p)
		_, _ = l.r.br.Discard(n) // these octets lie in the buffer
		l.left -= int64(n)
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// literalSize looks for "{n}", "{n+}" or "~{n}" at the end of a line and gives
// the line without it. A brace that ends a word, as in an unquoted mailbox
// name, announces nothing.
func literalSize(line []byte) (head []byte, size int64, found bool, err error) {
	if len(line) < 3 || line[len(line)-1] != '}' {
		return line, 0, false, nil
	}
	open := bytes.LastIndexByte(line, '{')
	if open < 0 {
		return line, 0, false, nil
	}
	head = line[:open]
	if n := len(head); n > 0 && head[n-1] == '~' {
		head = head[:n-1]
	}
	if n := len(head); n > 0 && bytes.IndexByte([]byte(" \t(]>"), head[n-1]) < 0 {
		return line, 0, false, nil
	}
	digits := bytes.TrimSuffix(line[open+1:len(line)-1], []byte("+"))
	if len(digits) == 0 || bytes.ContainsFunc(digits, func(c rune) bool { return c < '0' || c > '9' }) {
		return line, 0, false, nil
	}
	size, err = strconv.ParseInt(string(digits), 10, 64)
	if err != nil {
		return line, 0, false, fmt.Errorf("%w: {%.40s}", ErrLiteral, digits)
	}
	return head, size, true, nil
}
