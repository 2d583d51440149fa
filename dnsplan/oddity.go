package dnsplan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/spf"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
)

// lookZone tells what is odd about the zone as a whole.
func (m *move) lookZone() {
	m.lookDots()
	if m.moving {
		m.lookHorizon()
	}
}

// lookDots finds names that end with the zone's name twice: in a master file
// a name without a final dot has the zone's added.
func (m *move) lookDots() {
	twice := "." + m.in.Now.Origin + m.in.Now.Origin
	var odd []string
	m.in.Now.Each(func(s zone.RRset) {
		switch s.Type {
		case dns.TypeMX, dns.TypeCNAME, dns.TypeNS, dns.TypeSRV:
		default:
			return
		}
		if !m.owns(s.Name) {
			return
		}
		for _, data := range s.Data {
			if strings.HasSuffix(zone.Canonical(data), twice) {
				odd = append(odd, s.Name+" "+s.TypeName()+" "+data)
			}
		}
	})
	if len(odd) > 0 {
		slices.Sort(odd)
		m.find(finding.Warn, finding.MissingDot, "a name ends with the zone's name twice: a dot is missing at its end",
			"add the dot, or write the name without the zone", odd...)
	}
}

// lookHorizon compares what the resolver in use says about the old exchanges
// with the zone. Only names that exist are asked for, and only what no stage
// before the switch changes, so that a cache cannot look like another view.
func (m *move) lookHorizon() {
	if m.in.Lookup == nil {
		return
	}
	keys := []zone.Key{{Name: m.domain, Type: dns.TypeMX}}
	for _, host := range m.oldHosts() {
		keys = append(keys, zone.Key{Name: host, Type: dns.TypeA}, zone.Key{Name: host, Type: dns.TypeAAAA})
	}
	var other []string
	for _, k := range keys {
		is := m.in.Now.Get(k.Name, k.Type)
		if is == nil || len(m.cuts(k.Name)) > 0 {
			continue
		}
		data, err := m.in.Lookup(k.Name, k.Type)
		if err != nil {
			continue
		}
		view := zone.RRset{Name: k.Name, Type: k.Type, Data: data}
		if !zone.Equal(is, &view) {
			other = append(other, fmt.Sprintf("%s: %s, and by the resolver: %s", k, shown(is), shownData(data)))
		}
	}
	if len(other) > 0 {
		m.find(finding.Warn, finding.SplitHorizon, "the resolver in use shows other data than the authoritative servers: another zone for the inside, or an old answer",
			"change the inner zone by hand when the switch is made", other...)
	}
}

func shownData(data []string) string {
	if len(data) == 0 {
		return "nothing"
	}
	return strings.Join(data, " | ")
}

// A plan that touches more than this part of a zone of this size does not
// look like a move of mail.
const (
	massZone = 20
	massPart = 2 // one half
)

// lookMass refuses a plan that would change or delete most of a zone.
func (m *move) lookMass() {
	if !m.in.Now.Coverage.Complete() || m.in.Now.Len() < massZone {
		return
	}
	hit := make(map[zone.Key]bool)
	for _, c := range m.changes {
		k := c.RRset().Key()
		if is := m.in.Now.Get(k.Name, k.Type); is != nil && !zone.Equal(c.Before, c.After) {
			hit[k] = true
		}
	}
	if n, of := len(hit), m.in.Now.Len(); n*massPart > of {
		m.find(finding.Block, finding.MassChange, fmt.Sprintf("the plan would change or delete %d of the %d RRsets of the zone", n, of),
			"look at every change; accept this finding if all of them are meant")
	}
}

// lookElsewhere finds what leans on the old server besides the domain itself:
// the SPF records of other names, and host names that people may use.
func (m *move) lookElsewhere() {
	m.lookOtherSPF()
	old, _ := m.oldAddresses()
	exchanges := m.oldHosts()
	var names []string
	for _, label := range []string{"imap", "imaps", "pop", "pop3", "smtp", "mail", "webmail"} {
		name := label + "." + m.domain
		if slices.Contains(exchanges, name) || len(m.at(name)) == 0 {
			continue
		}
		addrs, err := m.addresses(m.now(), name)
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if slices.Contains(old, a) {
				names = append(names, name)
				break
			}
		}
	}
	if len(names) > 0 {
		m.find(finding.Note, finding.ClientHosts, "people's mail programs may use "+strings.Join(names, ", ")+", which go on leading to the old server",
			"tell people the provider's names; take these out with the old server", names...)
	}
}

// lookOtherSPF finds SPF records that refer to the domain: what they allow
// changes with it, although nobody edits them.
func (m *move) lookOtherSPF() {
	var leaning []string
	m.z.Each(func(s zone.RRset) {
		if s.Type != dns.TypeTXT || s.Name == m.domain || slices.Contains(m.domains, s.Name) {
			return
		}
		for _, text := range zone.Texts(&s) {
			if !spf.Is(text) {
				continue
			}
			r, err := spf.Parse(text)
			if err == nil && slices.ContainsFunc(r.Terms, func(t spf.Term) bool {
				leans := t.Name == "mx" || t.Name == "include" || t.Name == "redirect"
				return leans && t.Domain != "" && zone.Canonical(t.Domain) == m.domain
			}) {
				leaning = append(leaning, s.Name+" "+zone.Escape(text))
			}
		}
	})
	if len(leaning) > 0 {
		slices.Sort(leaning)
		m.find(finding.Warn, finding.SPFElsewhere, "the SPF record of another name leans on this domain's, and stops allowing the old server when the mail has moved",
			"write the addresses of what still sends under that name into its record", leaning...)
	}
}

// lookKeys lists the DKIM keys that are not the provider's, once the mail has
// moved.
func (m *move) lookKeys() {
	suffix := "._domainkey." + m.domain
	var left []string
	m.z.Each(func(s zone.RRset) {
		if !strings.HasSuffix(s.Name, suffix) || s.Type != dns.TypeTXT && s.Type != dns.TypeCNAME {
			return
		}
		for _, r := range m.need.DKIM {
			if r.Name == s.Name {
				return
			}
		}
		left = append(left, strings.TrimSuffix(s.Name, suffix))
	})
	if len(left) > 0 {
		slices.Sort(left)
		left = slices.Compact(left)
		m.find(finding.Note, finding.OldSelectors, "DKIM keys that the provider does not use: "+strings.Join(left[:min(len(left), 5)], ", ")+"; keep the old server's for thirty days after its last message",
			"remove them by hand then; those of services that still send stay", left...)
	}
}
