package lab

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// maxMail bounds a message that comes by SMTP.
const maxMail = 32 << 20

// An smtpServer is a go-smtp server whose end can be waited for.
type smtpServer struct {
	srv      *smtp.Server
	listener net.Listener
	served   chan struct{}

	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// startSMTP serves a backend under a host name on a free port of loopback.
// Implicit means TLS from the first octet, otherwise STARTTLS is offered.
func startSMTP(host string, tc *tls.Config, implicit bool, b smtp.Backend) (*smtpServer, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &smtpServer{srv: smtp.NewServer(b), listener: ln, served: make(chan struct{}), conns: make(map[net.Conn]struct{})}
	s.srv.Domain = host
	s.srv.TLSConfig = tc
	s.srv.MaxMessageBytes = maxMail
	s.srv.MaxRecipients = 100
	s.srv.ReadTimeout = time.Minute
	s.srv.WriteTimeout = time.Minute
	s.srv.ErrorLog = log.New(io.Discard, "", 0)
	go func() {
		defer close(s.served)
		_ = s.srv.Serve(tracked{s, implicit}) // ends when the listener is closed
	}()
	return s, nil
}

// Addr returns the server's "host:port".
func (s *smtpServer) Addr() string { return s.listener.Addr().String() }

// Close ends the server and its connections and waits for them.
func (s *smtpServer) Close() error {
	err := s.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil // a second call
	}
	<-s.served
	s.mu.Lock()
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	if serr := s.srv.Shutdown(context.Background()); !errors.Is(serr, net.ErrClosed) {
		err = errors.Join(err, serr)
	}
	return err
}

// tracked remembers the connections, so that Close reaches idle ones.
type tracked struct {
	s        *smtpServer
	implicit bool
}

// Accept puts TLS above the tracked connection, since go-smtp knows TLS by the
// type of what it gets.
func (t tracked) Accept() (net.Conn, error) {
	c, err := t.s.listener.Accept()
	if err != nil {
		return nil, err
	}
	t.s.mu.Lock()
	t.s.conns[c] = struct{}{}
	t.s.mu.Unlock()
	tc := &trackedConn{c, t.s}
	if t.implicit {
		return tls.Server(tc, t.s.srv.TLSConfig), nil
	}
	return tc, nil
}

func (t tracked) Close() error   { return t.s.listener.Close() }
func (t tracked) Addr() net.Addr { return t.s.listener.Addr() }

// A trackedConn is forgotten when it is closed.
type trackedConn struct {
	net.Conn
	s *smtpServer
}

func (c *trackedConn) Close() error {
	c.s.mu.Lock()
	delete(c.s.conns, c.Conn)
	c.s.mu.Unlock()
	return c.Conn.Close()
}

// A letter is one message on its way.
type letter struct {
	from string // MAIL FROM; empty for a bounce
	to   []string
	body []byte
}

// read takes in the octets of a DATA command.
func (l *letter) read(r io.Reader) error {
	body, err := io.ReadAll(io.LimitReader(r, maxMail+1))
	if err != nil {
		return err
	}
	if len(body) > maxMail {
		return &smtp.SMTPError{Code: 552, EnhancedCode: smtp.EnhancedCode{5, 3, 4}, Message: "message too large"}
	}
	l.body = body
	return nil
}

// hand gives a letter to the mail exchanger at addr. Helo is how the sender
// names itself. When ctx ends the connection is closed, which is what go-smtp
// notices.
func hand(ctx context.Context, addr, helo string, l letter) error {
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = nc.Close() })()
	c := smtp.NewClient(nc)
	defer c.Close()
	if err := c.Hello(helo); err != nil {
		return fmt.Errorf("greeting of %s: %w", addr, err)
	}
	if err := c.Mail(l.from, nil); err != nil {
		return fmt.Errorf("sender %s: %w", l.from, err)
	}
	for _, to := range l.to {
		if err := c.Rcpt(to, nil); err != nil {
			return fmt.Errorf("recipient %s: %w", to, err)
		}
	}
	w, err := c.Data()
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	if _, err := w.Write(l.body); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	return c.Quit()
}
