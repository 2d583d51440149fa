package imapconn

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// Caps is the set of capabilities that a server announced after login, in
// upper case.
type Caps map[string]struct{}

// Has reports whether a capability was announced, in any case of letters.
func (c Caps) Has(name string) bool {
	_, ok := c[strings.ToUpper(name)]
	return ok
}

func parseCaps(text string) Caps {
	c := make(Caps)
	for word := range strings.FieldsSeq(text) {
		c[strings.ToUpper(word)] = struct{}{}
	}
	return c
}

// session is what both sides of a move do alike. It is logged in.
type session struct {
	addr    string
	conn    *conn    // on the socket
	nc      net.Conn // conn, or TLS over it
	w       *bufio.Writer
	r       *wire.Reader
	log     *slog.Logger
	tail    tail
	secrets []string // never to be repeated from what the server says

	busy sync.Mutex  // held while a command is under way
	raw  atomic.Bool // the lane may have left something unfinished

	caps      Caps
	announced string // the last list of capabilities that came unasked
	tag       int
	bye       *ResponseError

	line    *Line // nil: never compressed
	filter  func(io.Writer) io.Writer
	deflate flusher // below w and the filter; nil: not compressed
	trial   bool    // compression was asked for, and nothing has been answered by it

	preauth bool   // the greeting said so
	product string // how the server calls itself, in its greeting and to ID

	mailbox  string // wire name of the selected mailbox, empty for none
	selected wire.Selected
}

// Caps is what the server announced after login.
func (s *session) Caps() Caps { return s.caps }

// Tail is the end of the dialogue for a report, without data and secrets.
func (s *session) Tail() string { return s.tail.String() }

// Traffic is how many octets came and went on the socket, TLS included.
func (s *session) Traffic() (in, out int64) { return s.conn.in.Load(), s.conn.out.Load() }

// Alive reports whether nothing has ended the connection, as far as is known.
func (s *session) Alive() bool { return s.conn.cause() == nil }

// Close closes the connection, with a LOGOUT where that cannot end up within
// an unfinished command. It may be called at any time, from any goroutine, and
// more than once.
func (s *session) Close() error {
	if s.conn.cause() == nil && !s.raw.Load() && s.busy.TryLock() {
		// Nobody waits for the answer, and an error changes nothing.
		_, _ = s.w.WriteString(s.nextTag() + " LOGOUT\r\n")
		_ = s.flush()
		s.busy.Unlock()
	}
	s.conn.kill(ErrClosed)
	return nil
}

func (s *session) nextTag() string {
	s.tag++
	return "A" + strconv.Itoa(s.tag)
}

// A part is a piece of a command: text as it is, or a string that goes in
// quotes or as a literal.
type part struct {
	text   string
	string bool
}

func text(t string) part { return part{text: t} }
func str(t string) part  { return part{text: t, string: true} }

// A handler takes the untagged responses of a command. Its error ends the
// connection, as the rest of the answer is then of no use.
type handler func(*wire.Response) error

// run sends one command and reads up to its tagged answer. A NO or BAD is a
// *ResponseError and leaves the connection usable, any other error does not.
func (s *session) run(ctx context.Context, h handler, parts ...part) (*wire.Response, error) {
	stop, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	tag, err := s.send(h, parts...)
	if err != nil {
		return nil, s.broken(err)
	}
	if err := s.flush(); err != nil {
		return nil, s.broken(err)
	}
	return s.finish(tag, h)
}

