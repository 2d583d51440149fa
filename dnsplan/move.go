package dnsplan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
)

// The TTLs that a plan gives.
const (
	lowTTL    = 300  // before the switch, so that undoing it takes effect soon
	settleTTL = 3600 // of records that the plan creates and nothing changes again
)

// A move is the planning of one domain: a zone that is carried through the
// stages, each of which edits it; what an edit changed is the stage's part
// of the plan. Every stage is written so that editing twice is editing once.
type move struct {
	in      Input
	domain  string   // absolute
	domains []string // of the whole plan
	need    provider.Records
	z       zone.Zone   // as it is after the stages so far
	peers   []zone.Zone // of the other domains, once they are prepared
	origins []zone.Zone // the same, before the move
	made    time.Time
	history []Change // what was applied, and the changes of the stages so far
	moving  bool     // some mail does not go to the provider yet
	moved   bool     // some mail did not at first

	changes    []Change
	findings   []finding.Finding
	why        map[zone.Key][]string // reasons for what the current stage edits
	touched    map[zone.Key]bool     // what the current stage edits
	read       map[zone.Key]bool
	answers    map[zone.Key]answer // of the live DNS
	unmeasured []string
}

func newMove(in Input, domains []string, made time.Time) *move {
	return &move{
		in: in, domain: in.Domain, domains: domains, made: made, z: in.Now.Clone(),
		history: slices.Clone(in.Applied), read: make(map[zone.Key]bool), answers: make(map[zone.Key]answer),
		why: make(map[zone.Key][]string), touched: make(map[zone.Key]bool),
	}
}

// run carries the zone through the stages.
func (m *move) run() error {
	if m.in.Provider.Refuse != "" {
		m.find(finding.Block, finding.ProviderRefuses, m.in.Provider.Title+" cannot take the domain: "+m.in.Provider.Refuse,
			"choose another provider; mxmove providers lists them")
		return nil
	}
	need, err := m.in.Provider.Expand(m.domain, m.in.Vars)
	if err != nil {
		return err
	}
	m.need = need
	if c := m.get(m.domain, dns.TypeCNAME); c != nil {
		m.find(finding.Block, finding.ApexCNAME, "a CNAME stands at the domain itself and hides its MX and TXT records",
			"replace it by A and AAAA records, or by the DNS host's own kind of alias", c.Data...)
		return nil
	}
	m.moving = !m.ours(m.get(m.domain, dns.TypeMX))
	m.moved = !m.ours(m.in.Origin.Get(m.domain, dns.TypeMX))
	m.look()
	for _, s := range []struct {
		stage Stage
		edit  func()
	}{{Prepare, m.prepare}, {Switch, m.change}, {Retire, m.retire}, {Harden, m.harden}} {
		before := m.z.Clone()
		clear(m.why)
		clear(m.touched)
		s.edit()
		cs := m.diff(before, s.stage)
		m.changes = append(m.changes, cs...)
		m.history = append(m.history, cs...)
	}
	m.calendar()
	m.lookMass()
	m.tellUnmeasured()
	return nil
}

// prepare adds what does not disturb the old server, and lowers the TTL of
// what the switch will change.
func (m *move) prepare() {
	m.verification()
	m.senders()
	m.lookTexts()
	m.keys()
	m.policy()
	m.policyID()
	m.tlsReports()
	for _, k := range m.switched() {
		s := m.get(k.Name, k.Type)
		if low := m.low(); s != nil && s.TTL > low {
			s.TTL = low
			m.put(*s, "the switch changes it, and caches keep it for its TTL")
		}
	}
}

// switched returns what the switch stage would change as the zone stands.
func (m *move) switched() []zone.Key {
	f := *m
	f.z = m.z.Clone()
	f.findings, f.unmeasured = nil, nil
	f.why, f.touched = make(map[zone.Key][]string), make(map[zone.Key]bool)
	f.change()
	var keys []zone.Key
	for _, c := range f.diff(m.z, Switch) {
		keys = append(keys, c.RRset().Key())
	}
	return keys
}

// change edits what senders and clients follow to the new server.
func (m *move) change() {
	m.exchange()
	m.discovery()
}

// retire takes out what only the old server needed, and gives the TTLs back.
func (m *move) retire() {
	m.retireSenders()
	for _, k := range m.lowered() {
		s := m.get(k.Name, k.Type)
		if s == nil {
			continue
		}
		ttl := uint32(settleTTL)
		if o := m.in.Origin.Get(k.Name, k.Type); o != nil {
			ttl = o.TTL
		}
		if ttl = max(ttl, m.in.TTLFloor); s.TTL < ttl {
			s.TTL = ttl
			m.put(*s, "nothing changes it soon any more")
		}
	}
}

