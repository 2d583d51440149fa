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

// exchange connects and ties the connection to ctx.
func exchange(ctx context.Context, addr string, dial Dialer) (conn net.Conn, stop func(), err error) {
	if dial == nil {
		dial = (&net.Dialer{Timeout: exchangeTimeout}).DialContext
	}
	// A network that swallows what goes to port 25 would keep us for minutes.
	dialing, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	if conn, err = dial(dialing, "tcp", addr); err != nil {
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
