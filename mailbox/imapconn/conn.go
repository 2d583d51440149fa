package imapconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// conn lies directly on the socket, below TLS. It sets a deadline of its own
// for each read and write, so that a silent peer is noticed and a slow one is
// not, and it remembers the first error: what comes after it is only noise.
type conn struct {
	net.Conn
	timeout time.Duration

	in, out atomic.Int64 // octets
	wrote   atomic.Int64 // when octets last left, in Unix nanoseconds
	gauge   gauge

	mu  sync.Mutex
	err error
}

func newConn(nc net.Conn, timeout time.Duration) *conn {
	return &conn{Conn: nc, timeout: timeout}
}

// Read implements net.Conn. While octets still leave, the peer may be silent:
// it answers a long upload only at its end.
func (c *conn) Read(p []byte) (int, error) {
	for {
		if err := c.cause(); err != nil {
			return 0, err
		}
		if err := c.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
			return 0, c.fail(err)
		}
		began := c.gauge.began()
		n, err := c.Conn.Read(p)
		c.in.Add(int64(n))
		c.gauge.came(n, c.out.Load(), began)
		if n > 0 {
			return n, nil // an error with it will come again
		}
		if err == nil {
			continue
		}
		if errors.Is(err, os.ErrDeadlineExceeded) && time.Since(time.Unix(0, c.wrote.Load())) < c.timeout {
			continue
		}
		return 0, c.fail(err)
	}
}

// Write implements net.Conn. It writes in pieces, since a deadline holds for
// one call and a large one over a slow line needs longer.
func (c *conn) Write(p []byte) (int, error) {
	const piece = 64 << 10
	done := 0
	for done < len(p) || len(p) == 0 {
		if err := c.cause(); err != nil {
			return done, err
		}
		if err := c.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
			return done, c.fail(err)
		}
		began := c.gauge.began()
		n, err := c.Conn.Write(p[done:min(len(p), done+piece)])
		done += n
		c.out.Add(int64(n))
		c.gauge.left(n, began)
		if n > 0 {
			c.wrote.Store(time.Now().UnixNano())
		}
		if err != nil {
			return done, c.fail(err)
		}
		if len(p) == 0 {
			break
		}
	}
	return done, nil
}

// fail remembers the first error and gives it back whenever asked.
func (c *conn) fail(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = fmt.Errorf("%w for %s", ErrSilent, c.timeout)
		}
		c.err = err
	}
	return c.err
}

// cause is the error that ended the connection, nil while it lives.
func (c *conn) cause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// kill ends the connection for a reason, and wakes whoever is blocked on it.
func (c *conn) kill(reason error) {
	_ = c.fail(reason)
	_ = c.Conn.Close() // the reason is what counts
}

// watch kills the connection when ctx ends, until stop is called.
func (c *conn) watch(ctx context.Context) (stop func()) {
	cancelled := func() {
		c.kill(fmt.Errorf("%w: %w", ErrCancelled, context.Cause(ctx)))
	}
	if ctx.Err() != nil {
		cancelled()
		return func() {}
	}
	release := context.AfterFunc(ctx, cancelled)
	return func() { release() }
}
