// Package resolver asks the DNS: the authoritative servers of a zone, one by
// one and without recursion, and a recursive resolver for the view from
// outside. It never takes silence for an answer: a record is absent only when
// a server with authority says so.
package resolver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// What may go wrong when the DNS is asked. Absence is not among them: a
// record that is proven not to exist is a nil RRset without an error.
var (
	// ErrNoAnswer says that nothing is known: the server was silent, lame,
	// refused or failed. The same question later may be right.
	ErrNoAnswer = errors.New("resolver: no answer")
	// ErrDenied says that the server wants other credentials for this.
	ErrDenied = errors.New("resolver: permission denied")
	// ErrRefused is an ErrDenied that says nothing of a key: a server that is
	// being set up anew refuses what it allowed before and will allow again.
	ErrRefused = fmt.Errorf("%w: the server refuses", ErrDenied)
	// ErrNoZone says that no zone holds the name.
	ErrNoZone = errors.New("resolver: no such zone")
	// ErrTooLarge says that a transfer was given up because of its size.
	ErrTooLarge = errors.New("resolver: zone too large")
)

// A DialFunc opens a connection as net.Dialer.DialContext does. Network is
// "udp" or "tcp"; addr is an IP address and a port, or what the user wrote.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// A Client asks the DNS. The zero value asks the system's resolver and the
// servers of the delegation. It may be used by several goroutines at once, and
// holds no connection between two questions. It must not be copied after the
// first one.
type Client struct {
	Resolver string        // recursive resolver, "host:port"; "": the system's, from /etc/resolv.conf
	Servers  []string      // authoritative servers to ask, the primary first; none: those of the delegation
	Dial     DialFunc      // nil: net.Dialer
	Timeout  time.Duration // for one try of one query, of three; 0: 2 s
	TSIG     *TSIG         // for transfers; nil: unsigned
	TCP      bool          // ask over TCP only
	Log      *slog.Logger  // nil: silent

	memory memory // of servers that do not answer
}

// A Server is one address of an authoritative server.
type Server struct {
	Name string // "ns1.example.org.", or the address where only that is known
	Addr string // "192.0.2.53:53"
}

// String returns the server's name, and its address where that says more.
func (s Server) String() string {
	if s.Name == "" || s.Name == s.Addr {
		return s.Addr
	}
	return s.Name + " (" + s.Addr + ")"
}

const (
	defaultTimeout = 2 * time.Second
	tries          = 3
	ednsSize       = 1232 // DNS flag day 2020: never fragmented on the way
	parallel       = 8    // questions to one server, and servers, at a time
	maxServers     = 32
)

func (c *Client) timeout() time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return defaultTimeout
}

func (c *Client) log() *slog.Logger {
	if c.Log != nil {
		return c.Log
	}
	return slog.New(slog.DiscardHandler)
}

func (c *Client) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if c.Dial != nil {
		return c.Dial(ctx, network, addr)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, addr)
}
