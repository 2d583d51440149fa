package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"time"

	"github.com/emersion/go-smtp"
)

// A Dialer connects, as net.Dialer.DialContext does. Nil means that one.
type Dialer func(ctx context.Context, network, addr string) (net.Conn, error)

// Bounds of a look at a mail exchanger.
const (
	exchangeTimeout = 20 * time.Second
	maxGreeting     = 16 << 10
)

// Greeting connects to a mail exchanger (host:port) and returns the words it
// greets with, printable. A greeting that refuses is a *ReplyError. That
// nobody answers says little: many networks let nothing out to port 25.
func Greeting(ctx context.Context, addr string, dial Dialer) (string, error) {
	conn, stop, err := exchange(ctx, addr, dial)
	if err != nil {
		return "", fmt.Errorf("greeting of %s: %w", addr, cause(ctx, err))
	}
	defer stop()
	r := textproto.NewReader(bufio.NewReader(io.LimitReader(conn, maxGreeting)))
	_, text, err := r.ReadResponse(220)
	if answer, ok := errors.AsType[*textproto.Error](err); ok {
		return "", &ReplyError{Command: "connect", Code: answer.Code, Text: printable(answer.Msg, 200)}
	}
	if err != nil {
		return "", fmt.Errorf("greeting of %s: %w", addr, cause(ctx, err))
	}
	_, _ = io.WriteString(conn, "QUIT\r\n") // for politeness; the answer is no matter
	return printable(text, 200), nil
}

// A Reply is what a mail exchanger says to one recipient.
type Reply struct {
	Recipient string
	Code      int    // 0: not asked, the connection ended before
	Text      string // printable
}

// Accepted reports whether the recipient would be taken.
func (r Reply) Accepted() bool { return r.Code/100 == 2 }

// Refused reports whether the recipient is refused for good. A 4xx answer,
// as of greylisting, is neither.
func (r Reply) Refused() bool { return r.Code/100 == 5 }

// Recipients asks a mail exchanger which recipients it would take, from the
// null sender, and sends nothing. An answer for every recipient is returned,
// also beside an error. Many servers take everybody here and bounce later:
// acceptance is a hint, refusal is a fact.
func Recipients(ctx context.Context, addr string, dial Dialer, recipients []string) ([]Reply, error) {
	replies := make([]Reply, len(recipients))
	for i, to := range recipients {
		if err := checkAddress(to); err != nil {
			return nil, err
		}
		replies[i].Recipient = to
	}
	conn, stop, err := exchange(ctx, addr, dial)
	if err != nil {
		return replies, fmt.Errorf("recipients at %s: %w", addr, cause(ctx, err))
	}
	defer stop()
	c := smtp.NewClient(conn)
	c.CommandTimeout = exchangeTimeout
	if err := c.Mail("", nil); err != nil {
		return replies, cause(ctx, reply("mail", err))
	}
	for i, to := range recipients {
		err := reply("rcpt", c.Rcpt(to, nil))
		answer, ok := errors.AsType[*ReplyError](err)
		switch {
		case err == nil:
			replies[i].Code = 250
		case ok:
			replies[i].Code, replies[i].Text = answer.Code, answer.Text
		default:
			return replies, cause(ctx, err)
		}
	}
	_ = c.Quit() // nothing was sent that could be lost
	return replies, nil
}

// exchange connects and ties the connection to ctx.
func exchange(ctx context.Context, addr string, dial Dialer) (conn net.Conn, stop func(), err error) {
	if dial == nil {
		dial = (&net.Dialer{Timeout: exchangeTimeout}).DialContext
	}
	if conn, err = dial(ctx, "tcp", addr); err != nil {
		return nil, nil, err
	}
	release := context.AfterFunc(ctx, func() { conn.Close() })
	stop = func() { release(); conn.Close() }
	if err = conn.SetDeadline(time.Now().Add(exchangeTimeout)); err != nil {
		stop()
		return nil, nil, err
	}
	return conn, stop, nil
}
