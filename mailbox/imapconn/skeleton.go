// Package imapconn is a connection to an IMAP server.
package imapconn

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-sasl"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

var errSkeleton = errors.New("imapconn: not filled yet")

// An Endpoint is where and how to connect.
type Endpoint struct {
	Addr     string
	StartTLS bool
	Insecure bool
	TLS      *tls.Config
	Dial     func(ctx context.Context, network, addr string) (net.Conn, error)
	Timeout  time.Duration
	Log      *slog.Logger
}

// A Login is who logs in.
type Login struct {
	User, Password, AuthzID string
	SASL                    sasl.Client
}

// Caps is the set of capabilities.
type Caps map[string]struct{}

// Has reports whether a capability was announced.
func (c Caps) Has(name string) bool { _, ok := c[name]; return ok }

// A Namespace is a prefix and its delimiter.
type Namespace struct {
	Prefix string // wire bytes
	Delim  rune
}

// Namespaces is the answer to NAMESPACE.
type Namespaces struct{ Personal, Other, Shared []Namespace }

type session struct{}

func (s *session) Caps() Caps                                       { return nil }
func (s *session) List(ctx context.Context) ([]wire.Mailbox, error) { return nil, errSkeleton }
func (s *session) Namespaces(ctx context.Context) (Namespaces, error) {
	return Namespaces{}, errSkeleton
}
func (s *session) Examine(ctx context.Context, name string) (wire.Selected, error) {
	return wire.Selected{}, errSkeleton
}
func (s *session) Unselect(ctx context.Context) error { return errSkeleton }
func (s *session) Status(ctx context.Context, name string) (wire.Status, error) {
	return wire.Status{}, errSkeleton
}
func (s *session) Fetch(ctx context.Context, set wire.Set, headers bool, fn func(wire.Message) error) error {
	return errSkeleton
}
func (s *session) Bodies(ctx context.Context, uids []imap.UID, fn func(uid imap.UID, size int64, body io.Reader) error) error {
	return errSkeleton
}
func (s *session) Search(ctx context.Context, set wire.Set) ([]imap.UID, error) {
	return nil, errSkeleton
}
func (s *session) Raw() *Raw    { return nil }
func (s *session) Close() error { return nil }

// Source is a connection that cannot write.
type Source struct{ session }

// Target is a connection that can.
type Target struct{ session }

// DialSource connects.
func DialSource(ctx context.Context, e Endpoint, l Login) (*Source, error) { return nil, errSkeleton }

// DialTarget connects.
func DialTarget(ctx context.Context, e Endpoint, l Login) (*Target, error) { return nil, errSkeleton }

func (t *Target) Select(ctx context.Context, name string) (wire.Selected, error) {
	return wire.Selected{}, errSkeleton
}
func (t *Target) Create(ctx context.Context, name string) error    { return errSkeleton }
func (t *Target) Subscribe(ctx context.Context, name string) error { return errSkeleton }
func (t *Target) Store(ctx context.Context, uids []imap.UID, add bool, flags []imap.Flag) error {
	return errSkeleton
}
func (t *Target) Move(ctx context.Context, uids []imap.UID, name string) error { return errSkeleton }

// Raw is the append lane's view of a connection: one goroutine writes, one reads.
type Raw struct{}

func (r *Raw) Guard(ctx context.Context) (release func()) { return func() {} } // cancel of ctx closes the connection until released
func (r *Raw) Tag() string                                { return "" }        // next command tag
func (r *Raw) Write(p []byte) (int, error)                { return 0, errSkeleton }
func (r *Raw) WriteString(s string) (int, error)          { return 0, errSkeleton }
func (r *Raw) Literal(size int64) (sync bool, err error)  { return false, errSkeleton } // writes {n+} or {n}; sync: flushed, wait for a continuation before the octets
func (r *Raw) Flush() error                               { return errSkeleton }
func (r *Raw) Next() (*wire.Response, error)              { return nil, errSkeleton }

// Category is the class of an error.
type Category string

const (
	ClassNone       Category = ""
	ClassLogin      Category = "login"
	ClassPermission Category = "permission"
	ClassTemporary  Category = "temporary"
	ClassQuota      Category = "quota"
	ClassRefused    Category = "refused"
	ClassMissing    Category = "missing"
	ClassUnusable   Category = "unusable"
	ClassTLS        Category = "tls"
	ClassProtocol   Category = "protocol"
	ClassCancelled  Category = "cancelled"
	ClassUnknown    Category = "unknown"
)

// Class classifies.
func Class(err error) Category { return ClassUnknown }

// ResponseError is a NO, BAD or BYE.
type ResponseError struct{ Status, Code, Text string }

func (e *ResponseError) Error() string { return e.Text }

// ThrottleDelay is how long the server asks to wait.
func ThrottleDelay(err error) (time.Duration, bool) { return 0, false }
