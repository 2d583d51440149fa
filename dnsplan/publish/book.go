package publish

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

// The bounds of a listing: RRsets, and records in one of them.
const (
	maxListed = 100_000
	maxAlike  = 1000
)

// A book is a zone as an API lists it, with what the API needs to find a
// record again.
type book struct {
	Listing
	id     string                // the vendor's name for the zone
	origin string                // completes names in data; "." where all are whole
	held   map[zone.Key][]record // the records one by one
	locked map[zone.Key]string   // why an RRset is not ours to change
	hidden map[zone.Key]bool     // the opaque ones
}

// A record is one record as the vendor knows it.
type record struct {
	id   string
	data string // RDATA in presentation form
	raw  string // the data as the vendor writes it
	ttl  uint32
	note string // the vendor's comment on it
}

func newBook(apex, id string, floor uint32) *book {
	return &book{
		Listing: Listing{Zone: zone.New(apex, zone.Listing), TTLFloor: floor},
		id:      id, origin: ".", held: make(map[zone.Key][]record), locked: make(map[zone.Key]string),
		hidden: make(map[zone.Key]bool),
	}
}

// add enters one record under a name, absolute or not. What is no DNS at all,
// such as a vendor's own kind of redirection, is opaque: the name may answer,
// and nobody but the vendor knows with what.
func (b *book) add(name, mnemonic string, r record) {
	name = zone.Canonical(name)
	typ, err := zone.ParseType(mnemonic)
	// A blank would end the name where it is written into a line.
	if _, ok := dns.IsDomainName(name); !ok || strings.ContainsAny(name, " \t\r\n\"();") || !zone.Within(name, b.Zone.Origin) || len(b.held) > maxListed {
		return
	}
	if err != nil || typ == dns.TypeANY {
		for _, typ := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeCNAME} {
			b.opaque(zone.Key{Name: name, Type: typ}, "the DNS host answers for this name by means of its own ("+zone.Escape(mnemonic)+")")
		}
		return
	}
	key := zone.Key{Name: name, Type: typ}
	set, ok := parse(key, r.ttl, r.data, b.origin)
	if !ok {
		b.opaque(key, "the DNS host lists data that is no "+zone.RRset{Type: typ}.TypeName())
		return
	}
	if len(b.held[key]) >= maxAlike {
		b.opaque(key, "the DNS host lists too many records for it")
	}
	if b.hidden[key] {
		return
	}
	r.data = set.Data[0]
	b.held[key] = append(b.held[key], r)
	if now := b.Zone.Get(name, typ); now != nil {
		set.TTL = min(set.TTL, now.TTL)
		if !slices.Contains(now.Data, r.data) {
			now.Data = append(now.Data, r.data)
		}
		set.Data = now.Data
	}
	b.Zone.Put(set)
}

// parse reads the data of one record. Names in it that lack the final dot are
// completed by the origin.
func parse(key zone.Key, ttl uint32, data, origin string) (zone.RRset, bool) {
	if strings.ContainsAny(data, "\r\n") {
		return zone.RRset{}, false
	}
	line := fmt.Sprintf("%s %d IN %s %s\n", key.Name, ttl, zone.RRset{Type: key.Type}.TypeName(), data)
	zp := dns.NewZoneParser(strings.NewReader(line), origin, "")
	rr, ok := zp.Next()
	if !ok || zp.Err() != nil || rr.Header().Rrtype != key.Type {
		return zone.RRset{}, false
	}
	set := zone.FromRRs([]dns.RR{rr})[0]
	_, err := set.RRs() // what cannot be written again is no data
	return set, err == nil
}

// opaque takes an RRset out of the listing, and says why it is not to be
// changed.
func (b *book) opaque(key zone.Key, why string) {
	if !b.hidden[key] {
		b.hidden[key], b.locked[key] = true, why
		b.Opaque = append(b.Opaque, key)
	}
	b.Zone.Remove(key.Name, key.Type)
	delete(b.held, key)
}

// lock refuses changes of an RRset that answers as it is listed.
func (b *book) lock(key zone.Key, why string) {
	if b.locked[key] == "" {
		b.locked[key] = why
	}
}

// A step is what one RRset takes, record by record.
type step struct {
	add  []string // data of records to be created
	keep []record // that stay, whatever their TTL
	drop []record
}

// steps compares the records that are there with those that shall be.
func (b *book) steps(l live) step {
	var s step
	set := l.RRset()
	var want []string
	if l.After != nil {
		want = slices.Clone(l.After.Data)
	}
	for _, r := range b.held[set.Key()] {
		i := slices.IndexFunc(want, func(d string) bool { return zone.EqualData(set.Type, d, r.data) })
		if i < 0 {
			s.drop = append(s.drop, r)
			continue
		}
		want = slices.Delete(want, i, i+1)
		s.keep = append(s.keep, r)
	}
	s.add = want
	return s
}

// relative returns a name below the apex without it, and at for the apex
// itself.
func relative(name, apex, at string) string {
	name, apex = zone.Canonical(name), zone.Canonical(apex)
	if name == apex {
		return at
	}
	return strings.TrimSuffix(name, "."+apex)
}

// absolute returns the name that a vendor writes below an apex.
func absolute(name, apex string) string {
	if name == "" || name == "@" {
		return zone.Canonical(apex)
	}
	return zone.Canonical(name + "." + zone.Canonical(apex))
}

// bare returns a zone's name as APIs write it, without the final dot.
func bare(apex string) string { return strings.TrimSuffix(zone.Canonical(apex), ".") }
