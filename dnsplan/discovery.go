package dnsplan

import (
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
)

// The names by which mail clients find their servers.
var (
	discoveryHosts    = []string{"autodiscover", "autoconfig", "ua-auto-config"}
	discoveryServices = []string{
		"_autodiscover._tcp", "_imap._tcp", "_imaps._tcp", "_pop3._tcp", "_pop3s._tcp",
		"_submission._tcp", "_submissions._tcp", "_sieve._tcp", "_jmap._tcp",
	}
	otherServices = []string{"_caldav._tcp", "_caldavs._tcp", "_carddav._tcp", "_carddavs._tcp"}
)

// discovery points clients at the provider, and takes out what would go on
// pointing them at the old server.
func (m *move) discovery() {
	want := make(map[zone.Key]zone.RRset)
	var order []zone.Key
	for _, r := range m.need.Discovery {
		typ := dns.StringToType[r.Type]
		data := r.Value
		if r.Type == "TXT" {
			data = zone.TXT(data)
		}
		k := zone.Key{Name: r.Name, Type: typ}
		s, ok := want[k]
		if !ok {
			s = zone.RRset{Name: r.Name, Type: typ, TTL: m.settle()}
			order = append(order, k)
		}
		s.Data = append(s.Data, data)
		want[k] = s
	}
	for _, k := range order {
		m.discover(want[k])
	}
	if m.moved {
		m.stale(order)
	}
}

// hostTypes are what may give way to a CNAME: the name is the client's way to
// the server, and nothing else hangs on them.
var hostTypes = []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeCNAME}

func (m *move) discover(s zone.RRset) {
	why := "mail clients find " + m.in.Provider.Title + " by it"
	var foreign []string
	for _, is := range m.at(s.Name) {
		if is.Type == s.Type || s.Type == dns.TypeCNAME && slices.Contains(hostTypes, is.Type) {
			continue
		}
		if s.Type == dns.TypeCNAME || is.Type == dns.TypeCNAME {
			foreign = append(foreign, is.TypeName()+" "+strings.Join(is.Data, ", "))
		}
	}
	if len(foreign) > 0 {
		m.findAbout(s.Name, finding.Block, finding.NameTaken, "a CNAME excludes everything else, and the name is taken",
			"free the name "+s.Name+", then plan again", foreign...)
		return
	}
	if is := m.get(s.Name, s.Type); is != nil {
		if zone.Equal(is, &s) {
			return
		}
		s.TTL = max(is.TTL, m.in.TTLFloor)
	}
	if s.Type == dns.TypeCNAME {
		for _, typ := range []uint16{dns.TypeA, dns.TypeAAAA} {
			if is := m.get(s.Name, typ); is != nil {
				s.TTL = min(s.TTL, is.TTL)
				m.remove(is.Key(), "a CNAME takes its place")
			}
		}
	}
	m.put(s, why)
}

// stale removes discovery names that the provider does not offer. Only what
// was seen can be removed.
func (m *move) stale(wanted []zone.Key) {
	kept := func(name string) bool {
		return slices.ContainsFunc(wanted, func(k zone.Key) bool { return k.Name == name })
	}
	why := "it leads mail clients to the old server"
	for _, label := range discoveryHosts {
		if name := label + "." + m.domain; !kept(name) {
			for _, typ := range hostTypes {
				if s := m.get(name, typ); s != nil {
					m.remove(s.Key(), why)
				}
			}
		}
	}
	if name := "_ua-auto-config." + m.domain; !kept(name) {
		if s := m.get(name, dns.TypeTXT); s != nil {
			m.remove(s.Key(), why)
		}
	}
	for _, label := range discoveryServices {
		name := label + "." + m.domain
		if s := m.get(name, dns.TypeSRV); s != nil && !kept(name) && offered(s) {
			m.remove(s.Key(), why)
		}
	}
	var left []string
	for _, label := range otherServices {
		if s := m.get(label+"."+m.domain, dns.TypeSRV); s != nil && offered(s) {
			left = append(left, s.Name+" SRV "+strings.Join(s.Data, ", "))
		}
	}
	if len(left) > 0 {
		m.find(finding.Warn, finding.CalendarsStay, "calendars and address books are announced at a server of their own and are not moved",
			"export and import them, then change or remove these records by hand", left...)
	}
}

// offered reports whether a service has a target: a lone dot says that it is
// not offered (RFC 2782).
func offered(s *zone.RRset) bool {
	return slices.ContainsFunc(s.Data, func(data string) bool {
		fields := strings.Fields(data)
		return len(fields) == 4 && fields[3] != "."
	})
}
