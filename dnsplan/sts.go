package dnsplan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/mtasts"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
)

// stsRecord returns the _mta-sts TXT set and the place of its record in it. A
// record behind a CNAME is somebody else's and not returned.
func (m *move) stsRecord() (*zone.RRset, int) {
	set := m.get("_mta-sts."+m.domain, dns.TypeTXT)
	if set == nil {
		return nil, -1
	}
	return set, slices.IndexFunc(set.Data, func(data string) bool {
		text, err := zone.JoinTXT(data)
		return err == nil && mtasts.IsRecord(text)
	})
}

// hasSTS reports whether senders are told to look for a policy.
func (m *move) hasSTS() bool {
	if _, at := m.stsRecord(); at >= 0 {
		return true
	}
	return m.get("_mta-sts."+m.domain, dns.TypeCNAME) != nil
}

// lookSTS looks at what senders were told about the exchanges.
func (m *move) lookSTS() {
	if !m.hasSTS() {
		return
	}
	if m.moved {
		m.lookPolicyHost()
	}
	p, err := mtasts.Parse(m.in.Policy)
	switch {
	case m.in.Policy == "" && m.in.NoPolicy != "":
		m.find(finding.Warn, finding.STSMissing, "the domain has an MTA-STS record, and its policy host answers with no policy",
			"serve a policy that lists the old and the new exchanges, or one of mode none until the last one has run out", zone.Escape(m.in.NoPolicy))
	case m.in.Policy == "":
		m.find(finding.Warn, finding.STSNotMeasured, "the domain has an MTA-STS policy, and nobody has looked at it: if it does not list the new exchanges, senders will refuse them",
			"add the new exchanges to the policy, change its id, and plan again where it can be fetched", m.hosts()...)
	case err != nil:
		m.find(finding.Warn, finding.STSNotMeasured, "the MTA-STS policy cannot be read: "+zone.Escape(strings.TrimPrefix(err.Error(), "mtasts: ")),
			"correct the policy, and change its id")
	default:
		m.lookHosts(p)
	}
}

// lookHosts compares the policy with the exchanges that are, and that come.
func (m *move) lookHosts(p mtasts.Policy) {
	refused := refuses(p, m.hosts())
	sev := finding.Warn
	if p.Mode == mtasts.Enforce {
		sev = finding.Block
	}
	name := "_mta-sts." + m.domain
	if len(refused) > 0 {
		// Prepare does not bring mail to them, and is what tells senders of a
		// mended policy.
		m.findFrom(Switch, sev, finding.STSRefusesNewMX, fmt.Sprintf("the MTA-STS policy (mode %s) does not list the new exchanges: senders that keep to it will not deliver to them", p.Mode),
			"add them to the policy beside the old ones, then plan again: prepare gives "+name+" a new id", refused...)
	}
	old := m.oldHosts()
	if gone := refuses(p, old); m.moving && len(gone) > 0 {
		m.findFrom(Switch, sev, finding.STSRefusesNewMX, fmt.Sprintf("the MTA-STS policy (mode %s) does not list the exchanges of today: senders that keep to it do not deliver until the switch", p.Mode),
			"put them back beside the new ones until the switch is over", gone...)
	}
	if !m.moving && m.moved && p.Mode != mtasts.None {
		if listed := slices.DeleteFunc(old, func(host string) bool { return !p.Admits(host) }); len(listed) > 0 {
			m.find(finding.Note, finding.STSListsOld, "the MTA-STS policy still lists the old exchanges: take them out when retire is due, and change the id of "+name,
				"edit the policy file, then the id", listed...)
		}
	}
}

// refuses returns the hosts that a policy keeps senders away from.
func refuses(p mtasts.Policy, hosts []string) []string {
	if p.Mode == mtasts.None {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(hosts), p.Admits)
}

