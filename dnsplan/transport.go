package dnsplan

import (
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/mtasts"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
)

// transport looks at what senders were told about the security of the old
// exchanges, and would hold against the new ones.
func (m *move) transport() {
	m.lookSTS()
	if pinned := m.pinned(); len(pinned) > 0 {
		m.find(finding.Note, finding.OldDANE, "the old server's certificate is pinned by DANE: keep these records right until it is shut down",
			"mind them when the server renews its certificate", pinned...)
		if m.moving {
			m.lookDANE()
		}
	}
	if m.moving {
		m.lookSigned()
	}
}

// pinned returns the names of the TLSA records for the old exchanges.
func (m *move) pinned() []string {
	var names []string
	for _, host := range m.oldHosts() {
		if name := "_25._tcp." + host; m.z.Holds(name) && m.get(name, dns.TypeTLSA) != nil {
			names = append(names, name)
		}
	}
	return names
}

// lookDANE tells when the protection that DANE gave ends with the switch.
func (m *move) lookDANE() {
	var bare []string
	for _, host := range m.hosts() {
		data, err := m.ask(m.now(), "_25._tcp."+host, dns.TypeTLSA)
		switch {
		case err != nil:
			m.notMeasured("DANE of the new exchange " + host)
		case len(data) == 0:
			bare = append(bare, host)
		}
	}
	if len(bare) > 0 {
		m.find(finding.Warn, finding.DANEEnds, "the old exchanges are protected by DANE, and the new ones are not: from the switch on senders encrypt only if nobody stops them",
			"publish an MTA-STS policy for the new exchanges", bare...)
	}
}

// daneHosts is where the exchanges live that Microsoft makes for DANE. They
// are of use in a signed zone only.
const daneHosts = "mx.microsoft"

// lookSigned tells when the new exchanges ask for DNSSEC and there is none.
func (m *move) lookSigned() {
	hosts := slices.DeleteFunc(m.hosts(), func(host string) bool { return !zone.Within(host, daneHosts) })
	if len(hosts) == 0 {
		return
	}
	if m.in.Lookup == nil {
		m.notMeasured("DNSSEC of " + m.in.Now.Origin)
		return
	}
	// A DS stands in the zone above, so the zone itself cannot tell.
	ds, err := m.in.Lookup(m.in.Now.Origin, dns.TypeDS)
	switch {
	case err != nil:
		m.notMeasured("DNSSEC of " + m.in.Now.Origin)
	case len(ds) == 0:
		m.find(finding.Warn, finding.NotSigned, "the new exchanges are made for DANE, and the domain's zone is not signed: it works without that protection",
			"turn DNSSEC on at the DNS host, on another day than the switch", hosts...)
	}
}

// tlsReports asks senders to report failures of encryption, where they were
// told to insist on it: nothing else would show that they refuse the new
// exchanges.
func (m *move) tlsReports() {
	name := "_smtp._tls." + m.domain
	var records []string
	for _, text := range zone.Texts(m.get(name, dns.TypeTXT)) {
		if strings.HasPrefix(text, "v=TLSRPTv1") {
			records = append(records, text)
		}
	}
	switch {
	case len(records) == 0:
		if m.moving && (m.hasSTS() || len(m.pinned()) > 0) && m.get(name, dns.TypeCNAME) == nil && len(m.cuts(name)) == 0 {
			m.addText(name, "v=TLSRPTv1; rua="+strings.Join(m.reportURIs(), ","), "senders then report when they refuse an exchange for its encryption")
		}
	case len(records) > 1:
		m.find(finding.Warn, finding.TLSReports, "the domain has several TLS-RPT records: senders then report to nobody", "leave one of them", escaped(records)...)
	default:
		if _, err := mtasts.Reports(records[0]); err != nil {
			m.find(finding.Warn, finding.TLSReports, "the TLS-RPT record cannot be read", "write v=TLSRPTv1; rua=mailto:address", escaped(records)...)
		}
	}
}

func escaped(texts []string) []string {
	safe := make([]string, len(texts))
	for i, t := range texts {
		safe[i] = zone.Escape(t)
	}
	return safe
}
