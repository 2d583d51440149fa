package export

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// octodns writes each zone as it is after the stage, one YAML document and so
// one file a zone. octoDNS deletes what its file does not list: a zone of
// which only some names are known is refused, and so is one with a record that
// has no form there.
func octodns(b *bytes.Buffer, p dnsplan.Plan, stage dnsplan.Stage, zones []zone.Zone) error {
	ps, err := parts(p, stage)
	if err != nil {
		return err
	}
	for _, q := range ps {
		if !slices.ContainsFunc(zones, func(z zone.Zone) bool { return z.Origin == q.zone }) {
			return fmt.Errorf("%w: octoDNS deletes what its file does not list, and there is no copy of %s", ErrCoverage, q.zone)
		}
	}
	for _, line := range heading(p, stage) {
		comment(b, "#", line)
	}
	for i, z := range zones {
		if slices.ContainsFunc(zones[:i], func(o zone.Zone) bool { return o.Origin == z.Origin }) {
			continue // two domains in one zone
		}
		if !z.Coverage.Complete() {
			return fmt.Errorf("%w: octoDNS deletes what its file does not list, and of %s only the names that were asked for are known; set dns.snapshot to a transfer or a zone file", ErrCoverage, z.Origin)
		}
		comment(b, "#", "the whole zone, without SOA and what DNSSEC signs with; file "+z.Origin+"yaml")
		b.WriteString("---\n")
		if err := document(b, dnsplan.Outcome(p, stage, z)); err != nil {
			return err
		}
	}
	return nil
}

// unlisted are the types that octoDNS leaves to the servers.
var unlisted = []uint16{
	dns.TypeSOA, dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeNSEC3PARAM,
	dns.TypeDNSKEY, dns.TypeCDS, dns.TypeCDNSKEY,
}

// document writes a zone. octoDNS wants its keys in natural order.
func document(b *bytes.Buffer, z zone.Zone) error {
	names := make(map[string][]zone.RRset)
	var order []string
	for _, s := range z.All() {
		if slices.Contains(unlisted, s.Type) {
			continue
		}
		if !plain(s.Name) {
			return inexpressible(OctoDNS, s, "the name needs escapes, and the file has to hold the whole zone")
		}
		name := relative(s.Name, z.Origin, "")
		if names[name] == nil {
			order = append(order, name)
		}
		names[name] = append(names[name], s)
	}
	slices.SortStableFunc(order, naturally)
	for _, name := range order {
		fmt.Fprintf(b, "%s:\n", quote(name))
		for _, s := range names[name] {
			if err := entry(b, s); err != nil {
				return err
			}
		}
	}
	if len(order) == 0 {
		b.WriteString("{}\n")
	}
	return nil
}

// entry writes one RRset, its keys in order.
func entry(b *bytes.Buffer, s zone.RRset) error {
	s, err := normal(s)
	if err != nil {
		return err
	}
	rrs, err := s.RRs()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInexpressible, err)
	}
	fmt.Fprintf(b, "  - ttl: %d\n    type: %s\n", s.TTL, s.TypeName())
	if s.Type == dns.TypeCNAME || s.Type == dns.TypeDNAME {
		if len(rrs) != 1 {
			return inexpressible(OctoDNS, s, "an alias has one target")
		}
		v, err := value(s, s.Data[0], rrs[0])
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "    value: %s\n", v[0])
		return nil
	}
	b.WriteString("    values:\n")
	for i, rr := range rrs {
		v, err := value(s, s.Data[i], rr)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "      - %s\n", strings.Join(v, "\n        "))
	}
	return nil
}

