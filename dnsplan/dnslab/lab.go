// Package dnslab is authoritative DNS on loopback, for the demo and for tests:
// several zones, transfers and dynamic updates under TSIG, secondaries that
// lag, a resolver over the same zones, and faults on demand. It speaks the
// real protocol over UDP and TCP, so that what works here was tried on the
// wire.
package dnslab

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

// A Key is a TSIG key that the lab accepts for transfers and updates.
type Key struct {
	Name      string
	Algorithm string // "hmac-sha256"
	Secret    string // base64
}

// Options say what a lab serves. The zero value serves nothing.
type Options struct {
	Zones     []zone.Zone
	Keys      []Key            // none: transfers and updates are refused
	Recursive bool             // answer as a resolver does, see Resolver
	Now       func() time.Time // clock of the secondaries' lag; nil: time.Now
}

// A Lab is one server on a loopback port of its own. All methods may be used
// while it serves. Servers made from it by Secondary and Resolver share its
// zones and are closed with it.
type Lab struct {
	store     *store
	keys      map[string]string
	recursive bool
	secondary bool
	addr      string
	servers   []*dns.Server
	serving   errgroup.Group
	closing   sync.Once

	mu       sync.Mutex
	lag      time.Duration
	frozen   *version
	faults   []*Fault
	queries  []Query
	children []*Lab
	closed   error
}

// Start serves the zones on 127.0.0.1, on one free port for UDP and TCP. The
// caller closes the lab.
func Start(o Options) (*Lab, error) {
	keys := make(map[string]string) // never nil: miekg/dns would then check no signature
	for _, k := range o.Keys {
		keys[zone.Canonical(k.Name)] = k.Secret
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	l := &Lab{store: newStore(o.Now), keys: keys, recursive: o.Recursive}
	for _, z := range o.Zones {
		if err := l.Put(z); err != nil {
			return nil, err
		}
	}
	l.store.settle()
	return l, l.listen()
}

// Secondary starts a second server, which shows what the first one showed the
// given time ago, or, with a negative lag, never sees a change. SetLag changes
// that. It takes no updates.
func (l *Lab) Secondary(lag time.Duration) (*Lab, error) {
	s := &Lab{store: l.store, keys: l.keys, secondary: true, lag: max(lag, 0)}
	if lag < 0 {
		s.Freeze()
	}
	return s, l.adopt(s)
}

// Resolver starts a server that answers for all the lab's zones as a recursive
// resolver does: with RA, without authority, following aliases from zone to
// zone. What no zone holds does not exist.
func (l *Lab) Resolver() (*Lab, error) {
	r := &Lab{store: l.store, keys: l.keys, recursive: true}
	return r, l.adopt(r)
}

func (l *Lab) adopt(child *Lab) error {
	if err := child.listen(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.children = append(l.children, child)
	return nil
}

// Addr returns the server's address, for UDP and TCP.
func (l *Lab) Addr() string { return l.addr }

// Close stops the server and those made from it, and waits for them. It may
// be called again.
func (l *Lab) Close() error {
	l.closing.Do(func() {
		l.mu.Lock()
		children := l.children
		l.mu.Unlock()
		for _, c := range children {
			l.closed = errors.Join(l.closed, c.Close())
		}
		for _, s := range l.servers {
			l.closed = errors.Join(l.closed, s.Shutdown())
		}
		l.closed = errors.Join(l.closed, l.serving.Wait())
	})
	return l.closed
}

// listen finds a port that is free for both TCP and UDP and serves on it.
func (l *Lab) listen() error {
	var last error
	for range 20 {
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("dnslab: %w", err)
		}
		udp, err := net.ListenPacket("udp", tcp.Addr().String())
		if err != nil {
			last = errors.Join(err, tcp.Close())
			continue
		}
		l.addr = tcp.Addr().String()
		l.serve(&dns.Server{Listener: tcp})
		l.serve(&dns.Server{PacketConn: udp})
		return nil
	}
	return fmt.Errorf("dnslab: no port for both UDP and TCP: %w", last)
}

// serve returns when the server is ready: a Shutdown before that has no
// effect.
func (l *Lab) serve(s *dns.Server) {
	ready := make(chan struct{})
	s.NotifyStartedFunc = func() { close(ready) }
	s.Handler = dns.HandlerFunc(l.handle)
	s.MsgAcceptFunc = accept
	s.TsigSecret = l.keys
	l.servers = append(l.servers, s)
	l.serving.Go(s.ActivateAndServe)
	<-ready
}

// accept lets updates through, which the library's own function refuses.
func accept(h dns.Header) dns.MsgAcceptAction {
	const response = 1 << 15
	switch opcode := int(h.Bits>>11) & 0xF; {
	case h.Bits&response != 0:
		return dns.MsgIgnore
	case opcode != dns.OpcodeQuery && opcode != dns.OpcodeUpdate:
		return dns.MsgRejectNotImplemented
	case h.Qdcount != 1:
		return dns.MsgReject
	}
	return dns.MsgAccept
}

// handle answers one message, or breaks it as a fault says.
func (l *Lab) handle(w dns.ResponseWriter, r *dns.Msg) {
	network := w.RemoteAddr().Network()
	q := Query{
		Name: zone.Canonical(r.Question[0].Name), Type: r.Question[0].Qtype,
		Network: network, Recurse: r.RecursionDesired, Update: r.Opcode == dns.OpcodeUpdate,
		Unchecked: r.CheckingDisabled,
	}
	l.note(q)
	kind := l.fault(q)
	signed := r.IsTsig() != nil
	reply := new(dns.Msg)
	switch {
	case kind == Drop:
		return
	case signed && w.TsigStatus() != nil:
		reply.SetRcode(r, dns.RcodeNotAuth)
		signed = false
	case q.Update && kind == Mute:
		l.update(reply, r, signed)
		_ = w.Close() // the asker finds out by itself
		return
	case kind != "" && kind != Ignore:
		spoil(reply, r, kind)
	case q.Update && kind == Ignore:
		reply.SetReply(r)
	case q.Update:
		l.update(reply, r, signed)
	case q.Type == dns.TypeAXFR:
		if l.transfer(w, r, signed) {
			return
		}
		reply.SetRcode(r, dns.RcodeRefused)
	default:
		l.answer(reply, r)
	}
	finish(reply, r, network, signed)
	_ = w.WriteMsg(reply) // the asker may be gone
}

// finish fits the reply into what the asker takes, and signs it.
func finish(reply, r *dns.Msg, network string, signed bool) {
	size := dns.MaxMsgSize
	if network == "udp" {
		size = dns.MinMsgSize
	}
	if opt := r.IsEdns0(); opt != nil {
		reply.SetEdns0(ednsSize, false)
		if network == "udp" {
			size = max(size, min(int(opt.UDPSize()), ednsSize))
		}
	}
	reply.Truncate(size)
	if signed {
		t := r.IsTsig()
		reply.SetTsig(t.Hdr.Name, t.Algorithm, t.Fudge, time.Now().Unix())
	}
}

const ednsSize = 1232
