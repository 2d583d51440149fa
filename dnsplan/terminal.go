package dnsplan

import (
	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/spf"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// endOf returns what the target of a redirect ends with, by a view and the live
// DNS, and neutral when nobody can tell: an end is never made stricter.
func (m *move) endOf(v view, r spf.Record) spf.Qualifier {
	target := r.Redirect()
	for range maxChain {
		if target == "" {
			return spf.Neutral
		}
		data, err := m.ask(v, target, dns.TypeTXT)
		if err != nil {
			m.notMeasured("end of the SPF record of " + target)
			return spf.Neutral
		}
		records, _, err := spfOf(&zone.RRset{Data: data})
		if err != nil || len(records) != 1 {
			return spf.Neutral
		}
		if q, ok := records[0].All(); ok {
			return q
		}
		target = records[0].Redirect()
	}
	return spf.Neutral
}

// harden gives the record the end that its owner had chosen.
func (m *move) harden() {
	set := m.get(m.domain, dns.TypeTXT)
	records, at, err := spfOf(set)
	if err != nil || len(records) != 1 || !m.relaxed() {
		return
	}
	if q, ok := records[0].All(); !ok || q != spf.SoftFail {
		return
	}
	m.replaceSPF(*set, at, records[0].WithAll(spf.Fail), "the end that the record had before the move")
}

// relaxed reports whether the move has made -all softer and not yet given it
// back.
func (m *move) relaxed() bool {
	relaxed := false
	m.eachSPF(func(before, after spf.Record) {
		was, ok := before.All()
		if !ok && before.Redirect() != "" {
			was = m.endOf(m.first(), before)
		}
		is, ok := after.All()
		if !ok && after.Redirect() != "" {
			is = m.endOf(m.now(), after)
		}
		switch {
		case was == spf.Fail && is == spf.SoftFail:
			relaxed = true
		case is == spf.Fail:
			relaxed = false
		}
	})
	return relaxed
}
