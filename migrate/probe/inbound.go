package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/emersion/go-smtp"
)

// A DeliveryError is what a mail exchanger answered to a message from outside.
// It says nothing about others' mail: exchangers are strict with strangers.
type DeliveryError struct {
	Addr    string
	Command string // "connect", "mail", "rcpt" or "data"
	Code    int
	Text    string // printable
}

// Error names the exchanger, the command and the answer.
func (e *DeliveryError) Error() string {
	return fmt.Sprintf("delivery at %s: %s: server answered %d %s", e.Addr, e.Command, e.Code, e.Text)
}

// inboundSender stands in the From header of a probe from outside. The domain
// is reserved (RFC 2606), so that the probe claims nobody's name.
const inboundSender = "mxmove@probe.invalid"

// errNoTLS says that an exchanger does not offer STARTTLS.
var errNoTLS = errors.New("probe: the exchanger offers no TLS")

// Deliver hands one marked message to a mail exchanger (host:port) as somebody
// outside does: without a login, with the null sender, and with TLS where the
// exchanger offers it, whoever vouches for its certificate. It tries once. An
// answer that refuses is a *DeliveryError; any other error means that the
// exchanger was not reached, as on the many networks that let nothing out to
// port 25.
func Deliver(ctx context.Context, addr string, dial Dialer, to, token string, now time.Time) error {
	if err := checkAddress(to); err != nil {
		return err
	}
	if err := checkToken(token); err != nil {
		return err
	}
	msg := compose(inboundSender, to, "<"+token+"@probe.invalid>", token, now)
	command, err := deliver(ctx, addr, dial, true, to, msg)
	if errors.Is(err, errNoTLS) {
		command, err = deliver(ctx, addr, dial, false, to, msg)
	}
	if answer, ok := errors.AsType[*smtp.SMTPError](err); ok {
		return &DeliveryError{Addr: addr, Command: command, Code: answer.Code, Text: printable(answer.Message, 200)}
	}
	if err != nil {
		return fmt.Errorf("delivery at %s: %s: %w", addr, command, cause(ctx, err))
	}
	return nil
}

// deliver is one connection. It names the command that an error belongs to.
func deliver(ctx context.Context, addr string, dial Dialer, secure bool, to string, msg []byte) (command string, err error) {
	conn, stop, err := exchange(ctx, addr, dial)
	if err != nil {
		return "connect", err
	}
	defer stop()
	c := smtp.NewClient(conn)
	if secure {
		// Mail between servers is encrypted against listeners alone (RFC 7435):
		// certificates of exchangers are often for other names.
		if c, err = smtp.NewClientStartTLS(conn, &tls.Config{InsecureSkipVerify: true}); err != nil {
			if _, answered := errors.AsType[*smtp.SMTPError](err); !answered && ctx.Err() == nil {
				err = fmt.Errorf("%w: %w", errNoTLS, err)
			}
			return "connect", err
		}
	}
	c.CommandTimeout, c.SubmissionTimeout = exchangeTimeout, exchangeTimeout
	if !secure {
		if err := c.Hello(RecipientOptions{}.helo(conn)); err != nil {
			return "connect", err
		}
	}
	return give(c, to, msg)
}

// give hands the message over.
func give(c *smtp.Client, to string, msg []byte) (command string, err error) {
	if err := c.Mail("", nil); err != nil {
		return "mail", err
	}
	if err := c.Rcpt(to, nil); err != nil {
		return "rcpt", err
	}
	w, err := c.Data()
	if err != nil {
		return "data", err
	}
	if _, err := w.Write(msg); err != nil {
		return "data", err
	}
	if err := w.Close(); err != nil {
		return "data", err
	}
	_ = c.Quit() // the message is accepted; how the server says goodbye is no matter
	return "", nil
}
