package imapconn

import (
	"context"
	"fmt"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// Raw is the bulk lane's view of a connection: commands are written and
// answers read by hand, so that many can be under way. One goroutine may write
// while another reads; the methods of the connection itself are not to be used
// until all commands have been answered. On a Source the allow-list holds here
// too.
//
// A write becomes visible to the server at Flush, or when the buffer is full.
type Raw struct{ s *session }

// Raw gives the lane its view.
func (s *session) Raw() *Raw {
	s.raw.Store(true)
	if s.compressible() && s.line.asks() {
		s.conn.gauge.leaving.Store(s.line)
	}
	return &Raw{s}
}

// Guard ties the connection to ctx until release is called: when ctx ends the
// connection is closed and whoever waits on it wakes with ErrCancelled.
func (r *Raw) Guard(ctx context.Context) (release func()) { return r.s.conn.watch(ctx) }

// Tag is the tag for the next command. Only the writing goroutine asks.
func (r *Raw) Tag() string { return r.s.nextTag() }

// Unselect leaves the open mailbox, where the server announces that it can be
// left without expunging anything. The answer comes with those to the lane's
// own commands. A server with a mailbox open looks at it after each APPEND to
// any other.
func (r *Raw) Unselect() error {
	s := r.s
	if s.mailbox == "" || !s.unselects() {
		return nil
	}
	s.mailbox, s.selected = "", wire.Selected{}
	_, err := r.WriteString(r.Tag() + " UNSELECT\r\n")
	return err
}

// Pays reports whether the connection had better be compressed before anything
// more is sent.
func (r *Raw) Pays() bool { return r.s.pays() }

// Compress lets all that follows go compressed, where the server agrees. All
// commands must have been answered. Its error ends the connection.
func (r *Raw) Compress() error { return r.s.compress() }

// Write implements io.Writer, into the buffer.
func (r *Raw) Write(p []byte) (int, error) {
	n, err := r.s.w.Write(p)
	return n, r.told(err)
}

// WriteString implements io.StringWriter, into the buffer.
func (r *Raw) WriteString(p string) (int, error) {
	n, err := r.s.w.WriteString(p)
	return n, r.told(err)
}

// Literal announces a literal of that size, as "{n+}" where the server takes
// it so and as "{n}" else. When sync is true the line has been flushed, and
// the octets may go only after a continuation request was read.
func (r *Raw) Literal(size int64) (sync bool, err error) {
	head, sync := literalHead(r.s.caps, size)
	return sync, r.announce(head, sync)
}

// SyncLiteral announces a literal for whose octets the server must ask, even
// where it would take them unasked: a message that it may refuse for its size
// is then not sent in vain.
func (r *Raw) SyncLiteral(size int64) error {
	return r.announce(fmt.Sprintf("{%d}\r\n", size), true)
}

func (r *Raw) announce(head string, flush bool) error {
	if _, err := r.WriteString(head); err != nil {
		return err
	}
	if flush {
		return r.Flush()
	}
	return nil
}

// Flush sends what was written.
func (r *Raw) Flush() error { return r.told(r.s.flush()) }

// Wait waits until the server says something or the connection ends. Nothing
// else may be read meanwhile.
func (r *Raw) Wait() { r.s.r.Wait() }

// Next reads the next response. Its error ends the connection.
func (r *Raw) Next() (*wire.Response, error) {
	p, err := r.s.next()
	if err != nil {
		return nil, r.s.broken(err)
	}
	return p, nil
}

// Answer is nil for an OK and the error to be classified for any other tagged
// response.
func (r *Raw) Answer(p *wire.Response) error { return r.s.answer(p) }

// told ends the connection for a write that failed, and says why it did.
func (r *Raw) told(err error) error {
	if err == nil {
		return nil
	}
	return r.s.broken(err)
}
