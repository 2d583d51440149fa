package resolver

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

const (
	maxTransfer = 64 << 20 // bytes
	maxRecords  = 500_000
)

// Transfer returns the whole zone as one server has it (RFC 5936). The key, or
// the client's where that is nil, signs the request; the stream then has to be
// signed from its first to its last message.
func (c *Client) Transfer(ctx context.Context, apex, addr string, key *TSIG) (zone.Zone, error) {
	apex = zone.Canonical(apex)
	if key == nil {
		key = c.TSIG
	}
	s := Server{Name: addr, Addr: withPort(addr)}
	rrs, err := c.transfer(ctx, s, apex, key)
	if err != nil {
		return zone.Zone{}, fmt.Errorf("transfer of %s from %s: %w", apex, s, err)
	}
	z := zone.New(apex, zone.AXFR)
	z.Serial = rrs[0].(*dns.SOA).Serial
	rrs = slices.DeleteFunc(rrs, func(rr dns.RR) bool {
		return rr.Header().Class != dns.ClassINET || !zone.Within(rr.Header().Name, apex)
	})
	for _, set := range zone.FromRRs(rrs) {
		z.Put(set)
	}
	return z, nil
}

// transfer returns the records from the first SOA up to the second, without
// that one.
func (c *Client) transfer(ctx context.Context, s Server, apex string, key *TSIG) ([]dns.RR, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	conn, err := c.open(ctx, "tcp", s)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	defer conn.Close()
	m := new(dns.Msg)
	m.SetAxfr(apex)
	out, mac, err := sign(m, key)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(tries * c.timeout())); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	if err := send(conn, "tcp", out); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	st := &stream{key: key, mac: mac}
	var rrs []dns.RR
	for n := 0; ; {
		raw, in, err := c.message(ctx, conn, m)
		if err != nil {
			return nil, err
		}
		if n += len(raw); n > maxTransfer || len(rrs) > maxRecords {
			return nil, ErrTooLarge
		}
		done, err := st.take(in, raw, apex, &rrs)
		if err != nil || done {
			return rrs, err
		}
	}
}

// message reads the next message of a transfer. Each has its own time: the
// whole takes as long as the zone is large.
func (c *Client) message(ctx context.Context, conn net.Conn, m *dns.Msg) ([]byte, *dns.Msg, error) {
	if err := conn.SetDeadline(time.Now().Add(tries * c.timeout())); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrNoAnswer, err) // the other side has closed already
	}
	if ctx.Err() != nil { // after the deadline, which a cancellation sets too
		return nil, nil, context.Cause(ctx)
	}
	raw, err := receive(conn, "tcp")
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, nil, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	in := new(dns.Msg)
	if err := in.Unpack(raw); err != nil || !in.Response || in.Id != m.Id {
		return nil, nil, fmt.Errorf("%w: %w", ErrNoAnswer, cmpErr(err, errMismatch))
	}
	return raw, in, nil
}
