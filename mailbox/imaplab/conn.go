package imaplab

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A conn is the front of one connection: imapserver reads from it and writes
// to it as if it were the network. It hands on one whole command at a time, so
// that whenever it is asked for more, everything before has been answered and
// it may answer a command itself.
type conn struct {
	net.Conn // the accepted connection; addresses only
	srv      *Server
	sess     *session // set by newSession, before the first Read
	in       *bufio.Reader
	pending  []byte // what imapserver has yet to read
	secure   bool
	broken   bool  // cut before the next octet is read
	err      error // why reading ended
	done     sync.Once
	ending   atomic.Bool // cut, and what had come before is being done

	mu       sync.Mutex
	raw      net.Conn // below TLS where there is any
	out      *bufio.Writer
	squeezed *squeezer // below out; nil: not compressed
	waiting  bool      // the client's next octet is awaited: nothing stays in out
	greeted  bool      // imapserver's greeting has gone
	caps     bool      // the next response holds a list of capabilities
	auth     string    // tag of the AUTHENTICATE that awaits a line without a tag
	mute     string    // tag of the command whose answer is cut off
	highest  bool      // HIGHESTMODSEQ was asked for
}

var errCut = errors.New("imaplab: connection cut")

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{Conn: nc, srv: s, raw: nc, caps: true}
	if s.opts.TLS != nil && !s.opts.StartTLS {
		c.raw, c.secure = tls.Server(nc, s.opts.TLS), true
	}
	c.in = bufio.NewReaderSize(source{c}, maxLine)
	c.out = bufio.NewWriterSize(sink{c}, maxLine)
	return c
}

// Deadlines are imapserver's, for the network; on loopback nothing is late.
func (c *conn) SetDeadline(time.Time) error      { return nil }
func (c *conn) SetReadDeadline(time.Time) error  { return nil }
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

// Close is called by imapserver when it has done with the connection.
func (c *conn) Close() error {
	c.mu.Lock()
	_ = c.flush() // the last word, such as BYE; the client may be gone
	c.mu.Unlock()
	err := c.Conn.Close()
	c.done.Do(func() { c.srv.gone(c) })
	return err
}

// cut closes the connection under imapserver, which then notices and ends.
// A reset instead of an orderly end, so that nothing on the way arrives.
func (c *conn) cut() { c.cutBy(Reset) }

func (c *conn) cutBy(end End) {
	c.ending.Store(true)
	if tc, ok := c.Conn.(*net.TCPConn); ok && end == Reset {
		_ = tc.SetLinger(0)
	}
	_ = c.Conn.Close()
}

// source is where in reads: it sends what has been written before it waits.
type source struct{ c *conn }

func (s source) Read(p []byte) (int, error) {
	c := s.c
	if c.broken { // what came before the cut has been done by now
		c.cutBy(c.srv.faults.end(Reset))
		return 0, errCut
	}
	c.mu.Lock()
	err := c.flush()
	c.waiting = true
	raw := c.raw
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.waiting = false
		c.mu.Unlock()
	}()
	if err != nil {
		return 0, err
	}
	n, err := raw.Read(p)
	n, c.broken = c.srv.faults.pass(n, &c.srv.faults.in)
	return n, err
}

// sink is where out writes. The caller holds mu.
type sink struct{ c *conn }

func (s sink) Write(p []byte) (int, error) {
	n, cut := s.c.srv.faults.pass(len(p), &s.c.srv.faults.out)
	n, err := s.c.raw.Write(p[:n])
	if cut {
		s.c.cutBy(s.c.srv.faults.end(Close))
		return n, errCut
	}
	return n, err
}

// Write takes a response from imapserver, which begins each with a new call.
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mute != "" && bytes.HasPrefix(p, []byte(c.mute+" ")) {
		c.cut()
		return 0, errCut
	}
	if c.auth != "" && bytes.HasPrefix(p, []byte(c.auth+" ")) {
		c.auth = ""
	}
	text := p
	if c.caps && announced.Match(p) {
		c.caps = false
		text = announced.ReplaceAllLiteral(p, []byte("CAPABILITY "+joinCaps(c.capabilities())))
	}
	if !c.greeted && c.srv.opts.Greeting != "" {
		text = []byte("* OK " + c.srv.opts.Greeting + "\r\n")
	}
	c.greeted = true
	if _, err := c.out.Write(c.withHighest(text)); err != nil {
		return 0, err
	}
	if c.waiting {
		return len(p), c.flush()
	}
	return len(p), nil
}

// writeLines writes responses of our own. It may only be called where
// imapserver is between two responses: before a command is handed on, or from
// within a session's method before that has written.
func (c *conn) writeLines(lines []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, line := range lines {
		if _, err := c.out.WriteString(line + "\r\n"); err != nil {
			return err
		}
	}
	if c.waiting {
		return c.flush()
	}
	return nil
}

// reply writes one line of our own.
func (c *conn) reply(format string, args ...any) error {
	return c.writeLines([]string{fmt.Sprintf(format, args...)})
}

// Read gives imapserver the next command.
func (c *conn) Read(p []byte) (int, error) {
	for len(c.pending) == 0 {
		if c.err == nil {
			c.err = c.next()
		}
		if c.err != nil { // imapserver reads once more after an error
			return 0, c.err
		}
	}
	n := copy(p, c.pending)
	c.pending = c.pending[n:]
	return n, nil
}

// startTLS changes to TLS. What the client sent ahead in clear text is thrown
// away, as it must be (RFC 9051, section 11.1).
func (c *conn) startTLS(tag string) error {
	if err := c.reply("%s OK begin", tag); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.flush(); err != nil {
		return err
	}
	c.raw, c.secure = tls.Server(c.Conn, c.srv.opts.TLS), true
	c.in.Reset(source{c})
	return nil
}
