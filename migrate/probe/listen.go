package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
	"golang.org/x/sync/errgroup"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
)

// Bounds on strangers: anybody can connect to port 25.
const (
	listenHold    = 2 * time.Minute // one connection, from first octet to last
	listenAtOnce  = 32              // connections
	listenPerPeer = 4               // of them from one address
)

// ListenOptions say what a Listener waits for.
type ListenOptions struct {
	Addr      string        // host:port, as ":25"
	Recipient string        // the only address that mail is taken for
	Tokens    []string      // of the probes that are awaited: what carries none is refused
	TLS       *tls.Config   // offered by STARTTLS; nil: a certificate made for the occasion
	Hold      time.Duration // how long one connection may last; 0: two minutes
}

// A Listener is a mail exchanger that takes the awaited probes and nothing
// else, on a machine that an MX record points to. What it takes it knows from
// the session itself: the connecting address, the HELO name and MAIL FROM. The
// caller closes it.
type Listener struct {
	o        ListenOptions
	server   *smtp.Server
	listener net.Listener
	serving  errgroup.Group

	mu    sync.Mutex
	conns map[*guest]struct{}
	peers map[netip.Addr]int
	found map[string]Found // by token
}

// A ListenError says why mail cannot be received on an address. errors.Is
// tells a port that is not permitted by fs.ErrPermission.
type ListenError struct {
	Addr string
	Err  error
}

// Error names the address, and what helps where the port is not permitted.
func (e *ListenError) Error() string {
	text := fmt.Sprintf("probe: mail cannot be received on %s: ", e.Addr)
	if errors.Is(e.Err, fs.ErrPermission) {
		return text + "the system keeps ports below 1024 for privileged programs; run this command as root, " +
			"give the program the right (setcap cap_net_bind_service=+ep), or listen on a higher port and lead port 25 there"
	}
	return text + e.Err.Error()
}

// Unwrap returns the cause.
func (e *ListenError) Unwrap() error { return e.Err }

// Listen opens the port and serves it until Close. An address that cannot be
// had is a *ListenError.
func Listen(o ListenOptions) (*Listener, error) {
	if err := checkAddress(o.Recipient); err != nil {
		return nil, err
	}
	for _, token := range o.Tokens {
		if err := checkToken(token); err != nil {
			return nil, err
		}
	}
	host := o.Recipient[strings.LastIndexByte(o.Recipient, '@')+1:]
	if o.TLS == nil {
		var err error
		if o.TLS, err = selfMade(host); err != nil {
			return nil, fmt.Errorf("certificate of %s: %w", host, err)
		}
	}
	if o.Hold <= 0 {
		o.Hold = listenHold
	}
	ln, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, &ListenError{Addr: o.Addr, Err: err}
	}
	l := &Listener{o: o, listener: ln, conns: map[*guest]struct{}{}, peers: map[netip.Addr]int{}, found: map[string]Found{}}
	l.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &reception{l: l, conn: c}, nil
	}))
	l.server.Domain = host
	l.server.TLSConfig = o.TLS
	l.server.MaxMessageBytes = maxProbe
	l.server.MaxRecipients = 1
	l.server.ReadTimeout, l.server.WriteTimeout = o.Hold, o.Hold
	l.server.ErrorLog = log.New(io.Discard, "", 0)
	l.serving.Go(func() error {
		_ = l.server.Serve(lobby{l}) // it ends when the listener is closed
		return nil
	})
	return l, nil
}

// Addr returns the address that is listened on.
func (l *Listener) Addr() string { return l.listener.Addr().String() }

