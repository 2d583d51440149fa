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

// terraform writes resources of the provider hashicorp/dns, and an import
// block (Terraform 1.5) for each RRset that is there already. Terraform can
// only delete what it holds, so what goes stands in comments.
func terraform(b *bytes.Buffer, p dnsplan.Plan, stage dnsplan.Stage, _ []zone.Zone) error {
	ps, err := parts(p, stage)
	if err != nil {
		return err
	}
	for _, line := range heading(p, stage) {
		comment(b, "#", line)
	}
	comment(b, "#", "Needs Terraform 1.5 and the provider hashicorp/dns with its update block.")
	var addresses []string
	for _, q := range ps {
		for _, c := range q.changes {
			b.WriteByte('\n')
			if c.After == nil {
				removal(b, c)
				continue
			}
			address, err := resource(b, q.zone, c)
			if err != nil {
				return err
			}
			if slices.Contains(addresses, address) {
				return inexpressible(Terraform, *c.After, "another resource has the address "+address)
			}
			addresses = append(addresses, address)
		}
	}
	return nil
}

func removal(b *bytes.Buffer, c dnsplan.Change) {
	comment(b, "#", "To be deleted: remove its resource where Terraform holds it, or delete it by other means before you apply this.")
	for _, line := range lines(*c.Before) {
		comment(b, "#-", line)
	}
}

// resource writes one RRset, and returns its address.
func resource(b *bytes.Buffer, origin string, c dnsplan.Change) (string, error) {
	s := *c.After
	if !plain(s.Name) {
		return "", inexpressible(Terraform, s, "the name needs escapes")
	}
	kind, ok := resources[s.Type]
	if !ok {
		return "", inexpressible(Terraform, s, "the provider has no resource for this type")
	}
	if err := replaceable(c); err != nil {
		return "", err
	}
	rrs, err := s.RRs()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrInexpressible, err)
	}
	body, err := kind.body(s, rrs)
	if err != nil {
		return "", err
	}
	address := kind.name + "." + identifier(s.Name)
	if c.Before != nil {
		if c.Before.TTL != s.TTL {
			comment(b, "#", fmt.Sprintf("The TTL changes (%d -> %d): the provider deletes the set and creates it anew, and for a moment it is absent.", c.Before.TTL, s.TTL))
		}
		fmt.Fprintf(b, "import {\n  to = %s\n  id = %s\n}\n\n", address, hcl(s.Name))
	}
	fmt.Fprintf(b, "resource %q %q {\n  zone = %s\n", kind.name, identifier(s.Name), hcl(origin))
	if name := relative(s.Name, origin, ""); name != "" {
		fmt.Fprintf(b, "  name = %s\n", hcl(name))
	}
	fmt.Fprintf(b, "  ttl  = %d\n%s}\n", s.TTL, body)
	return address, nil
}

// replaceable refuses a change that the provider would carry out wrongly: it
// splits texts its own way before it deletes them, and a server deletes a text
// only in the strings that it holds (RFC 2136, section 3.4.2.4). The old text
// would stay beside the new one.
func replaceable(c dnsplan.Change) error {
	if c.Before == nil || c.Before.Type != dns.TypeTXT || c.Before.TTL != c.After.TTL || zone.Equal(c.Before, c.After) {
		return nil
	}
	for _, data := range c.Before.Data {
		t, err := text(data)
		if err != nil {
			return err
		}
		if zone.TXT(t) != data {
			return inexpressible(Terraform, *c.Before, "a text is served in strings of other lengths than the provider deletes, so it would stay beside the new one")
		}
	}
	return nil
}

// A kind is a resource type of the provider, and how data is written in it.
type kind struct {
	name string
	body func(s zone.RRset, rrs []dns.RR) (string, error)
}

