// Package imapconn is a connection to an IMAP server that cannot hang, cannot
// be fooled about TLS, and, on the source's side, cannot write.
//
// DialSource and DialTarget connect and log in. Both sides list, examine and
// fetch through the lenient grammar of package wire; only a Target can also
// create and store. One goroutine at a time owns a connection; for the bulk of
// APPENDs, Raw lets one goroutine write and another read.
//
// Each call takes a context. When that ends in the middle of a command the
// connection is closed, since nothing else wakes a blocked read, and the error
// is ErrCancelled together with the context's cause.
package imapconn

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"time"

	"github.com/emersion/go-sasl"

	"github.com/mxmove/mxmove/mailbox/oauth"
)

// DefaultTimeout is how long a peer may be silent, or refuse to take octets,
// before the connection counts as dead.
const DefaultTimeout = 60 * time.Second

// An Endpoint says where a server is and how to speak to it. The zero values
// of all fields but Addr are the safe defaults: implicit TLS, verified by the
// system's authorities.
type Endpoint struct {
	// Addr is host:port as configured; the host is the name that the
	// certificate must carry, unless TLS names another.
	Addr string

	// StartTLS asks for TLS after a greeting in clear text. Without it the
	// connection begins with TLS.
	StartTLS bool

	// Insecure allows clear text, to a loopback address only. With StartTLS it
	// changes nothing.
	Insecure bool

	// TLS may carry authorities, a server name or a pin (VerifyConnection);
	// nil is the default configuration. Verification cannot be switched off.
	TLS *tls.Config

	// Dial connects; nil means a net.Dialer. Rehearsals connect elsewhere.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// Timeout bounds each silence, not the whole of a command or a message;
	// 0 means DefaultTimeout.
	Timeout time.Duration

	// Line is what is known of the line to the server, shared by all who copy
	// over it; nil: connections are never compressed.
	Line *Line

	// Log gets a line per command; nil discards. Secrets never reach it.
	Log *slog.Logger
}

func (e Endpoint) timeout() time.Duration {
	if e.Timeout > 0 {
		return e.Timeout
	}
	return DefaultTimeout
}

func (e Endpoint) log() *slog.Logger {
	if e.Log != nil {
		return e.Log
	}
	return slog.New(slog.DiscardHandler)
}

// A Login says who logs in. It prints without its secrets.
type Login struct {
	User, Password string

	// AuthzID is the account to act for, where User is an administrator
	// (SASL PLAIN); usually empty.
	AuthzID string

	// Bearer replaces the password by access tokens: each login gets one that
	// is good, and one more where the server refuses a token that is not new.
	Bearer *oauth.Account

	// SASL replaces the password, by a mechanism of the caller's. It serves
	// one login; a Target may need a second one for its control connection, so
	// a mechanism must be able to start again.
	SASL sasl.Client
}

// String names the account without its secrets.
func (l Login) String() string {
	if l.AuthzID != "" {
		return printable(l.AuthzID) + " by " + printable(l.User)
	}
	return printable(l.User)
}

// GoString is String, so that no way of printing shows the password.
func (l Login) GoString() string { return "imapconn.Login(" + l.String() + ")" }

// LogValue is String for slog.
func (l Login) LogValue() slog.Value { return slog.StringValue(l.String()) }
