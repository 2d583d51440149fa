package dnsplan

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/mtasts"
	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/dnsplan/spf"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
)

// ErrInput is wrapped when Build is asked for something that makes no sense,
// such as a domain outside of the zone.
var ErrInput = errors.New("dnsplan: input")

// An Input is one domain to plan for.
type Input struct {
	Domain   string // A-label
	Provider *provider.Provider
	Vars     provider.Vars
	Origin   zone.Zone  // first snapshot; the zero value means that Now is the first
	Now      zone.Zone  // latest snapshot
	Applied  []Change   // what was applied since Origin, in order
	Lookup   spf.Lookup // the live DNS outside of the zone; nil: what needs it is not measured
	TTL      uint32     // TTL to lower to before the switch; 0 means 300
	TTLFloor uint32     // the least TTL that the publisher takes

	// Policy is the text of the MTA-STS policy as served, "" when there is
	// none at hand. NoPolicy says what the policy host answered in its place;
	// "" means that nobody could ask. Served holds the policies that were seen
	// before, the oldest first; an empty text stands for a host without one.
	Policy   string
	NoPolicy string
	Served   []Served
}

// PolicyID returns the id of the domain's MTA-STS record as it is now, "" where
// there is none.
func (in Input) PolicyID() string {
	set := in.Now.Get("_mta-sts."+in.Domain, dns.TypeTXT)
	for _, text := range zone.Texts(set) {
		if mtasts.IsRecord(text) {
			id, _ := mtasts.RecordID(text)
			return id
		}
	}
	return ""
}

// A Served is an MTA-STS policy that was seen at a time.
type Served struct {
	ID   string // of the record in the zone
	Text string
	At   time.Time
}

// check completes and refuses inputs.
func (in Input) check() (Input, error) {
	name := zone.Canonical(in.Domain)
	if _, ok := dns.IsDomainName(name); !ok || name == "." || strings.ContainsFunc(name, notHost) {
		return in, fmt.Errorf("%w: %q is not a domain name", ErrInput, in.Domain)
	}
	if in.Provider == nil {
		return in, fmt.Errorf("%w: no provider for %s", ErrInput, in.Domain)
	}
	if in.Origin.Origin == "" {
		in.Origin = in.Now
	}
	if in.Origin.Origin != in.Now.Origin || !in.Now.Holds(name) {
		return in, fmt.Errorf("%w: %s does not lie in the zone %s", ErrInput, in.Domain, in.Now.Origin)
	}
	in.Domain = name
	return in, nil
}

func notHost(r rune) bool {
	return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '_' || r == '.')
}

// Build makes the plan of a move: what each domain's zone lacks to live at
// the provider, in stages. The first input is the domain itself, the others
// are its alias domains. It returns an error when there is nothing to plan
// with, such as a *provider.VariableError; what stands in the way of the move
// itself is a finding of the plan.
//
// Once a stage has been applied and is handed in by Applied, Build leaves
// exactly the later stages, and after the last an empty plan.
func Build(inputs []Input, made time.Time) (Plan, error) {
	moves, err := planAll(inputs, made.UTC())
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Version: Version, Made: made.UTC()}
	waits := make(map[Stage]Wait)
	base := make(map[zone.Key]zone.RRset)
	for i, m := range moves {
		name := strings.TrimSuffix(m.domain, ".")
		if i == 0 {
			p.Domain, p.Provider = name, m.in.Provider.Name
		} else {
			p.AliasDomains = append(p.AliasDomains, name)
		}
		p.Changes = append(p.Changes, m.changes...)
		p.Findings = append(p.Findings, m.findings...)
		m.base(base)
		for _, w := range m.waits() {
			waits[w.Stage] = longer(waits[w.Stage], w)
		}
	}
	for _, s := range base {
		p.Base = append(p.Base, s)
	}
	slices.SortFunc(p.Base, zone.Compare)
	// By stage, and within it by domain and name.
	slices.SortStableFunc(p.Changes, func(a, b Change) int {
		return cmp.Compare(slices.Index(Stages, a.Stage), slices.Index(Stages, b.Stage))
	})
	for _, s := range Stages {
		if w, ok := waits[s]; ok {
			p.Waits = append(p.Waits, w)
		}
	}
	sortFindings(p.Findings)
	return p, nil
}

// planAll plans every domain. Domains lean on one another, such as by an SPF
// record that includes the other's: each is planned once more with what the
// others will have prepared.
func planAll(inputs []Input, made time.Time) ([]*move, error) {
	if len(inputs) == 0 {
		return nil, fmt.Errorf("%w: no domain", ErrInput)
	}
	var domains []string
	checked := make([]Input, len(inputs))
	for i, in := range inputs {
		var err error
		if checked[i], err = in.check(); err != nil {
			return nil, err
		}
		domains = append(domains, checked[i].Domain)
	}
	var moves []*move
	for range min(2, len(checked)) {
		first := moves
		moves = nil
		for _, in := range checked {
			m := newMove(in, domains, made)
			m.surround(checked, first)
			if err := m.run(); err != nil {
				return nil, err
			}
			moves = append(moves, m)
		}
	}
	return moves, nil
}

// surround tells a move what the others of the plan have in their zones. In
// the first round that is what is there now.
func (m *move) surround(inputs []Input, first []*move) {
	known := map[string]bool{m.in.Now.Origin: true}
	for _, in := range inputs {
		if !known[in.Now.Origin] {
			known[in.Now.Origin] = true
			m.peers, m.origins = append(m.peers, in.Now), append(m.origins, in.Origin)
		}
	}
	for _, other := range first {
		if other.domain == m.domain {
			continue
		}
		prepared := staged(other.changes, Prepare)
		m.z = Apply(m.z, prepared)
		for j := range m.peers {
			m.peers[j] = Apply(m.peers[j], prepared)
		}
	}
}

func staged(cs []Change, s Stage) []Change {
	return slices.DeleteFunc(slices.Clone(cs), func(c Change) bool { return c.Stage != s })
}

// longer returns one wait that is as long as both.
func longer(a, b Wait) Wait {
	if b.Length > a.Length || a.Stage == "" {
		a, b = b, a
	}
	a.Names = max(a.Names, b.Names)
	if b.Until.After(a.Until) {
		a.Until, a.Because = b.Until, b.Because
	}
	return a
}

// sortFindings orders by who must act first: what blocks, what wants a look,
// what is worth knowing; then by code and subject.
func sortFindings(fs []finding.Finding) {
	rank := []finding.Severity{finding.Block, finding.Warn, finding.Note}
	slices.SortStableFunc(fs, func(a, b finding.Finding) int {
		return cmp.Or(
			cmp.Compare(slices.Index(rank, a.Severity), slices.Index(rank, b.Severity)),
			strings.Compare(string(a.Code), string(b.Code)),
			strings.Compare(a.Subject, b.Subject),
		)
	})
}
