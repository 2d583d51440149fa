package imapconn

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// control is go-imap's client on a second connection, opened when it is first
// needed. It gets commands whose answers hold no outside data, since it does
// not survive any that is malformed.
type control struct {
	endpoint Endpoint
	login    Login
	s        *session
	client   *imapclient.Client
}

func (c *control) create(ctx context.Context, name string) error {
	return c.do(ctx, func(client *imapclient.Client) error { return client.Create(name, nil).Wait() })
}

func (c *control) subscribe(ctx context.Context, name string) error {
	return c.do(ctx, func(client *imapclient.Client) error { return client.Subscribe(name).Wait() })
}

// do runs a command that may be repeated. A connection that was closed while
// it lay idle is opened anew, once.
func (c *control) do(ctx context.Context, f func(*imapclient.Client) error) error {
	used := c.client != nil
	err := c.try(ctx, f)
	var refusal *ResponseError
	if used && err != nil && !errors.As(err, &refusal) && Class(err) != ClassCancelled {
		err = c.try(ctx, f)
	}
	return err
}

func (c *control) try(ctx context.Context, f func(*imapclient.Client) error) error {
	if c.client == nil {
		if err := c.open(ctx); err != nil {
			return err
		}
	}
	stop := c.s.conn.watch(ctx)
	defer stop()
	err := f(c.client)
	if err == nil {
		return nil
	}
	var refusal *imap.Error
	if errors.As(err, &refusal) && c.s.conn.cause() == nil {
		return &ResponseError{
			Status: string(refusal.Type),
			Code:   printable(string(refusal.Code)),
			Text:   printable(c.s.redact(refusal.Text)),
		}
	}
	err = c.s.reason(err)
	c.close()
	if Class(err) == ClassUnknown {
		err = fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return err
}

// open connects and logs in by our own rules, and hands the connection over
// with a greeting that says so.
func (c *control) open(ctx context.Context) error {
	s := new(session)
	if err := s.open(ctx, c.endpoint, c.login, nil); err != nil {
		return err
	}
	if s.r.Buffered() > 0 {
		return s.broken(fmt.Errorf("%w: words after login that nobody asked for", ErrProtocol))
	}
	c.s = s
	c.client = imapclient.New(&handover{Conn: s.nc, greeting: greetingOf(s.caps)}, nil)
	if err := c.client.WaitGreeting(); err != nil {
		c.close()
		return s.broken(err)
	}
	return nil
}

// greetingOf tells imapclient what it may use. IMAP4rev2 is kept from it: it
// would then write names in UTF-8, which servers expect only after ENABLE.
func greetingOf(caps Caps) string {
	names := slices.Sorted(maps.Keys(caps))
	names = slices.DeleteFunc(names, func(name string) bool {
		return name == "IMAP4REV2" || name == "IMAP4REV1"
	})
	return "* PREAUTH [CAPABILITY IMAP4rev1 " + strings.Join(names, " ") + "] ready\r\n"
}

func (c *control) close() {
	if c.client == nil {
		return
	}
	c.s.conn.kill(ErrClosed)
	_ = c.client.Close() // closed already; this waits for its reader
	c.client, c.s = nil, nil
}

// handover is a connection that begins with a greeting of ours. Deadlines set
// by imapclient are ignored: the connection below has its own, which bound
// silence and not the length of a message.
type handover struct {
	net.Conn
	greeting string
}

func (h *handover) Read(p []byte) (int, error) {
	if h.greeting != "" {
		n := copy(p, h.greeting)
		h.greeting = h.greeting[n:]
		return n, nil
	}
	return h.Conn.Read(p)
}

func (h *handover) SetDeadline(time.Time) error      { return nil }
func (h *handover) SetReadDeadline(time.Time) error  { return nil }
func (h *handover) SetWriteDeadline(time.Time) error { return nil }

// exists reports whether CREATE was refused because the mailbox is there.
func exists(err error) bool {
	var refusal *ResponseError
	if !errors.As(err, &refusal) {
		return false
	}
	text := strings.ToLower(refusal.Text)
	return refusal.Code == "ALREADYEXISTS" ||
		refusal.Code == "" && strings.Contains(text, "already exists")
}
