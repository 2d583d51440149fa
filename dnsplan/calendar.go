package dnsplan

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
	"github.com/mxmove/mxmove/dnsplan/mtasts"
	"github.com/mxmove/mxmove/migrate/finding"
)

// calendar tells what may get stricter, and when, once all mail goes to the
// provider. None of it is a change of the plan: a report cannot tell a forger
// from a sender that was forgotten, and only the owner can.
func (m *move) calendar() {
	if !m.moved || m.moving {
		return
	}
	m.lookStricter()
	m.lookTesting()
}

// lookStricter names the next step of the DMARC policy, as the stages leave it.
// A record behind a CNAME or a delegation is somebody else's.
func (m *move) lookStricter() {
	name := "_dmarc." + m.domain
	records, at := dmarcOf(m.get(name, dns.TypeTXT))
	if len(at) != 1 || len(m.cuts(name)) > 0 {
		return
	}
	r := records[0]
	next, ok := r.Stricter()
	if !ok {
		return
	}
	if len(r.Aggregate) == 0 {
		m.find(finding.Note, finding.PolicyMayRise, fmt.Sprintf("the DMARC policy is p=%s, and no reports are asked for that could show whether a stricter one would be safe", r.Policy),
			"first ask for reports, at "+name+": "+r.Set("rua", strings.Join(m.reportURIs(), ",")).String(), r.String())
		return
	}
	text := "the DMARC policy is p=none: it may become quarantine when a month of reports after the switch shows every sender of yours aligned"
	switch next.Policy {
	case dmarc.Reject:
		text = "the DMARC policy is p=quarantine: it may become reject after a month under it whose reports show every sender of yours aligned by DKIM, unless people here write to mailing lists (RFC 9989, section 7.4)"
	case r.Policy:
		text = "the DMARC policy p=quarantine is marked as a test: the mark may go when a month of reports after the switch shows every sender of yours aligned"
	}
	m.find(finding.Note, finding.PolicyMayRise, text, "mxmove close then offers to publish at "+name+": "+next.String(), r.String())
}

// lookTesting names the policy that senders only test. Its file lies on a web
// host, and one that does not list the new exchanges is told of elsewhere.
func (m *move) lookTesting() {
	p, err := mtasts.Parse(m.in.Policy)
	if err != nil || p.Mode != mtasts.Testing || !m.hasSTS() || len(refuses(p, m.hosts())) > 0 {
		return
	}
	m.find(finding.Note, finding.STSMayEnforce, "the MTA-STS policy is in mode testing: it may be enforced when a month of TLS reports after the switch names no failure",
		"then set mode: enforce in the policy file on its web host; mxmove close offers to give _mta-sts."+m.domain+" a new id")
}
