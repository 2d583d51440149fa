package resolver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// A manner says how a question is put.
type manner int

const (
	direct    manner = iota // to a server of the zone itself
	recursion               // to a resolver
	unchecked               // to a resolver, which shall not look at signatures
)

var errMismatch = errors.New("the answer is not to the question")

// query puts one question to one server, over UDP first and over TCP when the
// answer does not fit, in up to three tries. It returns whatever the server
// answered; only silence and broken messages are errors, and wrap ErrNoAnswer.
func (c *Client) query(ctx context.Context, s Server, q dns.Question, as manner) (*dns.Msg, error) {
	if _, ok := dns.IsDomainName(q.Name); !ok {
		return nil, fmt.Errorf("resolver: %q is no domain name", q.Name)
	}
	if err := c.memory.silence(s.Addr); err != nil {
		return nil, noAnswer(q.Name, q.Qtype, s, err)
	}
	var last error
	for attempt := range tries {
		in, err := c.try(ctx, s, q, as)
		if err == nil {
			c.memory.heard(s.Addr)
			return in, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		last = err
		c.log().DebugContext(ctx, "dns query", "server", s.String(), "rrset", q.Name+" "+dns.TypeToString[q.Qtype], "attempt", attempt+1, "err", err)
	}
	c.memory.silent(s.Addr, last, silentFor*c.timeout())
	return nil, noAnswer(q.Name, q.Qtype, s, last)
}

func (c *Client) try(ctx context.Context, s Server, q dns.Question, as manner) (*dns.Msg, error) {
	network := "udp"
	if c.TCP {
		network = "tcp"
	}
	in, err := c.once(ctx, network, s, question(q, as, true))
	if err == nil && in.Rcode == dns.RcodeFormatError {
		// RFC 6891, section 7: a server that does not know EDNS says FORMERR.
		in, err = c.once(ctx, network, s, question(q, as, false))
	}
	if err == nil && in.Truncated && network == "udp" {
		in, err = c.once(ctx, "tcp", s, question(q, as, true))
	}
	if err == nil && in.Truncated {
		return nil, errors.New("truncated over TCP")
	}
	return in, err
}

func question(q dns.Question, as manner, edns bool) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(q.Name, q.Qtype)
	m.RecursionDesired, m.CheckingDisabled = as != direct, as == unchecked
	if edns {
		m.SetEdns0(ednsSize, false)
	}
	return m
}

// once sends one message and reads the answer to it, within one timeout.
func (c *Client) once(ctx context.Context, network string, s Server, m *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout())
	defer cancel()
	conn, err := c.open(ctx, network, s)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	out, err := m.Pack()
	if err != nil {
		return nil, err
	}
	if err := send(conn, network, out); err != nil {
		return nil, err
	}
	for {
		raw, err := receive(conn, network)
		if err != nil {
			return nil, err
		}
		in := new(dns.Msg)
		err = in.Unpack(raw)
		switch {
		case err == nil && answers(in, m):
			return in, nil
		case network == "tcp" && err != nil:
			return nil, err
		case network == "tcp":
			return nil, errMismatch
		}
		// On UDP anybody may send us something: the true answer may follow.
	}
}

// open dials a server and ties the connection to the context, which must have
// an end.
func (c *Client) open(ctx context.Context, network string, s Server) (net.Conn, error) {
	conn, err := c.dial(ctx, network, s.Addr)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			conn.Close()
			return nil, err
		}
	}
	stop := context.AfterFunc(ctx, func() {
		_ = conn.SetDeadline(time.Unix(1, 0)) // it may be closed already
	})
	return tied{conn, stop}, nil
}

// tied is a connection that forgets its context when it is closed.
type tied struct {
	net.Conn
	stop func() bool
}

func (t tied) Close() error {
	t.stop()
	return t.Conn.Close()
}

func send(w io.Writer, network string, msg []byte) error {
	if network == "tcp" {
		if len(msg) > dns.MaxMsgSize-1 {
			return fmt.Errorf("message of %d bytes is too large", len(msg))
		}
		msg = append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)
	}
	_, err := w.Write(msg)
	return err
}

func receive(r io.Reader, network string) ([]byte, error) {
	if network == "udp" {
		buf := make([]byte, dns.MaxMsgSize)
		n, err := r.Read(buf)
		return buf[:n], err
	}
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	buf := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(r, buf)
	return buf, err
}

// answers reports whether in answers m: same number, same question. Some
// servers leave out the question when they refuse.
func answers(in, m *dns.Msg) bool {
	if !in.Response || in.Id != m.Id || in.Opcode != m.Opcode {
		return false
	}
	if len(in.Question) == 0 {
		return in.Rcode != dns.RcodeSuccess && in.Rcode != dns.RcodeNameError || m.Opcode == dns.OpcodeUpdate
	}
	got, want := in.Question[0], m.Question[0]
	return len(in.Question) == 1 && got.Qtype == want.Qtype && got.Qclass == want.Qclass && strings.EqualFold(got.Name, want.Name)
}