// lowered returns the RRsets whose TTL is low because of the move: lowered,
// or created by the switch with a low one.
func (m *move) lowered() []zone.Key {
	low := make(map[zone.Key]bool)
	for _, c := range m.history {
		k := c.RRset().Key()
		switch {
		case c.After == nil:
			delete(low, k)
		case c.Before == nil:
			o := m.in.Origin.Get(k.Name, k.Type)
			low[k] = o == nil && c.Stage == Switch || o != nil && c.After.TTL < o.TTL
		case c.After.TTL < c.Before.TTL:
			low[k] = true
		case c.After.TTL > c.Before.TTL:
			delete(low, k)
		}
	}
	var keys []zone.Key
	for k, is := range low {
		if is && m.owns(k.Name) {
			keys = append(keys, k)
		}
	}
	return keys
}

// owns reports whether a name belongs to this domain and not to another one of
// the plan that lies below it in the same zone.
func (m *move) owns(name string) bool {
	if !zone.Within(name, m.domain) {
		return false
	}
	return !slices.ContainsFunc(m.domains, func(d string) bool {
		return d != m.domain && zone.Within(d, m.domain) && zone.Within(name, d)
	})
}

// low is the TTL before the switch.
func (m *move) low() uint32 {
	ttl := m.in.TTL
	if ttl == 0 {
		ttl = lowTTL
	}
	return max(ttl, m.in.TTLFloor)
}

// settle is the TTL of what the plan creates for good.
func (m *move) settle() uint32 { return max(settleTTL, m.in.TTLFloor) }

// get reads an RRset of the zone as it stands, and notes that the plan builds
// on it.
func (m *move) get(name string, typ uint16) *zone.RRset {
	m.read[zone.Key{Name: zone.Canonical(name), Type: typ}] = true
	return m.z.Get(name, typ)
}

// at reads all RRsets of a name.
func (m *move) at(name string) []zone.RRset {
	sets := m.z.At(name)
	for _, s := range sets {
		m.read[s.Key()] = true
	}
	return sets
}

// put edits the zone and keeps the reason, one sentence without a dot.
func (m *move) put(s zone.RRset, why string) {
	m.z.Put(s)
	m.edited(s.Key(), why)
}

func (m *move) remove(k zone.Key, why string) {
	m.z.Remove(k.Name, k.Type)
	m.edited(k, why)
}

func (m *move) edited(k zone.Key, why string) {
	m.touched[k] = true
	if !slices.Contains(m.why[k], why) {
		m.why[k] = append(m.why[k], why)
	}
}

// find adds a finding about the domain. One that is there already gets the
// further evidence.
func (m *move) find(sev finding.Severity, code finding.Code, text, fix string, evidence ...string) {
	m.findAbout(m.subject(), sev, code, text, fix, evidence...)
}

// subject is the domain as people write it.
func (m *move) subject() string { return strings.TrimSuffix(m.domain, ".") }

// findFrom adds a finding that, where it blocks, does so from a stage on.
func (m *move) findFrom(stage Stage, sev finding.Severity, code finding.Code, text, fix string, evidence ...string) {
	m.find(sev, code, text, fix, evidence...)
	if sev != finding.Block {
		return
	}
	for i, f := range m.findings {
		if f.Code == code && f.Text == text && f.Subject == m.subject() {
			m.findings[i].Stage = string(stage)
		}
	}
}

// maxEvidence bounds what a hostile zone can put on a screen.
const maxEvidence = 20

func (m *move) findAbout(subject string, sev finding.Severity, code finding.Code, text, fix string, evidence ...string) {
	if more := len(evidence) - maxEvidence; more > 0 {
		evidence = append(slices.Clone(evidence[:maxEvidence]), fmt.Sprintf("and %d more", more))
	}
	f := finding.Finding{Severity: sev, Code: code, Subject: subject, Text: text, Fix: fix, Evidence: append([]string{}, evidence...)}
	at := slices.IndexFunc(m.findings, func(g finding.Finding) bool {
		return g.Code == f.Code && g.Subject == f.Subject && g.Text == f.Text
	})
	if at < 0 {
		m.findings = append(m.findings, f)
		return
	}
	for _, e := range f.Evidence {
		if g := &m.findings[at]; !slices.Contains(g.Evidence, e) && len(g.Evidence) <= maxEvidence {
			g.Evidence = append(g.Evidence, e)
		}
	}
}

// notMeasured notes a question that had no answer.
func (m *move) notMeasured(what string) {
	if !slices.Contains(m.unmeasured, what) {
		m.unmeasured = append(m.unmeasured, what)
	}
}

func (m *move) tellUnmeasured() {
	if len(m.unmeasured) == 0 {
		return
	}
	slices.Sort(m.unmeasured)
	m.find(finding.Warn, finding.NotMeasured, "part of the plan needs an answer from the DNS that was not there",
		"plan again with a resolver that answers", m.unmeasured...)
}

// base adds what the plan reads or changes, as it is now. The SOA is left
// out: its serial moves with every change of ours.
func (m *move) base(to map[zone.Key]zone.RRset) {
	add := func(k zone.Key) {
		if s := m.in.Now.Get(k.Name, k.Type); s != nil && k.Type != dns.TypeSOA {
			to[k] = *s
		}
	}
	for k := range m.read {
		add(k)
	}
	for _, c := range m.changes {
		add(c.RRset().Key())
	}
}
