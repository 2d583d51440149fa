package probe

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
	"github.com/mxmove/mxmove/mailbox/oauth"
)

// What a submission can end in, beside a network error.
var (
	ErrLogin     = errors.New("probe: submission server refused the login")
	ErrClearText = errors.New("probe: submission without TLS is refused")
	ErrRefused   = errors.New("probe: submission server refused the message")
	ErrTemporary = errors.New("probe: submission server asks to come back later")
	ErrArgument  = errors.New("probe: unusable address or token")
)

// submitTimeout is how long a submission server may be silent.
const submitTimeout = 30 * time.Second

// A Submission is a server that takes mail from users, and the login of one.
// TLS is always verified. Clear text is spoken with a loopback address only,
// as in a rehearsal.
type Submission struct {
	Addr        string      // host:port
	ImplicitTLS bool        // TLS from the first octet (port 465)
	StartTLS    bool        // STARTTLS required (port 587)
	TLS         *tls.Config // nil: the system's roots and the host of Addr
	Dial        Dialer
	Timeout     time.Duration // of silence; 0 = 30 s

	User     string
	Password string      // never shown
	SASL     sasl.Client // instead of User and Password, for one use

	// Bearer gives access tokens in place of the password, a new one besides
	// where the server refuses a token that is not new; nil: there are none.
	Bearer *oauth.Account
}

// String names the server and the user, and no secret.
func (s Submission) String() string { return s.User + " at " + s.Addr }

// GoString keeps the password out of %#v as well.
func (s Submission) GoString() string { return "probe.Submission{" + s.String() + "}" }

// A ReplyError is what a submission server answered. errors.Is tells it by
// ErrLogin, ErrTemporary and ErrRefused.
type ReplyError struct {
	Command string // "auth", "mail", "rcpt", "data", "connect"
	Code    int
	Text    string // printable
}

// Error names the command and the answer.
func (e *ReplyError) Error() string {
	return fmt.Sprintf("submission %s: server answered %d %s", e.Command, e.Code, e.Text)
}

// Is matches the sentinels.
func (e *ReplyError) Is(target error) bool {
	switch target {
	case ErrTemporary:
		return e.Code/100 == 4
	case ErrLogin:
		return e.Code/100 == 5 && (e.Command == "auth" || e.Code == 530)
	case ErrRefused:
		return e.Code/100 == 5 && e.Command != "auth" && e.Code != 530
	}
	return false
}

// NewToken returns a mark for one probe that no other message carries.
func NewToken() string { return "mxmove-" + strings.ToLower(rand.Text()) }

// Send submits one probe from an address of the domain to the probe mailbox
// and returns its Message-ID. The token stands in Message-ID and subject. It
// tries once, and once more where an access token was no longer good.
func Send(ctx context.Context, s Submission, from, to, token string, now time.Time) (messageID string, err error) {
	for _, address := range []string{from, to} {
		if err := checkAddress(address); err != nil {
			return "", err
		}
	}
	if err := checkToken(token); err != nil {
		return "", err
	}
	messageID = "<" + token + "@" + from[strings.LastIndexByte(from, '@')+1:] + ">"
	msg := compose(from, to, messageID, token, now)
	if err := s.send(ctx, from, to, msg); err != nil {
		return "", err
	}
	return messageID, nil
}

// send sends a message, with an access token where there are any.
func (s Submission) send(ctx context.Context, from, to string, msg []byte) error {
	if s.Bearer == nil {
		return s.once(ctx, nil, from, to, msg)
	}
	for {
		access, err := s.Bearer.Token(ctx)
		if err != nil {
			return fmt.Errorf("submission to %s: %w", s.Addr, cause(ctx, err))
		}
		err = s.once(ctx, access, from, to, msg)
		if _, refused := errors.AsType[*oauth.BearerError](err); !refused || !access.Cached() {
			return err
		}
	}
}

// once sends a message over a connection of its own.
func (s Submission) once(ctx context.Context, access *oauth.Token, from, to string, msg []byte) error {
	c, stop, err := s.connect(ctx)
	if err != nil {
		return fmt.Errorf("submission to %s: %w", s.Addr, cause(ctx, err))
	}
	defer stop()
	if err := s.submit(c, access, from, to, msg); err != nil {
		return cause(ctx, err)
	}
	return nil
}

// connect dials, greets and secures the connection. After ctx has ended every
// read on it fails at once: the client knows no context.
func (s Submission) connect(ctx context.Context) (c *smtp.Client, stop func(), err error) {
	host, _, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %s is not host:port", ErrArgument, printable(s.Addr, 64))
	}
	if !s.ImplicitTLS && !s.StartTLS && !loopback(host) {
		return nil, nil, ErrClearText
	}
	timeout := s.Timeout
	if timeout <= 0 {
		timeout = submitTimeout
	}
	dial := s.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: timeout}).DialContext
	}
	conn, err := dial(ctx, "tcp", s.Addr)
	if err != nil {
		return nil, nil, err
	}
	release := context.AfterFunc(ctx, func() { conn.Close() })
	stop = func() { release(); conn.Close() }
	// A peer that trickles octets must not hold the move for ever either.
	if err = conn.SetDeadline(time.Now().Add(timeout)); err == nil {
		c, err = s.greet(ctx, conn, host, timeout)
	}
	if err != nil {
		stop()
		return nil, nil, reply("connect", err)
	}
	return c, stop, nil
}

