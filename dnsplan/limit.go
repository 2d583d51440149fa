package dnsplan

import (
	"fmt"
	"slices"

	"github.com/mxmove/mxmove/dnsplan/spf"
	"github.com/mxmove/mxmove/migrate/finding"
)

// count tells what evaluating the record costs before and after, and refuses
// what receivers would refuse.
func (m *move) count(old, r spf.Record) string {
	before, errBefore := spf.Count(m.domain, old, m.lookup(m.in.Now))
	after, err := spf.Count(m.domain, r, m.lookup(m.z))
	if err != nil || errBefore != nil {
		m.notMeasured("lookups of the SPF record")
		return ""
	}
	evidence := []string{r.String()}
	if after.Lookups > spf.MaxLookups {
		m.find(finding.Block, finding.SPFTooManyLookups, fmt.Sprintf("SPF needs %d lookups, %d are allowed: receivers would treat it as an error", after.Lookups, spf.MaxLookups),
			"take out senders that are no longer used, and terms such as ptr, a and mx", evidence...)
	}
	if after.Voids() > spf.MaxVoids {
		m.find(finding.Block, finding.SPFTooManyVoids, fmt.Sprintf("%d lookups of SPF find nothing, %d are allowed: receivers would treat it as an error", after.Voids(), spf.MaxVoids),
			"take out the names that do not exist", evidence...)
	}
	if len(after.Broken) > 0 {
		m.find(finding.Warn, finding.SPFOddity, "SPF includes a name without a valid record, which is an error to receivers",
			"take it out of the record", after.Broken...)
	}
	return fmt.Sprintf("lookups %d -> %d of %d", before.Lookups, after.Lookups, spf.MaxLookups)
}

// lookSPF tells what is odd about the record as it is.
func (m *move) lookSPF(r spf.Record) {
	q, ended := r.All()
	if ended && q == spf.Pass {
		m.find(finding.Warn, finding.SPFPassAll, "SPF ends with +all: anybody may send as the domain",
			"end the record with ~all once you know who sends", r.String())
	}
	var odd []string
	if ended && r.Redirect() != "" {
		odd = append(odd, "redirect= has no effect beside all")
	}
	if slices.ContainsFunc(r.Terms, func(t spf.Term) bool { return t.Name == "ptr" }) {
		odd = append(odd, "ptr is slow and many receivers leave it out")
	}
	if len(odd) > 0 {
		m.find(finding.Warn, finding.SPFOddity, "the SPF record has terms that do not do what they seem to", "take them out of the record", odd...)
	}
}
