package dnsplan

import (
	"fmt"
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
	var pinned []string
	for _, host := range m.oldHosts() {
		if name := "_25._tcp." + host; m.z.Holds(name) {
			if s := m.get(name, dns.TypeTLSA); s != nil {
				pinned = append(pinned, s.Name)
			}
		}
	}
	if len(pinned) > 0 {
		m.find(finding.Note, finding.OldDANE, "the old server's certificate is pinned by DANE",
			"keep these records right until the old server is shut down, also when it renews its certificate", pinned...)
	}
}

func (m *move) lookSTS() {
	set := m.get("_mta-sts."+m.domain, dns.TypeTXT)
	if !slices.ContainsFunc(zone.Texts(set), func(t string) bool { return strings.HasPrefix(t, "v=STSv1") }) {
		return
	}
	m.lookPolicyHost()
	if m.in.Policy == "" {
		m.find(finding.Warn, finding.STSNotMeasured, "the domain has an MTA-STS policy, and nobody has looked at it: if it does not list the new exchanges, senders will refuse them",
			"add the new exchanges to the policy, change its id, and plan again where it can be fetched", m.hosts()...)
		return
	}
	p, err := mtasts.Parse(m.in.Policy)
	if err != nil {
		m.find(finding.Warn, finding.STSNotMeasured, "the MTA-STS policy cannot be read: "+zone.Escape(strings.TrimPrefix(err.Error(), "mtasts: ")),
			"correct the policy, and change its id")
		return
	}
	var refused []string
	for _, host := range m.hosts() {
		if !p.Admits(host) {
			refused = append(refused, host)
		}
	}
	if len(refused) == 0 || p.Mode == mtasts.None {
		return
	}
	sev := finding.Warn
	if p.Mode == mtasts.Enforce {
		sev = finding.Block
	}
	m.find(sev, finding.STSRefusesNewMX, fmt.Sprintf("the MTA-STS policy (mode %s) does not list the new exchanges: senders that keep to it will not deliver to them", p.Mode),
		"add them to the policy beside the old ones, change the id of "+"_mta-sts."+m.domain+", and wait until the old policy's max_age has passed", refused...)
}

// hosts returns the new exchanges.
func (m *move) hosts() []string {
	var hosts []string
	for _, x := range wanted(m.need.MX) {
		hosts = append(hosts, x.host)
	}
	return hosts
}

// lookPolicyHost finds a policy that would vanish with the old server: its
// copies in senders' caches go on binding them, for up to a year.
func (m *move) lookPolicyHost() {
	name := "mta-sts." + m.domain
	old, _ := m.oldAddresses()
	addrs, err := m.addresses(m.z, name)
	if err != nil {
		m.notMeasured("addresses of " + name)
		return
	}
	for _, a := range addrs {
		if slices.Contains(old, a) {
			m.find(finding.Warn, finding.STSHostOld, "the MTA-STS policy is served by the old mail server: when that goes, senders keep the policy that they have",
				"move "+name+" to a web server that stays before the old server is shut down", name+" "+a.String())
			return
		}
	}
}