// begin checks that the connection lives and ties it to ctx.
func (s *session) begin(ctx context.Context) (stop func(), err error) {
	if !s.busy.TryLock() {
		return nil, ErrBusy
	}
	if err := s.conn.cause(); err != nil {
		s.busy.Unlock()
		return nil, err
	}
	release := s.conn.watch(ctx)
	stop = func() {
		release()
		s.busy.Unlock()
	}
	if err := s.conn.cause(); err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

// send writes a command. It waits where a literal needs leave to go.
func (s *session) send(h handler, parts ...part) (tag string, err error) {
	tag = s.nextTag()
	verb, _, _ := strings.Cut(parts[0].text, " ")
	s.tail.command(tag, verb)
	s.log.Debug("command", "server", s.addr, "tag", tag, "verb", verb)
	out := tag + " "
	for _, p := range parts {
		quoted, literal := p.text, false
		if p.string {
			quoted, literal = wire.Quote(p.text)
		}
		if !literal {
			out += quoted
			continue
		}
		if err := s.sendLiteral(tag, out, p.text, h); err != nil {
			return tag, err
		}
		out = ""
	}
	_, err = s.w.WriteString(out + "\r\n")
	return tag, err
}

func (s *session) sendLiteral(tag, before, octets string, h handler) error {
	announce, sync := literalHead(s.caps, int64(len(octets)))
	if _, err := s.w.WriteString(before + announce); err != nil {
		return err
	}
	if sync {
		if err := s.flush(); err != nil {
			return err
		}
		if _, err := s.await(tag, h); err != nil {
			return err
		}
	}
	_, err := s.w.WriteString(octets)
	return err
}

// literalHead is how a literal of the given size is announced, and whether the
// server must agree before the octets go (RFC 7888).
func literalHead(caps Caps, size int64) (head string, sync bool) {
	plus := caps.Has("LITERAL+") || (size <= 4096 && (caps.Has("LITERAL-") || caps.Has("IMAP4REV2")))
	if plus {
		return "{" + strconv.FormatInt(size, 10) + "+}\r\n", false
	}
	return "{" + strconv.FormatInt(size, 10) + "}\r\n", true
}

// await reads up to a continuation request. A tagged answer in its place is
// the refusal of the command.
func (s *session) await(tag string, h handler) (*wire.Response, error) {
	for {
		p, err := s.next()
		if err != nil {
			return nil, err
		}
		switch {
		case p.Kind == wire.Continuation:
			return p, nil
		case p.Kind == wire.Tagged && p.Tag == tag && p.Name == "OK":
			return nil, fmt.Errorf("%w: command done before it was complete", ErrProtocol)
		case p.Kind == wire.Tagged && p.Tag == tag:
			return nil, s.answer(p)
		case p.Kind == wire.Untagged && h != nil:
			if err := h(p); err != nil {
				return nil, err
			}
		}
	}
}

// finish reads up to the tagged answer of a command.
func (s *session) finish(tag string, h handler) (*wire.Response, error) {
	for {
		p, err := s.next()
		if err != nil {
			return nil, s.broken(err)
		}
		if answered, err := s.heed(p, tag, h); answered || err != nil {
			return p, err
		}
	}
}

// heed takes a response while the answer to a command is awaited. Answered says
// that it is this one, with the refusal where it is one.
func (s *session) heed(p *wire.Response, tag string, h handler) (answered bool, err error) {
	switch {
	case p.Kind == wire.Tagged && p.Tag == tag:
		return true, s.answer(p)
	case p.Kind == wire.Tagged:
		return false, s.broken(fmt.Errorf("%w: answer to another command", ErrProtocol))
	case p.Kind == wire.Untagged && h != nil:
		if err := h(p); err != nil {
			return false, s.handled(err)
		}
	}
	return false, nil
}

// next reads a response and keeps a BYE for the error that will follow it.
func (s *session) next() (*wire.Response, error) {
	p, err := s.r.Next()
	if err != nil {
		return nil, err
	}
	if p.IsStatus() {
		p.Text = s.redact(p.Text)
	}
	s.tail.response(p)
	if p.Kind == wire.Tagged && s.deflate != nil {
		s.trial = false
	}
	switch {
	case p.IsStatus() && p.Code == "CAPABILITY":
		s.announced = p.Args
	case p.Kind == wire.Untagged && p.Name == "CAPABILITY":
		s.announced = p.Rest()
	}
	if p.Kind == wire.Untagged && p.Name == "BYE" {
		s.bye = responseError(p)
	}
	return p, nil
}

// redact takes secrets out of what a server repeats of our own words. One of
// a letter or two is in every sentence: taken out it could be guessed from the
// gaps, and the server's words, which say what is to be done, be read no more.
func (s *session) redact(text string) string {
	for _, secret := range s.secrets {
		if len(secret) > 2 {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}

// answer is nil for a tagged OK and a *ResponseError otherwise.
func (s *session) answer(p *wire.Response) error {
	switch p.Name {
	case "OK":
		return nil
	case "NO", "BAD":
		return responseError(p)
	}
	return s.broken(fmt.Errorf("%w: tagged %s", ErrProtocol, printable(p.Name)))
}

// broken ends the connection for an error in the middle of a dialogue and says
// what really happened: our own cancel, a silence, the server's BYE. A refusal
// passes through: the dialogue is in order behind it.
func (s *session) broken(err error) error {
	var refusal *ResponseError
	if errors.As(err, &refusal) && refusal.Status != "BYE" && s.conn.cause() == nil {
		return err
	}
	err = s.tried(s.reason(err))
	s.conn.kill(err)
	return err
}

// reason is why reading or writing failed, in the words of the lowest floor.
func (s *session) reason(err error) error {
	cause := s.conn.cause()
	switch {
	case errors.Is(cause, ErrCancelled), errors.Is(cause, ErrSilent), errors.Is(cause, ErrClosed):
		return cause
	case s.bye != nil && (cause != nil || network(err)):
		return fmt.Errorf("%w: %w", ErrClosed, s.bye)
	case cause != nil && !errors.Is(cause, io.EOF):
		return fmt.Errorf("%w: %w", ErrClosed, cause)
	case cause != nil, errors.Is(err, io.EOF):
		return fmt.Errorf("%w: %w", ErrClosed, io.ErrUnexpectedEOF)
	}
	return err
}

// handled ends the connection for an error of a handler. That is the handler's
// own, and stays as it is, unless the connection had gone first.
func (s *session) handled(err error) error {
	if s.conn.cause() != nil {
		return s.broken(err)
	}
	s.conn.kill(ErrClosed)
	return err
}
