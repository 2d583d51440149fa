package dnslab

import (
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

const maxChain = 16 // aliases in one answer

// answer fills in the answer to a query, by the algorithm of RFC 1034, section
// 4.3.2, with the wildcards of RFC 4592.
func (l *Lab) answer(reply, r *dns.Msg) {
	reply.SetReply(r)
	reply.RecursionAvailable = l.recursive
	v := l.view()
	name, typ := zone.Canonical(r.Question[0].Name), r.Question[0].Qtype
	z, ok := v.holder(name)
	if !ok {
		reply.Rcode = dns.RcodeRefused
		if l.recursive {
			reply.Rcode = dns.RcodeNameError
		}
		return
	}
	reply.Authoritative = !l.recursive
	for range maxChain {
		if cut := delegation(z, name); cut != nil && !l.recursive {
			reply.Ns = records(*cut)
			reply.Authoritative = len(reply.Answer) > 0
			return
		}
		sets, exists := find(z, name, typ)
		for _, set := range sets {
			reply.Answer = append(reply.Answer, records(set)...)
		}
		switch {
		case len(sets) == 0:
			deny(reply, z, exists)
			return
		case sets[0].Type != dns.TypeCNAME || typ == dns.TypeCNAME || typ == dns.TypeANY:
			return
		}
		name = zone.Canonical(sets[0].Data[0])
		next, held := v.holder(name)
		if !held && l.recursive {
			reply.Rcode = dns.RcodeNameError
		}
		if !held || !l.recursive && next.Origin != z.Origin {
			return
		}
		z = next
	}
	reply.Rcode = dns.RcodeServerFailure
}

// find returns the RRsets that answer for a name and type, or the CNAME in
// their place, and whether the name exists.
func find(z zone.Zone, name string, typ uint16) ([]zone.RRset, bool) {
	if exists(z, name) {
		return pick(z, name, name, typ), true
	}
	// RFC 4592, section 3.3.1: only the asterisk right below the closest
	// encloser counts.
	for parent := name; parent != z.Origin; {
		i, end := dns.NextLabel(parent, 0)
		if end {
			break
		}
		parent = parent[i:]
		if exists(z, parent) {
			wild := "*." + parent
			return pick(z, wild, name, typ), exists(z, wild)
		}
	}
	return nil, false
}

// pick returns what one node has for a type, under the name asked for.
func pick(z zone.Zone, node, name string, typ uint16) []zone.RRset {
	var sets []zone.RRset
	if typ == dns.TypeANY {
		sets = z.At(node)
	} else if set := z.Get(node, typ); set != nil {
		sets = []zone.RRset{*set}
	} else if alias := z.Get(node, dns.TypeCNAME); alias != nil {
		sets = []zone.RRset{*alias}
	}
	for i := range sets {
		sets[i].Name = name
	}
	return sets
}

// exists reports whether a name has records or something lies below it: an
// empty non-terminal exists too (RFC 8020).
func exists(z zone.Zone, name string) bool {
	for _, set := range z.All() {
		if zone.Within(set.Name, name) {
			return true
		}
	}
	return name == z.Origin
}

// delegation returns the NS RRset of a cut between the apex and a name.
func delegation(z zone.Zone, name string) *zone.RRset {
	var cut *zone.RRset
	for name != z.Origin {
		if ns := z.Get(name, dns.TypeNS); ns != nil {
			cut = ns
		}
		i, end := dns.NextLabel(name, 0)
		if end {
			break
		}
		name = name[i:]
	}
	return cut
}

// deny says that there is nothing, with the SOA that says for how long to
// believe it (RFC 2308).
func deny(reply *dns.Msg, z zone.Zone, exists bool) {
	if !exists {
		reply.Rcode = dns.RcodeNameError
	}
	soa := z.Get(z.Origin, dns.TypeSOA)
	if soa == nil {
		return
	}
	if fields := strings.Fields(soa.Data[0]); len(fields) == 7 {
		if minimum, err := strconv.ParseUint(fields[6], 10, 32); err == nil {
			soa.TTL = min(soa.TTL, uint32(minimum))
		}
	}
	reply.Ns = records(*soa)
}

// records returns an RRset's records. Every RRset was parsed before it came
// into a zone.
func records(set zone.RRset) []dns.RR {
	rrs, err := set.RRs()
	if err != nil {
		return nil
	}
	return rrs
}

// transfer sends a whole zone to who may have it, and reports whether it did.
func (l *Lab) transfer(w dns.ResponseWriter, r *dns.Msg, signed bool) bool {
	z, ok := l.view().zones[zone.Canonical(r.Question[0].Name)]
	if !ok || !signed || w.RemoteAddr().Network() != "tcp" {
		return false
	}
	soa := records(*z.Get(z.Origin, dns.TypeSOA))
	rrs := append([]dns.RR(nil), soa...)
	for _, set := range z.All() {
		if set.Type != dns.TypeSOA {
			rrs = append(rrs, records(set)...)
		}
	}
	rrs = append(rrs, soa...)
	const each = 100 // records a message
	out := make(chan *dns.Envelope, len(rrs)/each+1)
	for len(rrs) > 0 {
		n := min(each, len(rrs))
		out <- &dns.Envelope{RR: rrs[:n]}
		rrs = rrs[n:]
	}
	close(out)
	_ = new(dns.Transfer).Out(w, r, out) // the asker may be gone
	return true
}
