package resolver_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/resolver"
)

// serveBytes is a DialFunc to a server that answers every message with the
// given bytes, the number of the question put in.
func serveBytes(answer []byte) resolver.DialFunc {
	return func(_ context.Context, network, _ string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			id := make([]byte, 2)
			if network == "tcp" {
				if _, err := io.ReadFull(theirs, id); err != nil {
					return
				}
			}
			buf := make([]byte, dns.MaxMsgSize)
			if _, err := theirs.Read(buf); err != nil {
				return
			}
			out := append(buf[:2:2], answer...)
			if network == "tcp" {
				out = append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...)
			}
			_, _ = theirs.Write(out)
		}()
		return ours, nil
	}
}

// body returns a message without its number.
func body(t testing.TB, build func(m *dns.Msg)) []byte {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion("example.org.", dns.TypeMX)
	m.Response, m.Authoritative, m.RecursionAvailable = true, true, true
	build(m)
	out, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return out[2:]
}

func rr(t testing.TB, text string) dns.RR {
	t.Helper()
	rr, err := dns.NewRR(text)
	if err != nil {
		t.Fatal(err)
	}
	return rr
}

func TestAnswersToOtherQuestionsAreIgnored(t *testing.T) {
	t.Parallel()
	forged := map[string]func(m *dns.Msg){
		"other name": func(m *dns.Msg) {
			m.Question[0].Name = "example.net."
			m.Answer = []dns.RR{rr(t, "example.org. 60 IN MX 1 evil.example.")}
		},
		"other type":  func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeA },
		"no question": func(m *dns.Msg) { m.Question = nil },
		"a question":  func(m *dns.Msg) { m.Response = false },
	}
	for name, build := range forged {
		for _, tcp := range []bool{false, true} {
			c := resolver.Client{Dial: serveBytes(body(t, build)), Timeout: 20 * time.Millisecond, TCP: tcp}
			got, err := c.Ask(t.Context(), resolver.Server{Addr: "192.0.2.1:53"}, "example.org", dns.TypeMX)
			if !errors.Is(err, resolver.ErrNoAnswer) {
				t.Errorf("%s, tcp %v: Ask = %s, %v; want ErrNoAnswer", name, tcp, data(got), err)
			}
		}
	}
}

func TestRecordsOfOthersAreLeftOut(t *testing.T) {
	t.Parallel()
	c := resolver.Client{Dial: serveBytes(body(t, func(m *dns.Msg) {
		m.Answer = []dns.RR{
			rr(t, "example.net. 60 IN MX 1 evil.example."),
			rr(t, "example.org. 60 CH MX 1 evil.example."),
			rr(t, "Example.ORG. 60 IN MX 1 mail.example."),
			rr(t, "example.org. 60 IN TXT evil"),
		}
	}))}
	got, err := c.Ask(t.Context(), resolver.Server{Addr: "192.0.2.1:53"}, "example.org", dns.TypeMX)
	if err != nil || data(got) != "60 1 mail.example." {
		t.Errorf("Ask = %s, %v; want the one record", data(got), err)
	}
}

func TestTransferOfAnotherZoneIsRefused(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string][]dns.RR{
		"no SOA first": {rr(t, "example.org. 60 IN MX 1 mail.example.")},
		"another apex": {rr(t, "example.net. 60 IN SOA a. b. 1 1 1 1 1")},
		"cut off":      {rr(t, "example.org. 60 IN SOA a. b. 1 1 1 1 1")},
		"changed":      {rr(t, "example.org. 60 IN SOA a. b. 1 1 1 1 1"), rr(t, "example.org. 60 IN SOA a. b. 2 1 1 1 1")},
	} {
		c := resolver.Client{Timeout: 20 * time.Millisecond, Dial: serveBytes(body(t, func(m *dns.Msg) {
			m.Question[0].Qtype = dns.TypeAXFR
			m.Answer = answer
		}))}
		if _, err := c.Transfer(t.Context(), "example.org", "192.0.2.1:53", nil); !errors.Is(err, resolver.ErrNoAnswer) {
			t.Errorf("%s: Transfer = %v, want ErrNoAnswer", name, err)
		}
	}
}

func TestTransferKeepsToTheZone(t *testing.T) {
	t.Parallel()
	c := resolver.Client{Dial: serveBytes(body(t, func(m *dns.Msg) {
		soa := rr(t, "example.org. 60 IN SOA a. b. 1 1 1 1 1")
		m.Question[0].Qtype = dns.TypeAXFR
		m.Answer = []dns.RR{soa, rr(t, "example.net. 60 IN A 192.0.2.1"), rr(t, "x.example.org. 60 IN A 192.0.2.1"), soa}
	}))}
	z, err := c.Transfer(t.Context(), "example.org", "192.0.2.1:53", nil)
	if err != nil || z.Len() != 2 {
		t.Errorf("Transfer = %q, %v; want the SOA and x", names(z), err)
	}
}
