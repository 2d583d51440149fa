package dnslab

import (
	"slices"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

// A Kind is what goes wrong.
type Kind string

// The kinds of faults.
const (
	Servfail Kind = "servfail" // the server fails
	Refused  Kind = "refused"  // the server refuses
	Drop     Kind = "drop"     // no answer comes
	Lame     Kind = "lame"     // an empty answer without authority
	Bogus    Kind = "bogus"    // the server fails, as one that validates, unless it is asked not to check
	Truncate Kind = "truncate" // over UDP, an empty answer with TC
	Ignore   Kind = "ignore"   // an update gets NOERROR and has no effect
	Mute     Kind = "mute"     // an update has its effect and gets no answer: over TCP, the connection ends
)

// A Fault breaks the answers to some messages.
type Fault struct {
	Kind   Kind
	Name   string // of the question; "": any
	Type   uint16 // of the question; 0: any
	Update bool   // updates only; otherwise queries only
	Times  int    // so often; 0: until Mend
}

// A Query is a message that arrived.
type Query struct {
	Name    string // for an update, the zone
	Type    uint16
	Network string // "udp" or "tcp"
	Recurse bool   // RD
	Update  bool

	Unchecked bool // CD
}

// maxQueries bounds the log of a lab that runs for long.
const maxQueries = 100_000

// Break adds a fault.
func (l *Lab) Break(f Fault) {
	if f.Name != "" {
		f.Name = zone.Canonical(f.Name)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = append(l.faults, &f)
}

// Mend removes all faults.
func (l *Lab) Mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = nil
}

// Queries returns the messages that arrived so far, in order.
func (l *Lab) Queries() []Query {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.queries)
}

func (l *Lab) note(q Query) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queries) < maxQueries {
		l.queries = append(l.queries, q)
	}
}

// fault returns the kind of the first fault that fits a message, and counts
// it.
func (l *Lab) fault(q Query) Kind {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, f := range l.faults {
		if f.Update != q.Update || f.Name != "" && f.Name != q.Name || f.Type != 0 && f.Type != q.Type ||
			f.Kind == Truncate && q.Network != "udp" || f.Kind == Bogus && q.Unchecked {
			continue
		}
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				l.faults = slices.Delete(slices.Clone(l.faults), i, i+1)
			}
		}
		return f.Kind
	}
	return ""
}

// spoil makes the reply that a fault asks for.
func spoil(reply, r *dns.Msg, kind Kind) {
	reply.SetReply(r)
	switch kind {
	case Servfail, Bogus:
		reply.Rcode = dns.RcodeServerFailure
	case Refused:
		reply.Rcode = dns.RcodeRefused
	case Truncate:
		reply.Authoritative, reply.Truncated = true, true
	}
}
