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

// verification adds the records by which the provider knows the owner, and
// the further names of its outgoing mail. Other providers' records are never
// taken away.
func (m *move) verification() {
	m.add(m.need.Verify, m.in.Provider.Title+" asks for it to verify the domain")
	m.add(m.need.Sending, "mail that "+m.in.Provider.Title+" sends uses the name")
}

func (m *move) add(records []provider.Record, why string) {
	for _, r := range records {
		if m.occupied(r) {
			continue
		}
		switch r.Type {
		case "TXT":
			m.addText(r.Name, r.Value, why)
		case "CNAME":
			m.addAlias(r, why)
		}
	}
}

// occupied tells when a record cannot stand at its name: below a delegation,
// or beside a CNAME, which excludes everything else (RFC 1034, section 3.6.2).
func (m *move) occupied(r provider.Record) bool {
	if cuts := m.cuts(r.Name); len(cuts) > 0 {
		m.occluded(cuts[0], r.Name+" "+r.Type)
		return true
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

// cuts returns the delegations between the zone and a name, which hide
// whatever the zone has below them.
func (m *move) cuts(name string) []zone.RRset {
	var cuts []zone.RRset
	for at := name; at != m.z.Origin && at != "."; at = parent(at) {
		if ns := m.get(at, dns.TypeNS); ns != nil {
			cuts = append(cuts, *ns)
		}
	}
	return cuts
}

func (m *move) occluded(cut zone.RRset, evidence ...string) {
	m.findAbout(cut.Name, finding.Block, finding.Occluded, "a delegation to "+strings.Join(cut.Data, ", ")+" hides the records that the provider needs below it",
		"create them there, or take the delegation back", evidence...)
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
	c := m.get(r.Name, dns.TypeCNAME)
	switch {
	case c != nil && r.Accepts(c.Data[0]):
		return
	case c != nil && !zone.EqualData(dns.TypeCNAME, c.Data[0], r.Value):
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
