package zone

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// An RRset is all records of one name and type (RFC 2181, section 5).
type RRset struct {
	Name string   // absolute, lower case, with the final dot
	Type uint16   // dns.TypeMX and so on
	TTL  uint32   // seconds
	Data []string // RDATA in presentation form as served; TXT keeps its strings, since a delete has to match them
}

// A Key is what makes an RRset the same one: its name and type.
type Key struct {
	Name string
	Type uint16
}

// Key returns the key of s.
func (s RRset) Key() Key { return Key{Name: s.Name, Type: s.Type} }

// String returns the key as people write it, "example.org. MX".
func (k Key) String() string { return k.Name + " " + typeName(k.Type) }

// TypeName returns the mnemonic of the type, "MX", or "TYPE65280" for a type
// without one (RFC 3597, section 5).
func (s RRset) TypeName() string { return typeName(s.Type) }

func typeName(t uint16) string {
	if name, ok := dns.TypeToString[t]; ok {
		return name
	}
	return "TYPE" + strconv.Itoa(int(t))
}

// ParseType returns the type of a mnemonic, in any case, or of the form
// TYPE65280.
func ParseType(name string) (uint16, error) {
	name = strings.ToUpper(name)
	if t, ok := dns.StringToType[name]; ok {
		return t, nil
	}
	if digits, ok := strings.CutPrefix(name, "TYPE"); ok {
		// 0 and 65535 are reserved and name no record (RFC 6895, section 3.1).
		if n, err := strconv.ParseUint(digits, 10, 16); err == nil && n != 0 && n != 65535 {
			return uint16(n), nil
		}
	}
	return 0, fmt.Errorf("zone: unknown record type %q", name)
}

// RRs returns the records of s, ready for a message.
func (s RRset) RRs() ([]dns.RR, error) {
	rrs := make([]dns.RR, 0, len(s.Data))
	for _, data := range s.Data {
		rr, err := parseRR(s.Name, s.Type, s.TTL, data)
		if err != nil {
			return nil, err
		}
		rrs = append(rrs, rr)
	}
	return rrs, nil
}

// parseRR reads one record. The line break check keeps data from outside from
// smuggling in a second one.
func parseRR(name string, typ uint16, ttl uint32, data string) (dns.RR, error) {
	if strings.ContainsAny(data, "\n\r") {
		return nil, fmt.Errorf("zone: %s %s: line break in the data", name, typeName(typ))
	}
	rr, err := dns.NewRR(fmt.Sprintf("%s %d IN %s %s", name, ttl, typeName(typ), data))
	if err != nil {
		return nil, fmt.Errorf("zone: %s %s: %w", name, typeName(typ), err)
	}
	if rr == nil || rr.Header().Rrtype != typ {
		return nil, fmt.Errorf("zone: %s %s: no data", name, typeName(typ))
	}
	return rr, nil
}

// FromRRs groups records into RRsets, sorted as Compare says. Differing TTLs
// within a set are an error of the server (RFC 2181, section 5.2): the least
// one is taken. Data is kept as served; a record that comes twice counts once.
func FromRRs(rrs []dns.RR) []RRset {
	sets := make(map[Key]RRset)
	for _, rr := range rrs {
		h := rr.Header()
		k := Key{Canonical(h.Name), h.Rrtype}
		data := rdata(rr)
		s, ok := sets[k]
		switch {
		case !ok:
			s = RRset{Name: k.Name, Type: k.Type, TTL: h.Ttl}
		case slices.Contains(s.Data, data):
			s.TTL = min(s.TTL, h.Ttl)
			sets[k] = s
			continue
		}
		s.TTL = min(s.TTL, h.Ttl)
		s.Data = append(s.Data, data)
		sets[k] = s
	}
	all := make([]RRset, 0, len(sets))
	for _, s := range sets {
		all = append(all, s)
	}
	slices.SortFunc(all, Compare)
	return all
}

// rdata returns the data of a record in presentation form. The library prints
// a record of unknown type (RFC 3597) with a header of its own.
func rdata(rr dns.RR) string {
	if u, ok := rr.(*dns.RFC3597); ok {
		return strings.TrimSpace(fmt.Sprintf("\\# %d %s", len(u.Rdata)/2, strings.ToLower(u.Rdata)))
	}
	return strings.TrimPrefix(rr.String(), rr.Header().String())
}

func (s RRset) clone() RRset {
	s.Data = slices.Clone(s.Data)
	return s
}

// Canonical returns a name absolute and in lower case. ASCII only: names in
// the DNS are A-labels.
func Canonical(name string) string {
	return dns.Fqdn(asciiLower(name))
}

// asciiLower leaves octets above 127 alone: they are data, not letters.
func asciiLower(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for j, c := range b {
				if 'A' <= c && c <= 'Z' {
					b[j] = c + 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

func labels(name string) []string { return dns.SplitDomainName(name) }

type rrsetJSON struct {
	Name string   `json:"name"`
	Type string   `json:"type"`
	TTL  uint32   `json:"ttl"`
	Data []string `json:"data"`
}

// MarshalJSON writes {"name", "type", "ttl", "data"}, the type as mnemonic.
func (s RRset) MarshalJSON() ([]byte, error) {
	j := rrsetJSON{Name: s.Name, Type: s.TypeName(), TTL: s.TTL, Data: s.Data}
	if j.Data == nil {
		j.Data = []string{}
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON writes and refuses data that is no
// RDATA of the type.
func (s *RRset) UnmarshalJSON(text []byte) error {
	var j rrsetJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return fmt.Errorf("zone: RRset: %w", err)
	}
	typ, err := ParseType(j.Type)
	if err != nil {
		return err
	}
	r := RRset{Name: Canonical(j.Name), Type: typ, TTL: j.TTL, Data: j.Data}
	if _, ok := dns.IsDomainName(r.Name); !ok || strings.ContainsAny(r.Name, " \t\r\n\"();") {
		return fmt.Errorf("zone: %q is not a domain name", j.Name)
	}
	if _, err := r.RRs(); err != nil {
		return err
	}
	*s = r
	return nil
}