var resources = map[uint16]kind{
	dns.TypeA:     {"dns_a_record_set", list("addresses", func(rr dns.RR) string { return rr.(*dns.A).A.String() })},
	dns.TypeAAAA:  {"dns_aaaa_record_set", list("addresses", func(rr dns.RR) string { return rr.(*dns.AAAA).AAAA.String() })},
	dns.TypeNS:    {"dns_ns_record_set", list("nameservers", func(rr dns.RR) string { return rr.(*dns.NS).Ns })},
	dns.TypeCNAME: {"dns_cname_record", single("cname", func(rr dns.RR) string { return rr.(*dns.CNAME).Target })},
	dns.TypePTR:   {"dns_ptr_record", single("ptr", func(rr dns.RR) string { return rr.(*dns.PTR).Ptr })},
	dns.TypeTXT:   {"dns_txt_record_set", texts},
	dns.TypeMX: {"dns_mx_record_set", blocks(func(rr dns.RR) string {
		r := rr.(*dns.MX)
		return fmt.Sprintf("  mx {\n    preference = %d\n    exchange   = %s\n  }\n", r.Preference, hcl(r.Mx))
	})},
	dns.TypeSRV: {"dns_srv_record_set", blocks(func(rr dns.RR) string {
		r := rr.(*dns.SRV)
		return fmt.Sprintf("  srv {\n    priority = %d\n    weight   = %d\n    port     = %d\n    target   = %s\n  }\n", r.Priority, r.Weight, r.Port, hcl(r.Target))
	})},
}

func list(key string, of func(dns.RR) string) func(zone.RRset, []dns.RR) (string, error) {
	return func(_ zone.RRset, rrs []dns.RR) (string, error) {
		var values []string
		for _, rr := range rrs {
			values = append(values, of(rr))
		}
		return array(key, values), nil
	}
}

func array(key string, values []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n  %s = [\n", key)
	for _, v := range values {
		fmt.Fprintf(&b, "    %s,\n", hcl(v))
	}
	b.WriteString("  ]\n")
	return b.String()
}

func single(key string, of func(dns.RR) string) func(zone.RRset, []dns.RR) (string, error) {
	return func(s zone.RRset, rrs []dns.RR) (string, error) {
		if len(rrs) != 1 {
			return "", inexpressible(Terraform, s, "the provider takes one record only")
		}
		return fmt.Sprintf("\n  %s = %s\n", key, hcl(of(rrs[0]))), nil
	}
}

func blocks(of func(dns.RR) string) func(zone.RRset, []dns.RR) (string, error) {
	return func(_ zone.RRset, rrs []dns.RR) (string, error) {
		var all string
		for _, rr := range rrs {
			all += "\n" + of(rr)
		}
		return all, nil
	}
}

// texts writes TXT. The provider puts each text between quotes and hands it
// to a parser of master files, which also splits it at 255 octets; an escape
// could be split apart there.
func texts(s zone.RRset, _ []dns.RR) (string, error) {
	var values []string
	for _, data := range s.Data {
		t, err := text(data)
		if err != nil {
			return "", err
		}
		escaped := zone.Escape(t)
		if len(escaped) > 255 && escaped != t {
			return "", inexpressible(Terraform, s, "a text of more than 255 octets with escapes is not safe there")
		}
		values = append(values, escaped)
	}
	return array("txt", values), nil
}

// hcl returns text as a quoted string in which nothing is a template.
func hcl(text string) string {
	// An escape of the sign itself cannot be misread, whatever stands before it.
	return strings.NewReplacer("${", `\u0024{`, "%{", `\u0025{`).Replace(quote(text))
}

// identifier returns a name for a resource: of two different names never the
// same, and the same in every stage.
func identifier(name string) string {
	name = strings.TrimSuffix(name, ".")
	id := strings.NewReplacer("_", "__", ".", "_", "*", "wildcard").Replace(name)
	if id == "" || id[0] >= '0' && id[0] <= '9' || id[0] == '-' {
		id = "_" + id
	}
	return id
}