// policyID gives the record a new id when the policy behind it changed under
// the old one: senders look at nothing else. A policy that does not list
// the new exchanges yet is going to change once more, and waits for that.
func (m *move) policyID() {
	set, at := m.stsRecord()
	now, err := mtasts.Parse(m.in.Policy)
	if at < 0 || err != nil {
		return
	}
	id := m.in.PolicyID()
	i := slices.IndexFunc(m.in.Served, func(s Served) bool { return s.ID == id && s.Text != "" && !mtasts.Same(s.Text, m.in.Policy) })
	if i < 0 {
		return
	}
	m.find(finding.Warn, finding.STSSameID, "the MTA-STS policy differs from the one seen on "+m.in.Served[i].At.UTC().Format(time.DateOnly)+" under the same id",
		"apply prepare: it sets a new id once the policy lists the new exchanges", "id "+zone.Escape(id))
	if len(refuses(now, m.hosts())) > 0 {
		return
	}
	text, _ := zone.JoinTXT(set.Data[at])
	set.Data[at] = zone.TXT(NewPolicyID(text, m.in.Policy))
	m.put(*set, "the MTA-STS policy has changed, and senders look for another id before they fetch it again")
}

// NewPolicyID returns an MTA-STS record with an id of its own for a policy.
func NewPolicyID(record, policy string) string {
	sum := sha256.Sum256([]byte(policy))
	return mtasts.WithID(record, hex.EncodeToString(sum[:10]))
}

// binds returns how long senders keep a policy that refuses the new
// exchanges; 0 for one that does not. Only enforced ones bind senders.
func (m *move) binds(text string) time.Duration {
	p, err := mtasts.Parse(text)
	if err != nil || p.Mode != mtasts.Enforce || len(refuses(p, m.hosts())) == 0 {
		return 0
	}
	return p.MaxAge
}

// policyExpires returns when the last policy that refuses the new exchanges
// and is served no more will have left every sender's cache, and why; the zero
// time when no such policy was seen. A new id does not shorten that for all of
// them. A policy counts as served until the next look, since nobody knows when
// between the two it was changed.
func (m *move) policyExpires() (time.Time, string) {
	var until time.Time
	var because string
	seen := slices.Clone(m.in.Served)
	if m.in.Policy != "" || m.in.NoPolicy != "" {
		seen = append(seen, Served{Text: m.in.Policy, At: m.made})
	}
	for i, s := range seen {
		age := m.binds(s.Text)
		if age == 0 || i == len(m.in.Served) {
			continue
		}
		last := s.At
		if i+1 < len(seen) {
			last = seen[i+1].At
		}
		if at := last.Add(age).UTC().Truncate(time.Second); at.After(until) {
			until = at
			because = fmt.Sprintf("Senders may keep an enforced MTA-STS policy without the new exchanges for its max_age of %s, and it was served until %s.",
				span(age), last.UTC().Format("2006-01-02 15:04 UTC"))
		}
	}
	if !until.After(m.made) {
		return time.Time{}, ""
	}
	return until, because
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
// copies in senders' caches go on binding them, for up to a year. From the
// switch on that refuses to retire the old server.
func (m *move) lookPolicyHost() {
	name := "mta-sts." + m.domain
	old, _ := m.oldAddresses()
	addrs, err := m.addresses(m.now(), name)
	if err != nil {
		m.notMeasured("addresses of " + name)
		return
	}
	i := slices.IndexFunc(addrs, func(a netip.Addr) bool { return slices.Contains(old, a) })
	if i < 0 {
		return
	}
	sev := finding.Block
	if m.moving {
		sev = finding.Warn
	}
	m.findFrom(Retire, sev, finding.STSHostOld, "the MTA-STS policy is served by the old mail server: when that goes, senders keep the policy that they have",
		"move "+name+" to a web server that stays before the old server is shut down", name+" "+addrs[i].String())
	if caa := m.get(m.domain, dns.TypeCAA); caa != nil {
		m.find(finding.Note, finding.CAARestricts, "the certificate of the new policy host has to come from an authority that the CAA records of the domain allow",
			"ask the new host which authority it uses, and add it if it is missing", caa.Data...)
	}
}
