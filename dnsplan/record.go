package dnsplan

import (
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/dkim"
	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
)

// verification adds the records by which the provider knows the owner. Other
// providers' records are never taken away.
func (m *move) verification() {
	for _, r := range m.need.Verify {
		if m.occupied(r) {
			continue
		}
		switch r.Type {
		case "TXT":
			m.addText(r.Name, r.Value, m.in.Provider.Title+" asks for it to verify the domain")
		case "CNAME":
			m.addAlias(r, m.in.Provider.Title+" asks for it to verify the domain")
		}
	}
}

// occupied tells when a record cannot stand at its name: below a delegation,
// or beside a CNAME, which excludes everything else (RFC 1034, section 3.6.2).
func (m *move) occupied(r provider.Record) bool {
	for name := r.Name; name != m.z.Origin && name != "."; name = parent(name) {
		if ns := m.get(name, dns.TypeNS); ns != nil {
			m.findAbout(name, finding.Block, finding.Occluded, "a delegation to "+strings.Join(ns.Data, ", ")+" hides the records that the provider needs below it",
				"create them there, or take the delegation back", r.Name+" "+r.Type)
			return true
		}
	}
	var others []string
	same := false
	for _, s := range m.at(r.Name) {
		if s.Type == dns.TypeCNAME && r.Type == "CNAME" {
			same = zone.EqualData(dns.TypeCNAME, s.Data[0], r.Value)
			if same {
				continue
			}
		}
		if r.Type == "CNAME" || s.Type == dns.TypeCNAME {
			others = append(others, s.TypeName()+" "+strings.Join(s.Data, ", "))
		}
	}
	if len(others) > 0 {
		m.findAbout(r.Name, finding.Block, finding.NameTaken, "a CNAME excludes everything else, and the name is taken",
			"free the name "+r.Name+", then plan again", others...)
		return true
	}
	return same
}

func parent(name string) string {
	_, p, _ := strings.Cut(name, ".")
	if p == "" {
		return "."
	}
	return p
}

// addText adds one TXT record to a set, beside what is there.
func (m *move) addText(name, text, why string) {
	set := m.get(name, dns.TypeTXT)
	if set == nil {
		set = &zone.RRset{Name: name, Type: dns.TypeTXT, TTL: m.settle()}
	}
	if slices.Contains(zone.Texts(set), text) {
		return
	}
	set.Data = append(set.Data, zone.TXT(text))
	m.put(*set, why)
}

func (m *move) addAlias(r provider.Record, why string) {
	m.put(zone.RRset{Name: r.Name, Type: dns.TypeCNAME, TTL: m.settle(), Data: []string{r.Value}}, why)
}

// keys adds the DKIM records. A selector that holds another key is a
// collision: two keys at one name are undefined (RFC 6376, section 3.6.2.2),
// and the old one is still needed for mail under way.
func (m *move) keys() {
	for _, r := range m.need.DKIM {
		why := m.in.Provider.Title + " signs with this key"
		switch r.Type {
		case "TXT":
			m.keyText(r, why)
		case "CNAME":
			m.keyAlias(r, why)
		}
	}
}

func (m *move) keyText(r provider.Record, why string) {
	want, err := dkim.Parse(r.Value)
	if err != nil {
		m.findAbout(r.Name, finding.Block, finding.WeakKey, "the DKIM record given is not one: "+strings.TrimPrefix(err.Error(), "dkim: "),
			"copy it from the console once more", zone.Escape(r.Value))
		return
	}
	if problems := want.Problems(); len(problems) > 0 {
		m.findAbout(r.Name, finding.Warn, finding.WeakKey, "something is wrong with the DKIM key given",
			"make a key of 2048 bits in the console, and copy all of it", problems...)
	}
	is := m.get(r.Name, dns.TypeTXT)
	if is != nil {
		ts := zone.Texts(is)
		if len(ts) == 1 {
			if have, err := dkim.Parse(ts[0]); err == nil && dkim.SameKey(have, want) {
				return
			}
		}
		m.collision(r.Name, is.Data...)
		return
	}
	if c := m.get(r.Name, dns.TypeCNAME); c != nil {
		m.collision(r.Name, "CNAME "+strings.Join(c.Data, ", "))
		return
	}
	if !m.occupied(r) {
		m.addText(r.Name, r.Value, why)
	}
}

func (m *move) keyAlias(r provider.Record, why string) {
	if is := m.get(r.Name, dns.TypeTXT); is != nil {
		m.collision(r.Name, is.Data...)
		return
	}
	if c := m.get(r.Name, dns.TypeCNAME); c != nil && !zone.EqualData(dns.TypeCNAME, c.Data[0], r.Value) {
		m.collision(r.Name, "CNAME "+strings.Join(c.Data, ", "))
		return
	}
	if !m.occupied(r) {
		m.addAlias(r, why)
	}
}

func (m *move) collision(name string, evidence ...string) {
	m.findAbout(name, finding.Block, finding.DKIMCollision, "the selector "+dkim.Selector(name, m.domain)+" holds another key already",
		"choose another selector in the console, or let the old server sign with a new one and free this after five days", evidence...)
}

// policy creates a DMARC record where there is none, one that asks for
// reports and nothing else. The owner's own is never touched.
func (m *move) policy() {
	name := "_dmarc." + m.domain
	for _, s := range m.at(name) {
		if s.Type == dns.TypeCNAME || s.Type == dns.TypeNS {
			return
		}
	}
	isPolicy := func(text string) bool { return strings.HasPrefix(text, "v=DMARC1") }
	if slices.ContainsFunc(zone.Texts(m.get(name, dns.TypeTXT)), isPolicy) || m.inherits(isPolicy) {
		return
	}
	rua := "mailto:postmaster@" + strings.TrimSuffix(m.domain, ".")
	if given := m.in.Vars["rua"]; len(given) > 0 {
		uris := make([]string, 0, len(given))
		for _, address := range given {
			uris = append(uris, "mailto:"+strings.TrimPrefix(address, "mailto:"))
		}
		rua = strings.Join(uris, ",")
	}
	m.addText(name, "v=DMARC1; p=none; rua="+rua, "without a policy nobody reports who sends as the domain; p=none changes nothing else")
}

// inherits reports whether a domain above has a policy that already covers
// this one (RFC 9989): a record of its own would weaken it. Not measured
// counts as inherited, since leaving a policy out can be made good later.
func (m *move) inherits(isPolicy func(string) bool) bool {
	for above := parent(m.domain); strings.Count(above, ".") > 1; above = parent(above) {
		data, err := m.ask(m.z, "_dmarc."+above, dns.TypeTXT)
		if err != nil {
			m.notMeasured("DMARC policy of " + above)
			return true
		}
		if slices.ContainsFunc(zone.Texts(&zone.RRset{Type: dns.TypeTXT, Data: data}), isPolicy) {
			return true
		}
	}
	return false
}