// value returns the data of one record as lines of YAML: a string, or the
// pairs of a mapping in alphabetical order.
func value(s zone.RRset, data string, rr dns.RR) ([]string, error) {
	switch r := rr.(type) {
	case *dns.A, *dns.AAAA:
		return []string{quote(data)}, nil
	case *dns.CNAME:
		return host(s, r.Target)
	case *dns.DNAME:
		return host(s, r.Target)
	case *dns.NS:
		return host(s, r.Ns)
	case *dns.PTR:
		return host(s, r.Ptr)
	case *dns.TXT:
		return octoText(s, data)
	case *dns.MX:
		h, err := host(s, r.Mx)
		return pairs("exchange", h, "preference", r.Preference), err
	case *dns.SRV:
		h, err := host(s, r.Target)
		return pairs("port", r.Port, "priority", r.Priority, "target", h, "weight", r.Weight), err
	case *dns.CAA:
		if !printable(r.Value) || strings.Contains(r.Value, `\`) || !plain(r.Tag) {
			return nil, inexpressible(OctoDNS, s, "the value needs escapes, and the file has to hold the whole zone")
		}
		return pairs("flags", r.Flag, "tag", quote(r.Tag), "value", quote(r.Value)), nil
	case *dns.TLSA:
		return pairs("certificate_association_data", quote(r.Certificate), "certificate_usage", r.Usage,
			"matching_type", r.MatchingType, "selector", r.Selector), nil
	case *dns.SSHFP:
		return pairs("algorithm", r.Algorithm, "fingerprint", quote(r.FingerPrint), "fingerprint_type", r.Type), nil
	case *dns.DS:
		return pairs("algorithm", r.Algorithm, "digest", quote(r.Digest), "digest_type", r.DigestType, "key_tag", r.KeyTag), nil
	}
	return nil, inexpressible(OctoDNS, s, "this type is not written, and the file has to hold the whole zone")
}

func host(s zone.RRset, name string) ([]string, error) {
	if !plain(name) {
		return nil, inexpressible(OctoDNS, s, "a name in it needs escapes, and the file has to hold the whole zone")
	}
	return []string{quote(name)}, nil
}

// pairs writes keys and values; a value is a number or lines that are quoted
// already.
func pairs(kv ...any) []string {
	var lines []string
	for i := 0; i < len(kv); i += 2 {
		v := kv[i+1]
		if quoted, ok := v.([]string); ok {
			v = strings.Join(quoted, "")
		}
		lines = append(lines, fmt.Sprintf("%s: %v", kv[i], v))
	}
	return lines
}

// octoText writes a text as octoDNS reads it: a semicolon behind a backslash,
// no other escape, and no quotes that it would take for the ends of strings.
func octoText(s zone.RRset, data string) ([]string, error) {
	t, err := text(data)
	if err != nil {
		return nil, err
	}
	if t == "" || !printable(t) || strings.Contains(t, `\`) || strings.HasPrefix(t, `"`) || strings.Contains(t, `" "`) {
		return nil, inexpressible(OctoDNS, s, "the text is not one that octoDNS keeps as it is, and the file has to hold the whole zone")
	}
	return []string{quote(strings.ReplaceAll(t, ";", `\;`))}, nil
}

// naturally orders names as octoDNS does: digits by their number, the rest by
// octets.
func naturally(a, b string) int {
	for a != "" || b != "" {
		var x, y string
		x, a = run(a, false)
		y, b = run(b, false)
		if c := strings.Compare(x, y); c != 0 {
			return c
		}
		x, a = run(a, true)
		y, b = run(b, true)
		if c := number(x, y); c != 0 {
			return c
		}
	}
	return 0
}

// run splits off the digits, or the others, that a name begins with.
func run(s string, digits bool) (first, rest string) {
	i := strings.IndexFunc(s, func(r rune) bool { return ('0' <= r && r <= '9') != digits })
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i:]
}

// number compares runs of digits of any length.
func number(x, y string) int {
	if x == "" || y == "" {
		return len(x) - len(y) // what ends comes first
	}
	x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
	if len(x) != len(y) {
		return len(x) - len(y)
	}
	return strings.Compare(x, y)
}
