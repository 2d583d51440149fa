package dnsplan

import (
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/spf"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
)

// spfOf returns the SPF records of a TXT set and where they stand in it.
func spfOf(s *zone.RRset) (records []spf.Record, at []int, err error) {
	if s == nil {
		return nil, nil, nil
	}
	for i, data := range s.Data {
		text, jerr := zone.JoinTXT(data)
		if jerr != nil || !spf.Is(text) {
			continue
		}
		at = append(at, i)
		r, perr := spf.Parse(text)
		if perr != nil {
			err = perr
			continue
		}
		records = append(records, r)
	}
	return records, at, err
}

// senders plans the SPF record for the time in which both servers send: one
// record, merged and never replaced.
func (m *move) senders() {
	set := m.get(m.domain, dns.TypeTXT)
	records, at, err := spfOf(set)
	if err != nil {
		m.find(finding.Block, finding.SPFUnreadable, "the SPF record cannot be read: "+strings.TrimPrefix(err.Error(), "spf: "),
			"correct the record, then plan again", texts(set, at)...)
		return
	}
	if len(records) == 0 {
		m.createSPF(set)
		return
	}
	old := records[0]
	if len(records) > 1 {
		m.find(finding.Warn, finding.SeveralSPF, "the domain has several SPF records, which receivers treat as an error",
			"prepare makes one of them that allows what any of them did", texts(set, at)...)
		old = spf.Union(records)
	}
	m.lookSPF(old)
	r, why := m.overlap(old)
	if len(records) > 1 {
		why = append([]string{"several SPF records are an error: one that allows the same"}, why...)
	}
	if len(why) > 0 {
		if cost := m.count(old, r); cost != "" {
			why = append(why, cost)
		}
		m.replaceSPF(*set, at, r, strings.Join(why, "; "))
		return
	}
	m.count(old, r)
}

// overlap returns the record that allows the provider beside everybody who
// was allowed, and the reasons for its changes.
func (m *move) overlap(old spf.Record) (spf.Record, []string) {
	r := old
	var why []string
	edit := func(next spf.Record, reason string) {
		if next.String() != r.String() {
			r, why = next, append(why, reason)
		}
	}
	if include := m.include(); include != "" && !r.Has(spf.Include(include)) && !strings.EqualFold(strings.TrimSuffix(r.Redirect(), "."), include) {
		edit(r.Unredirect(m.endOf(m.now(), r)), "redirect= is used only while nobody else sends")
		edit(r.Insert(spf.Include(include)), m.in.Provider.Title+" sends for the domain too")
	}
	for _, rule := range m.rules() {
		if r.Has(rule) {
			continue
		}
		edit(r.Unredirect(m.endOf(m.now(), r)), "redirect= is used only while nobody else sends")
		edit(r.Insert(rule), m.in.Provider.Title+" sends for the domain too")
	}
	if !m.moving {
		return r, why
	}
	edit(m.freeze(r), "mx and a mean the old server only until the switch: its addresses instead")
	edit(r.Relax(), "-all would refuse mail before DKIM is looked at; ~all while both servers send")
	return r, why
}

func (m *move) include() string { return strings.TrimSuffix(zone.Canonical(m.need.Include), ".") }

func (m *move) createSPF(set *zone.RRset) {
	include, rules := m.include(), m.rules()
	if include == "" && len(rules) == 0 {
		return
	}
	r := spf.Record{}
	if m.need.Redirect && len(rules) == 0 {
		r.Terms = []spf.Term{{Modifier: true, Name: "redirect", Domain: include, Mask4: -1, Mask6: -1}}
	} else {
		q := spf.Qualifier(m.need.Terminal[0])
		if include != "" {
			rules = append([]spf.Term{spf.Include(include)}, rules...)
		}
		for _, rule := range rules {
			r = r.Insert(rule)
		}
		r = r.WithAll(q).Relax()
	}
	why := "the domain has no SPF record yet"
	if cost := m.count(spf.Record{}, r); cost != "" {
		why += "; " + cost
	}
	if set == nil {
		set = &zone.RRset{Name: m.domain, Type: dns.TypeTXT, TTL: m.settle()}
	}
	m.replaceSPF(*set, nil, r, why)
}

func (m *move) replaceSPF(set zone.RRset, at []int, r spf.Record, why string) {
	m.replaceText(set, at, r.String(), why)
}

// replaceText puts a text where the first of some records of a set stood and
// takes the others out. Their neighbours in the set are kept as they were
// served.
func (m *move) replaceText(set zone.RRset, at []int, text, why string) {
	var data []string
	for i, d := range set.Data {
		switch {
		case len(at) > 0 && i == at[0]:
			data = append(data, zone.TXT(text))
		case !slices.Contains(at, i):
			data = append(data, d)
		}
	}
	if len(at) == 0 {
		data = append(data, zone.TXT(text))
	}
	set.Data = data
	m.put(set, why)
}

// texts returns the joined text of some records of a set, safe to be shown.
func texts(s *zone.RRset, at []int) []string {
	var ts []string
	for _, i := range at {
		if text, err := zone.JoinTXT(s.Data[i]); err == nil {
			ts = append(ts, zone.Escape(text))
		}
	}
	return ts
}