// Find returns the probe with the token, or ErrNotFound while it is not there.
// The message has the trace fields of a receiver on top, which say what
// Envelope says.
func (l *Listener) Find(ctx context.Context, token string) (Found, error) {
	if ctx.Err() != nil {
		return Found{}, context.Cause(ctx)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if f, ok := l.found[token]; ok {
		return f, nil
	}
	return Found{}, ErrNotFound
}

// Close ends the listener with its connections and waits for them. It may be
// called twice.
func (l *Listener) Close() error {
	err := l.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	_ = l.serving.Wait()
	l.mu.Lock()
	for g := range l.conns {
		_ = g.Conn.Close()
	}
	l.mu.Unlock()
	if serr := l.server.Shutdown(context.Background()); !errors.Is(serr, net.ErrClosed) {
		err = errors.Join(err, serr)
	}
	return err
}

// A reception is one session of somebody who brings mail.
type reception struct {
	l     *Listener
	conn  *smtp.Conn
	from  string // empty before MAIL
	known bool   // the recipient was named
}

var (
	errSender    = &smtp.SMTPError{Code: 553, EnhancedCode: smtp.EnhancedCode{5, 1, 7}, Message: "not a usable sender"}
	errRecipient = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user here"}
	errNoProbe   = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "only an awaited probe is taken"}
)

// Reset forgets the message that was begun.
func (r *reception) Reset() { r.from, r.known = "", false }

// Logout has nothing to do: nobody logs in.
func (r *reception) Logout() error { return nil }

// Mail takes any sender whose address can be written down again.
func (r *reception) Mail(from string, _ *smtp.MailOptions) error {
	if r.from = returnPath("<" + from + ">"); r.from == "" || printable(r.from, 512) != r.from {
		r.from = ""
		return errSender
	}
	return nil
}

// Rcpt refuses everybody but the one.
func (r *reception) Rcpt(to string, _ *smtp.RcptOptions) error {
	if r.known = sameAddress(to, r.l.o.Recipient); !r.known {
		return errRecipient
	}
	return nil
}

// Data keeps a message that carries a token, and refuses any other.
func (r *reception) Data(body io.Reader) error {
	msg, err := io.ReadAll(io.LimitReader(body, maxProbe+1))
	if err != nil {
		return err
	}
	if len(msg) > maxProbe || !r.known {
		return errNoProbe
	}
	for _, token := range r.l.o.Tokens {
		if carries(msg, token) {
			r.l.keep(token, r.envelope(), r.trace(msg))
			return nil
		}
	}
	return errNoProbe
}

// keep remembers the first message with a token.
func (l *Listener) keep(token string, env Envelope, msg []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.found[token]; !ok {
		l.found[token] = Found{Mailbox: l.o.Addr, Message: msg, Envelope: &env}
	}
}

// envelope is how the message was handed in. An address of this machine or of
// a private network is that of something between the sender and us, which
// says nothing of the sender.
func (r *reception) envelope() Envelope {
	env := Envelope{Helo: r.conn.Hostname(), MailFrom: r.from}
	if ip := peerOf(r.conn.Conn()); outside(ip) {
		env.IP = ip
	}
	return env
}

// trace puts the fields of a receiving server on top (RFC 5321, section 4.4),
// so that the message alone tells what it takes to judge it again.
func (r *reception) trace(msg []byte) []byte {
	helo := dmarc.Canonical(r.conn.Hostname())
	if !dmarc.ValidName(helo) {
		helo = "unknown"
	}
	literal := peerOf(r.conn.Conn()).String()
	if strings.Contains(literal, ":") {
		literal = "IPv6:" + literal
	}
	with := "ESMTP"
	if _, ok := r.conn.TLSConnectionState(); ok {
		with = "ESMTPS"
	}
	path := r.from
	if path != NullSender {
		path = "<" + path + ">"
	}
	top := fmt.Sprintf("Return-Path: %s\r\nReceived: from %s ([%s])\r\n\tby %s with %s; %s\r\n",
		path, helo, literal, r.l.server.Domain, with, time.Now().UTC().Format(time.RFC1123Z))
	return append([]byte(top), msg...)
}

// sameAddress compares two addresses. The local part is ours, and its case is
// no matter.
func sameAddress(a, b string) bool {
	at := strings.LastIndexByte(a, '@')
	return at > 0 && strings.EqualFold(a[:at+1]+dmarc.Canonical(a[at+1:]), b)
}

// peerOf is the address at the other end, zero where there is none.
func peerOf(c net.Conn) netip.Addr {
	ap, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}