func (s Submission) greet(ctx context.Context, conn net.Conn, host string, timeout time.Duration) (*smtp.Client, error) {
	cfg := &tls.Config{}
	if s.TLS != nil {
		cfg = s.TLS.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName = host
	}
	var c *smtp.Client
	if s.StartTLS && !s.ImplicitTLS {
		var err error
		if c, err = smtp.NewClientStartTLS(conn, cfg); err != nil {
			return nil, err
		}
	} else {
		if s.ImplicitTLS {
			t := tls.Client(conn, cfg)
			if err := t.HandshakeContext(ctx); err != nil {
				return nil, err
			}
			conn = t
		}
		c = smtp.NewClient(conn)
	}
	c.CommandTimeout, c.SubmissionTimeout = timeout, 2*timeout
	return c, c.Hello("localhost")
}

func (s Submission) submit(c *smtp.Client, access *oauth.Token, from, to string, msg []byte) error {
	if err := s.login(c, access); err != nil {
		return reply("auth", err)
	}
	if err := c.Mail(from, nil); err != nil {
		return reply("mail", err)
	}
	if err := c.Rcpt(to, nil); err != nil {
		return reply("rcpt", err)
	}
	w, err := c.Data()
	if err != nil {
		return reply("data", err)
	}
	if _, err := w.Write(msg); err != nil {
		return reply("data", err)
	}
	if err := w.Close(); err != nil {
		return reply("data", err)
	}
	_ = c.Quit() // the message is accepted; how the server says goodbye is no matter
	return nil
}

// login uses the access token or the mechanism handed in, else PLAIN, else
// LOGIN. Without a user it does nothing.
func (s Submission) login(c *smtp.Client, access *oauth.Token) error {
	switch {
	case access != nil:
		return s.bearer(c, access)
	case s.SASL != nil:
		return c.Auth(s.SASL)
	case s.User == "":
		return nil
	case !c.SupportsAuth(sasl.Plain) && c.SupportsAuth(sasl.Login):
		return c.Auth(sasl.NewLoginClient(s.User, s.Password))
	}
	return c.Auth(sasl.NewPlainClient("", s.User, s.Password))
}

// bearer logs in with an access token, at the server that was configured.
func (s Submission) bearer(c *smtp.Client, access *oauth.Token) error {
	host, text, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	attempt, err := access.Attempt(host, port, c.SupportsAuth)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLogin, err)
	}
	err = c.Auth(attempt)
	if answer, ok := errors.AsType[*smtp.SMTPError](err); ok {
		answer.Message = attempt.Hide(answer.Message)
	}
	if err = reply("auth", err); errors.Is(err, ErrLogin) {
		return attempt.Refused(err)
	}
	return err
}

// compose writes the probe. Auto-Submitted keeps vacation answers away.
func compose(from, to, messageID, token string, now time.Time) []byte {
	var b strings.Builder
	for _, line := range []string{
		"From: <" + from + ">",
		"To: <" + to + ">",
		"Subject: mxmove probe " + token,
		"Date: " + now.Format(time.RFC1123Z),
		"Message-ID: " + messageID,
		"Auto-Submitted: auto-generated",
		"MIME-Version: 1.0",
		"Content-Type: text/plain; charset=us-ascii",
		"",
		"This message shows how mail of this domain is authenticated.",
		"It was sent by mxmove and can be deleted.",
		"",
		"Mark: " + token,
	} {
		b.WriteString(line + "\r\n")
	}
	return []byte(b.String())
}

// reply gives an answer of the server its command and printable words.
func reply(command string, err error) error {
	if err == nil {
		return nil
	}
	if answer, ok := errors.AsType[*smtp.SMTPError](err); ok {
		return &ReplyError{Command: command, Code: answer.Code, Text: printable(answer.Message, 200)}
	}
	return fmt.Errorf("submission %s: %w", command, err)
}

// cause puts why ctx ended before the error that a closed connection gives.
func cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); c != nil {
		return fmt.Errorf("%w: %w", c, err)
	}
	return err
}

func checkAddress(address string) error {
	a, err := mail.ParseAddress(address)
	if err != nil || a.Address != address || len(address) > 320 ||
		!dmarc.ValidName(strings.ToLower(address[strings.LastIndexByte(address, '@')+1:])) {
		return fmt.Errorf("%w: %q", ErrArgument, printable(address, 64))
	}
	return nil
}

func checkToken(token string) error {
	ok := len(token) >= 8 && len(token) <= 64
	for _, c := range token {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-')
	}
	if !ok {
		return fmt.Errorf("%w: token %q", ErrArgument, printable(token, 64))
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
