package imapconn

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
	"github.com/mxmove/mxmove/mailbox/oauth"
)

// Source is the connection to the side that is read. Only commands that cannot
// change anything leave it; the octets themselves are checked.
type Source struct{ session }

// Target is the connection to the side that is written. A second connection is
// opened when the first CREATE or SUBSCRIBE needs it.
type Target struct {
	session
	control *control
}

// DialSource connects to a server that will only be read, and logs in.
func DialSource(ctx context.Context, e Endpoint, l Login) (*Source, error) {
	s := new(Source)
	if err := s.open(ctx, e, l, func(w io.Writer) io.Writer { return &guard{w: w} }); err != nil {
		return nil, err
	}
	return s, nil
}

// DialTarget connects to a server that will be written, and logs in.
func DialTarget(ctx context.Context, e Endpoint, l Login) (*Target, error) {
	t := &Target{control: &control{endpoint: e, login: l}}
	if err := t.open(ctx, e, l, nil); err != nil {
		return nil, err
	}
	return t, nil
}

// open connects, secures, greets and logs in. The context covers all of it,
// and nothing after it. An access token is had first, so that no server waits
// for it.
func (s *session) open(ctx context.Context, e Endpoint, l Login, filter func(io.Writer) io.Writer) error {
	s.addr, s.log, s.line = e.Addr, e.log(), e.Line
	if l.Bearer == nil {
		return s.attempt(ctx, e, l, nil, filter)
	}
	for {
		token, err := l.Bearer.Token(ctx)
		if err != nil {
			return fmt.Errorf("login of %s at %s: %w", l, printable(e.Addr), ended(ctx, err))
		}
		err = s.attempt(ctx, e, l, token, filter)
		var refusal *oauth.BearerError
		if err == nil || !token.Cached() || !errors.As(err, &refusal) {
			return err
		}
		// It was good by our clock and not by theirs. A new one is asked for,
		// and that one's refusal is final.
		s.caps, s.announced, s.preauth, s.bye = nil, "", false, nil
	}
}

// ended puts the end of ctx in place of the error that comes of it.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ErrCancelled, context.Cause(ctx))
	}
	return err
}

// attempt is open with one token, or none.
func (s *session) attempt(ctx context.Context, e Endpoint, l Login, token *oauth.Token, filter func(io.Writer) io.Writer) error {
	host, _, err := net.SplitHostPort(e.Addr)
	if err != nil {
		return fmt.Errorf("address %s: %w", printable(e.Addr), err)
	}
	nc, err := dial(ctx, e)
	if err != nil {
		return err
	}
	s.conn = newConn(nc, e.timeout())
	s.use(s.conn, filter)
	stop := s.conn.watch(ctx)
	defer stop()
	err = s.secure(ctx, e, host, filter)
	if err != nil {
		err = fmt.Errorf("connection to %s: %w", printable(e.Addr), s.reason(err))
	} else if err = s.login(l, token); err != nil {
		err = fmt.Errorf("login of %s at %s: %w", l, printable(e.Addr), s.reason(err))
	}
	if err != nil {
		s.conn.kill(err)
	}
	return err
}

func dial(ctx context.Context, e Endpoint) (net.Conn, error) {
	bounded, cancel := context.WithTimeout(ctx, e.timeout())
	defer cancel()
	connect := e.Dial
	if connect == nil {
		connect = new(net.Dialer).DialContext
	}
	nc, err := connect(bounded, "tcp", e.Addr)
	if err == nil {
		return nc, nil
	}
	return nil, fmt.Errorf("connection to %s: %w", printable(e.Addr), ended(ctx, err))
}

// use puts reader and writer on a connection.
func (s *session) use(nc net.Conn, filter func(io.Writer) io.Writer) {
	s.nc, s.r, s.filter = nc, wire.NewReader(nc, 0), filter
	s.w = bufio.NewWriterSize(s.filtered(nc), 64<<10)
}

// filtered is where commands go on their way to w.
func (s *session) filtered(w io.Writer) io.Writer {
	if s.filter == nil {
		return w
	}
	return s.filter(w)
}

// secure brings the connection to a greeting that can be believed.
func (s *session) secure(ctx context.Context, e Endpoint, host string, filter func(io.Writer) io.Writer) error {
	if e.StartTLS {
		return s.startTLS(ctx, e, host, filter)
	}
	if e.Insecure {
		if !loopback(s.conn.RemoteAddr()) {
			return fmt.Errorf("%w: clear text is for loopback addresses only", ErrInsecure)
		}
		return s.greeting(true)
	}
	if err := s.handshake(ctx, e, host, filter); err != nil {
		return err
	}
	return s.greeting(true)
}

func (s *session) startTLS(ctx context.Context, e Endpoint, host string, filter func(io.Writer) io.Writer) error {
	if err := s.greeting(false); err != nil {
		return err
	}
	tag, err := s.send(nil, text("STARTTLS"))
	if err != nil {
		return err
	}
	if err := s.flush(); err != nil {
		return err
	}
	if _, err := s.finish(tag, nil); err != nil {
		return fmt.Errorf("%w: STARTTLS refused: %w", ErrInsecure, err)
	}
	if s.r.Buffered() > 0 {
		// Somebody in between could have put words there that would pass for
		// the server's own (CVE-2011-0411 and its kin).
		return fmt.Errorf("%w: data between STARTTLS and TLS", ErrInsecure)
	}
	s.caps = nil // what was said in clear text does not count
	return s.handshake(ctx, e, host, filter)
}

func (s *session) handshake(ctx context.Context, e Endpoint, host string, filter func(io.Writer) io.Writer) error {
	cfg := e.TLS.Clone()
	if cfg == nil {
		cfg = new(tls.Config)
	}
	if cfg.InsecureSkipVerify && cfg.VerifyConnection == nil && cfg.VerifyPeerCertificate == nil {
		return fmt.Errorf("%w: the certificate would not be verified", ErrInsecure)
	}
	if cfg.ServerName == "" {
		cfg.ServerName = host
	}
	cfg.MinVersion = max(cfg.MinVersion, tls.VersionTLS12)
	if cfg.NextProtos == nil {
		cfg.NextProtos = []string{"imap"}
	}
	secure := tls.Client(s.conn, cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("TLS with %s: %w", printable(cfg.ServerName), err)
	}
	s.use(secure, filter)
	return nil
}

// greeting reads the server's first line. Where a session is already
// authenticated (PREAUTH) TLS can no longer be asked for (RFC 9051, section
// 7.1.4), so that is refused unless the connection is final.
func (s *session) greeting(final bool) error {
	p, err := s.next()
	if err != nil {
		return err
	}
	switch {
	case p.Kind == wire.Untagged && p.Name == "OK":
	case p.Kind == wire.Untagged && p.Name == "PREAUTH" && final:
		s.preauth = true
	case p.Kind == wire.Untagged && p.Name == "PREAUTH":
		return fmt.Errorf("%w: server is authenticated before STARTTLS", ErrInsecure)
	case p.Kind == wire.Untagged && p.Name == "BYE":
		return responseError(p)
	default:
		return fmt.Errorf("%w: no IMAP greeting", ErrProtocol)
	}
	s.product = p.Text
	if p.Code == "CAPABILITY" {
		s.caps = parseCaps(p.Args)
	}
	return nil
}

func loopback(a net.Addr) bool {
	host, _, err := net.SplitHostPort(a.String())
	return err == nil && net.ParseIP(host).IsLoopback()
}
