package export

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// dnscontrol writes a dnsconfig.js of its own. With NO_PURGE dnscontrol leaves
// every name and type alone that the file does not mention, and takes those
// that it mentions as whole RRsets, which is what a change is. What goes is
// marked ENSURE_ABSENT_REC.
func dnscontrol(b *bytes.Buffer, p dnsplan.Plan, stage dnsplan.Stage, _ []zone.Zone) error {
	ps, err := parts(p, stage)
	if err != nil {
		return err
	}
	for _, line := range heading(p, stage) {
		comment(b, "//", line)
	}
	comment(b, "//", "NO_PURGE keeps every record that is not named here. Name your provider as in creds.json.")
	b.WriteString("var REG_NONE = NewRegistrar(\"none\");\nvar DSP = NewDnsProvider(\"provider\");\n")
	for _, q := range ps {
		fmt.Fprintf(b, "\nD(%s, REG_NONE, DnsProvider(DSP), NO_PURGE", quote(strings.TrimSuffix(q.zone, ".")))
		for _, c := range q.changes {
			set, modifier := c.RRset(), ""
			if c.After == nil {
				modifier = ", ENSURE_ABSENT_REC()"
			}
			calls, err := calls(set, q.zone, modifier)
			if err != nil {
				return err
			}
			for _, call := range calls {
				b.WriteString(",\n\t" + call)
			}
		}
		b.WriteString("\n);\n")
	}
	return nil
}

// calls returns one function call for each record of a set.
func calls(s zone.RRset, origin, modifier string) ([]string, error) {
	if !plain(s.Name) {
		return nil, inexpressible(DNSControl, s, "the name needs escapes")
	}
	rrs, err := s.RRs()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInexpressible, err)
	}
	var calls []string
	for i, rr := range rrs {
		args, err := arguments(s, s.Data[i], rr)
		if err != nil {
			return nil, err
		}
		calls = append(calls, fmt.Sprintf("%s(%s, %s, TTL(%d)%s)",
			s.TypeName(), quote(relative(s.Name, origin, "@")), args, s.TTL, modifier))
	}
	return calls, nil
}

// arguments returns the data of a record as arguments of its function.
func arguments(s zone.RRset, data string, rr dns.RR) (string, error) {
	var names []string
	var args string
	switch r := rr.(type) {
	case *dns.A, *dns.AAAA:
		args = quote(data)
	case *dns.CNAME:
		names, args = []string{r.Target}, quote(r.Target)
	case *dns.NS:
		names, args = []string{r.Ns}, quote(r.Ns)
	case *dns.PTR:
		names, args = []string{r.Ptr}, quote(r.Ptr)
	case *dns.MX:
		names, args = []string{r.Mx}, fmt.Sprintf("%d, %s", r.Preference, quote(r.Mx))
	case *dns.SRV:
		names, args = []string{r.Target}, fmt.Sprintf("%d, %d, %d, %s", r.Priority, r.Weight, r.Port, quote(r.Target))
	case *dns.TLSA:
		args = fmt.Sprintf("%d, %d, %d, %s", r.Usage, r.Selector, r.MatchingType, quote(r.Certificate))
	case *dns.TXT:
		t, err := text(data)
		if err != nil {
			return "", err
		}
		if !printable(t) {
			return "", inexpressible(DNSControl, s, "the text is not printable ASCII")
		}
		args = quote(t)
	default:
		return "", inexpressible(DNSControl, s, "this type is not written")
	}
	for _, name := range names {
		if !plain(name) {
			return "", inexpressible(DNSControl, s, "a name in it needs escapes")
		}
	}
	return args, nil
}
