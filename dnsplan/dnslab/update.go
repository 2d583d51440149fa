package dnslab

import (
	"errors"
	"fmt"
	"slices"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

// A code is an RCODE that ends an update.
type code int

func (c code) Error() string { return dns.RcodeToString[int(c)] }

// update puts a dynamic update into effect (RFC 2136, section 3): all of it or
// nothing, as one version of the zone.
func (l *Lab) update(reply, r *dns.Msg, signed bool) {
	reply.SetReply(r)
	origin := zone.Canonical(r.Question[0].Name)
	_, held := l.store.latest().zones[origin]
	switch {
	case r.Question[0].Qtype != dns.TypeSOA || r.Question[0].Qclass != dns.ClassINET:
		reply.Rcode = dns.RcodeFormatError
		return
	case !held || l.recursive || l.secondary:
		reply.Rcode = dns.RcodeNotAuth
		return
	case !signed:
		reply.Rcode = dns.RcodeRefused
		return
	}
	err := l.store.change(origin, func(z *zone.Zone) error {
		if err := prerequisites(*z, r.Answer); err != nil {
			return err
		}
		if err := prescan(*z, r.Ns); err != nil {
			return err
		}
		return apply(z, r.Ns)
	})
	var c code
	switch {
	case errors.Is(err, errUnchanged):
	case errors.As(err, &c):
		reply.Rcode = int(c)
	case err != nil:
		reply.Rcode = dns.RcodeServerFailure
	}
}

// errUnchanged ends an update that changes nothing: the zone keeps its serial.
var errUnchanged = errors.New("dnslab: unchanged")

// prerequisites checks the prerequisite section (RFC 2136, section 3.2).
func prerequisites(z zone.Zone, rrs []dns.RR) error {
	want := make(map[zone.Key][]dns.RR)
	for _, rr := range rrs {
		h := rr.Header()
		name := zone.Canonical(h.Name)
		if h.Ttl != 0 {
			return code(dns.RcodeFormatError)
		}
		if !z.Holds(name) {
			return code(dns.RcodeNotZone)
		}
		var err error
		switch {
		case h.Class == dns.ClassINET && !meta(h.Rrtype):
			key := zone.Key{Name: name, Type: h.Rrtype}
			want[key] = append(want[key], rr)
		case h.Rdlength != 0:
			err = code(dns.RcodeFormatError)
		case h.Class == dns.ClassANY:
			err = used(z, name, h.Rrtype, true)
		case h.Class == dns.ClassNONE:
			err = used(z, name, h.Rrtype, false)
		default:
			err = code(dns.RcodeFormatError)
		}
		if err != nil {
			return err
		}
	}
	for key, set := range want {
		if !equal(z.Get(key.Name, key.Type), set) {
			return code(dns.RcodeNXRrset)
		}
	}
	return nil
}

// used checks whether a name, or an RRset of it, exists or does not.
func used(z zone.Zone, name string, typ uint16, want bool) error {
	exists, yes, no := len(z.At(name)) > 0, dns.RcodeYXDomain, dns.RcodeNameError
	if typ != dns.TypeANY {
		exists, yes, no = z.Get(name, typ) != nil, dns.RcodeYXRrset, dns.RcodeNXRrset
	}
	switch {
	case exists == want:
		return nil
	case exists:
		return code(yes)
	}
	return code(no)
}

// equal compares as servers do: record by record, with the strings of TXT as
// they are, without TTL.
func equal(have *zone.RRset, want []dns.RR) bool {
	if have == nil || len(have.Data) != len(want) {
		return false
	}
	for _, rr := range records(*have) {
		if !slices.ContainsFunc(want, func(w dns.RR) bool { return dns.IsDuplicate(rr, w) }) {
			return false
		}
	}
	return true
}

// prescan refuses an update section with anything wrong in it before a record
// is touched (RFC 2136, section 3.4.1).
func prescan(z zone.Zone, rrs []dns.RR) error {
	for _, rr := range rrs {
		h := rr.Header()
		switch {
		case !z.Holds(h.Name):
			return code(dns.RcodeNotZone)
		case h.Class == dns.ClassINET && !meta(h.Rrtype) && h.Rdlength > 0:
		case h.Class == dns.ClassANY && h.Ttl == 0 && h.Rdlength == 0 && (!meta(h.Rrtype) || h.Rrtype == dns.TypeANY):
		case h.Class == dns.ClassNONE && h.Ttl == 0 && !meta(h.Rrtype):
		default:
			return code(dns.RcodeFormatError)
		}
	}
	return nil
}

// meta reports whether a type is for questions only (RFC 6895, section 3.1).
func meta(typ uint16) bool {
	return typ == dns.TypeNone || typ == dns.TypeOPT || typ >= 128 && typ <= 255
}

// apply works through the update section (RFC 2136, section 3.4.2).
func apply(z *zone.Zone, rrs []dns.RR) error {
	before := z.Clone()
	for _, rr := range rrs {
		switch h := rr.Header(); h.Class {
		case dns.ClassINET:
			add(z, rr)
		case dns.ClassANY:
			remove(z, zone.Canonical(h.Name), h.Rrtype)
		case dns.ClassNONE:
			removeOne(z, rr)
		}
	}
	if same(before, *z) {
		return errUnchanged
	}
	soa := z.Get(z.Origin, dns.TypeSOA)
	if soa == nil {
		return fmt.Errorf("dnslab: %s lost its SOA", z.Origin)
	}
	if z.Serial = serial(*soa); z.Serial == before.Serial {
		bump(z)
	}
	return nil
}

func same(a, b zone.Zone) bool {
	x, y := a.All(), b.All()
	return slices.EqualFunc(x, y, func(s, t zone.RRset) bool {
		return s.Key() == t.Key() && s.TTL == t.TTL && slices.Equal(s.Data, t.Data)
	})
}

// add adds one record. Where that would put a CNAME beside other data it is
// silently ignored, as BIND does too.
func add(z *zone.Zone, rr dns.RR) {
	set := zone.FromRRs([]dns.RR{rr})[0]
	alias := z.Get(set.Name, dns.TypeCNAME) != nil
	have := z.Get(set.Name, set.Type)
	switch {
	case set.Type == dns.TypeCNAME && !alias && len(z.At(set.Name)) > 0, set.Type != dns.TypeCNAME && alias:
	case set.Type == dns.TypeSOA:
		if set.Name == z.Origin && int32(serial(set)-z.Serial) > 0 {
			z.Put(set)
		}
	case have == nil || set.Type == dns.TypeCNAME:
		z.Put(set)
	default:
		have.TTL = set.TTL
		if !slices.ContainsFunc(records(*have), func(old dns.RR) bool { return dns.IsDuplicate(old, rr) }) {
			have.Data = append(have.Data, set.Data...)
		}
		z.Put(*have)
	}
}

// remove deletes an RRset, or all of a name. The SOA and NS of the apex stay.
func remove(z *zone.Zone, name string, typ uint16) {
	for _, set := range z.At(name) {
		kept := name == z.Origin && (set.Type == dns.TypeSOA || set.Type == dns.TypeNS)
		if !kept && (typ == dns.TypeANY || typ == set.Type) {
			z.Remove(name, set.Type)
		}
	}
}

// removeOne deletes one record, unless it is the SOA or the apex's last NS.
func removeOne(z *zone.Zone, rr dns.RR) {
	rr = dns.Copy(rr)
	rr.Header().Class = dns.ClassINET
	set := z.Get(rr.Header().Name, rr.Header().Rrtype)
	if set == nil || set.Type == dns.TypeSOA || set.Type == dns.TypeNS && set.Name == z.Origin && len(set.Data) == 1 {
		return
	}
	old := records(*set)
	i := slices.IndexFunc(old, func(o dns.RR) bool { return dns.IsDuplicate(o, rr) })
	if i < 0 {
		return
	}
	set.Data = slices.Delete(set.Data, i, i+1)
	z.Put(*set)
}
