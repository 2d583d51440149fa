package dnsplan

import (
	"github.com/mxmove/mxmove/dnsplan/spf"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
)

// lookProvider tells what the provider's file says of itself: how sure it is,
// what it leaves out, and that nothing can be copied there.
func (m *move) lookProvider() {
	if !m.moving {
		return
	}
	p := m.in.Provider
	if p.NoIMAP != "" {
		m.find(finding.Warn, finding.NoIMAP, p.NoIMAP, "keep the old server, or export the mail, before the move is closed")
	}
	if len(m.need.Weak) > 0 {
		m.find(finding.Note, finding.WeakFact, "some of what is known of "+p.Title+" was seen once, or is told from memory",
			"compare these records with what the provider's console shows", m.need.Weak...)
	}
	if len(m.need.Notes) > 0 {
		m.find(finding.Note, finding.NotApplied, "the template asks for more than mail needs; that is not applied",
			"add by hand what you want of it", m.need.Notes...)
	}
}

// rules returns the mechanisms that the provider asks for beside its include.
// One that cannot be read stands in the way: without it mail would be refused.
func (m *move) rules() []spf.Term {
	var terms []spf.Term
	for _, rule := range m.need.Rules {
		r, err := spf.Parse("v=spf1 " + rule)
		if err != nil || len(r.Terms) != 1 || r.Terms[0].Modifier {
			m.find(finding.Block, finding.SPFUnreadable, "the provider asks for an SPF mechanism that cannot be read",
				"correct the provider's file or the variables", zone.Escape(rule))
			continue
		}
		terms = append(terms, r.Terms[0])
	}
	return terms
}
