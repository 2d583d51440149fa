package resolver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/miekg/dns"
)

const fudge = 300 // seconds of clock difference that a signature survives

// Transact sends one message to a server over TCP, once, and returns its
// answer. With a key the message goes signed, and an answer that reports
// success has to be signed too. A key that the server does not take is an
// error that wraps ErrDenied; every other RCODE is the caller's to judge.
func (c *Client) Transact(ctx context.Context, s Server, m *dns.Msg, key *TSIG) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, tries*c.timeout())
	defer cancel()
	conn, err := c.open(ctx, "tcp", s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", s, ErrNoAnswer, err)
	}
	defer conn.Close()
	out, mac, err := sign(m, key)
	if err != nil {
		return nil, err
	}
	if err := send(conn, "tcp", out); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", s, ErrNoAnswer, err)
	}
	raw, err := receive(conn, "tcp")
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", s, ErrNoAnswer, err)
	}
	in := new(dns.Msg)
	if err := in.Unpack(raw); err != nil || !answers(in, m) {
		return nil, fmt.Errorf("%s: %w: %w", s, ErrNoAnswer, cmpErr(err, errMismatch))
	}
	if key != nil {
		err = verify(in, raw, *key, mac)
	}
	return in, err
}

// sign packs a message, with a signature where there is a key. The message
// itself stays as it was: miekg/dns takes the TSIG away while it signs.
func sign(m *dns.Msg, key *TSIG) (out []byte, mac string, err error) {
	if key == nil {
		out, err = m.Pack()
		return out, "", err
	}
	if err := key.Validate(); err != nil {
		return nil, "", err
	}
	signed := m.Copy()
	signed.SetTsig(key.name(), key.algorithm(), fudge, time.Now().Unix())
	return dns.TsigGenerate(signed, key.Secret, "", false)
}

// verify reports whether the answer to a signed message may be believed. A
// refusal may come unsigned: the server lacks the key it would sign with.
func verify(in *dns.Msg, raw []byte, key TSIG, mac string) error {
	t := in.IsTsig()
	if t != nil && t.Error != dns.RcodeSuccess {
		return fmt.Errorf("%w: key %s: %s", ErrDenied, key.name(), rcode(int(t.Error)))
	}
	if in.Rcode == dns.RcodeNotAuth {
		return fmt.Errorf("%w: key %s: %s", ErrDenied, key.name(), rcode(in.Rcode))
	}
	if t == nil {
		if in.Rcode != dns.RcodeSuccess {
			return nil
		}
		return fmt.Errorf("%w: key %s: the answer is not signed", ErrDenied, key.name())
	}
	// TsigVerify writes into the message.
	err := dns.TsigVerify(append([]byte(nil), raw...), key.Secret, mac, false)
	if errors.Is(err, dns.ErrTime) {
		return fmt.Errorf("%w: key %s: the clocks differ by more than %d seconds", ErrDenied, key.name(), fudge)
	}
	if err != nil {
		return fmt.Errorf("%w: key %s: signature of the answer: %w", ErrDenied, key.name(), err)
	}
	return nil
}
