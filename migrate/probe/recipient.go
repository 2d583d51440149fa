package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
	"unicode"

	"github.com/emersion/go-smtp"
)

// Bounds of asking for recipients.
const (
	defaultPause  = 150 * time.Millisecond
	perConnection = 40 // recipients; servers count, and suspect who asks for many
)

// RecipientOptions say how a mail exchanger is asked. The zero value asks from
// this machine, at a pace that bothers nobody.
type RecipientOptions struct {
	Dial  Dialer
	Helo  string                                     // the name in EHLO; empty: the literal of our own address
	Pause time.Duration                              // between two recipients; 0 means 150 ms, less means none
	Sleep func(context.Context, time.Duration) error // nil: the system's clock
}

// An Answer is what a reply means for the recipient.
type Answer string

// The answers. Only the first two say something about the recipient.
const (
	Taken        Answer = "accepted"
	Turned       Answer = "refused"
	Inconclusive Answer = "inconclusive" // about us, or for the moment
	NotAsked     Answer = "not-asked"    // the connection ended before
)

// A Reply is what a mail exchanger says to one recipient.
type Reply struct {
	Recipient string
	Answer    Answer
	Code      int    // 0: not asked
	Enhanced  string // the enhanced status code, such as "5.1.1", or empty
	Text      string // printable
}

// String is the reply as evidence.
func (r Reply) String() string {
	if r.Code == 0 {
		return r.Recipient + ": not asked"
	}
	text := r.Text
	if r.Enhanced != "" {
		text = r.Enhanced + " " + text
	}
	return fmt.Sprintf("%s: %d %s", r.Recipient, r.Code, text)
}

// A Sounding is what a mail exchanger says to a control address that cannot
// exist, and to the recipients. Where the control is accepted the exchanger
// takes everybody, and its other answers prove nothing.
type Sounding struct {
	Exchanger string // host:port
	Control   Reply
	Replies   []Reply // one for each recipient, in their order
}

// ControlAddress makes an address of a domain that nobody has.
func ControlAddress(domain string) string { return NewToken() + "@" + domain }

// Recipients asks a mail exchanger (host:port) which recipients it would
// take: first the control, then each in a transaction of its own, from the
// null sender, and ended by RSET. Nothing is ever sent. A Reply for every
// recipient is returned, also beside an error; the error says why the rest was
// not asked, and is a *ReplyError where the exchanger does not talk to us.
// What is no address, or one beyond ASCII, is not asked for and no error.
// Acceptance is a hint, since some servers bounce later; refusal is a fact.
func Recipients(ctx context.Context, addr, control string, recipients []string, o RecipientOptions) (Sounding, error) {
	s := Sounding{Exchanger: addr, Control: Reply{Recipient: control, Answer: NotAsked}}
	err := checkAddress(control)
	if err != nil {
		return s, err
	}
	s.Replies = make([]Reply, len(recipients))
	asked := []*Reply{&s.Control}
	for i, to := range recipients {
		s.Replies[i] = Reply{Recipient: to, Answer: NotAsked}
		if checkAddress(to) == nil && ascii(to) {
			asked = append(asked, &s.Replies[i])
		}
	}
	for again := true; again && len(asked) > 0; {
		before := len(asked)
		asked, err = o.connection(ctx, addr, asked)
		// A server may end a connection when it likes; while it answers we come
		// back, unless it says that it has enough of us.
		enough := errors.As(err, new(*ReplyError)) || errors.As(err, new(*stopError))
		again = len(asked) < before && !enough
	}
	weigh(&s)
	if len(asked) == 0 {
		return s, nil
	}
	return s, fmt.Errorf("recipients at %s: %w", addr, err)
}

// connection asks for as many recipients as one connection takes and returns
// those that are left.
func (o RecipientOptions) connection(ctx context.Context, addr string, asked []*Reply) ([]*Reply, error) {
	conn, stop, err := exchange(ctx, addr, o.Dial)
	if err != nil {
		return asked, cause(ctx, err)
	}
	defer stop()
	c := smtp.NewClient(conn)
	c.CommandTimeout = exchangeTimeout
	if err := c.Hello(o.helo(conn)); err != nil {
		return asked, cause(ctx, reply("connect", err))
	}
	for n := 0; len(asked) > 0 && n < perConnection; n++ {
		if err := o.pause(ctx); err != nil {
			return asked, &stopError{err}
		}
		if err := ask(c, asked[0]); err != nil {
			return asked, cause(ctx, err)
		}
		asked = asked[1:]
	}
	_ = c.Quit() // nothing was sent that could be lost
	return asked, nil
}

// ask puts one recipient to the server. An error means that the reply is not
// known, or that the server does not take our mail at all.
func ask(c *smtp.Client, r *Reply) error {
	if err := c.Mail("", nil); err != nil {
		return reply("mail", err)
	}
	err := c.Rcpt(r.Recipient, nil)
	answer, refused := errors.AsType[*smtp.SMTPError](err)
	switch {
	case err == nil:
		r.Code = 250
	case refused && answer.Code == 421:
		return reply("rcpt", err) // it closes the connection
	case refused:
		r.Code, r.Text = answer.Code, printable(answer.Message, 200)
		if e := answer.EnhancedCode; e[0] > 0 {
			r.Enhanced = fmt.Sprintf("%d.%d.%d", e[0], e[1], e[2])
		}
	default:
		return reply("rcpt", err)
	}
	if err := c.Reset(); err != nil {
		return nil // this one was answered; the next will tell
	}
	return nil
}

func ascii(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) < 0
}

// A stopError ended the pause: the caller wants no more.
type stopError struct{ error }

func (e *stopError) Unwrap() error { return e.error }

func (o RecipientOptions) pause(ctx context.Context) error {
	d := o.Pause
	if d == 0 {
		d = defaultPause
	}
	switch {
	case d < 0:
		return nil
	case o.Sleep != nil:
		return o.Sleep(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// helo returns how we name ourselves. The literal of an address claims no
// name that could be checked and found wrong (RFC 5321, section 4.1.3).
func (o RecipientOptions) helo(conn net.Conn) string {
	if o.Helo != "" {
		return o.Helo
	}
	host, _, err := net.SplitHostPort(conn.LocalAddr().String())
	ip := net.ParseIP(host)
	switch {
	case err != nil || ip == nil:
		return "localhost"
	case ip.To4() == nil:
		return "[IPv6:" + host + "]"
	}
	return "[" + host + "]"
}
