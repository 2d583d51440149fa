package migrate

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/dmarc"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/state"
	"github.com/mxmove/mxmove/migrate/step"
)

// policyStood is the kind of observation for a DMARC policy that was seen at a
// domain. The next step asks how long it has stood.
const policyStood = "dmarc-policy"

// A livePolicy is the DMARC record that a domain has now.
type livePolicy struct {
	record dmarc.Record
	found  bool        // there is exactly one record, which receivers can read
	zone   string      // apex of the zone that holds it
	set    *zone.RRset // nil where the record is not ours to change
	at     int         // its place in the set
}

// livePolicy asks the zone's own servers. A record behind a CNAME or in a zone
// of its own is somebody else's: its text comes from the resolver, and the set
// stays nil.
func (r *run) livePolicy(ctx context.Context, domain string) (livePolicy, error) {
	name := zone.Canonical("_dmarc." + domain)
	l, set, err := r.liveText(ctx, domain, name)
	if err != nil {
		return l, err
	}
	var data []string
	if set != nil {
		data = set.Data
	} else {
		client, err := r.client()
		if err != nil {
			return l, err
		}
		if data, err = client.Lookup(ctx, name, dns.TypeTXT); err != nil {
			return l, fmt.Errorf("DMARC record of %s: %w", domain, err)
		}
	}
	l.set = set
	l.record, l.at, l.found = soleRecord(data)
	return l, nil
}

// liveText returns a TXT set of a domain's own zone as every server of it
// shows it; nil where there is none.
func (r *run) liveText(ctx context.Context, domain, name string) (livePolicy, *zone.RRset, error) {
	var l livePolicy
	client, err := r.client()
	if err != nil {
		return l, nil, err
	}
	if l.zone, err = client.Zone(ctx, domain); err != nil {
		return l, nil, err
	}
	if below, err := client.Zone(ctx, name); err != nil || below != l.zone {
		return l, nil, err
	}
	servers, err := client.Authoritative(ctx, l.zone)
	if err != nil {
		return l, nil, err
	}
	key := zone.Key{Name: name, Type: dns.TypeTXT}
	set, err := exactly(ctx, client, servers, l.zone, key)
	if set == nil || err != nil {
		return l, nil, err
	}
	v, err := client.Visible(ctx, l.zone, []resolver.Want{{Key: key, RRset: set}})
	if err == nil && !v.All() {
		err = &LaterError{What: "nothing was changed, since not every authoritative server shows the same: " + r.lagging(ctx, v)}
	}
	return l, set, err
}

// soleRecord returns the one DMARC record of a TXT set, and its place. Several
// count as none (RFC 9989, section 4.7).
func soleRecord(data []string) (dmarc.Record, int, bool) {
	var found dmarc.Record
	at, n := -1, 0
	for i, d := range data {
		text, err := zone.JoinTXT(d)
		if err != nil || !dmarc.Is(text) {
			continue
		}
		record, err := dmarc.Parse(text)
		if err != nil {
			continue
		}
		found, at, n = record, i, n+1
	}
	return found, at, n == 1
}

// policyStep is the next step of a domain's DMARC policy, nil where there is
// none: nothing is stricter than reject, and what receivers stumble over has
// to be mended first.
func (r *run) policyStep(ctx context.Context, domain string) (*hardening, error) {
	l, err := r.livePolicy(ctx, domain)
	if err != nil || !l.found {
		return nil, err
	}
	f := nextPolicy{Record: l.record, Now: r.o.Clock.Now()}
	if f.Since, err = r.policySince(ctx, domain, f.Record); err != nil {
		return nil, err
	}
	next, ok := f.Record.Stricter()
	if !ok {
		return nil, nil
	}
	if err := r.monthOf(ctx, domain, &f); err != nil {
		return nil, err
	}
	newest, err := r.state.Newest(ctx)
	if err != nil {
		return nil, err
	}
	s := f.step(domain)
	s.Gates = append([]step.Result{clockGate(Facts{Now: f.Now, Newest: newest})}, s.Gates...)
	if l.set == nil {
		s.Yours = "publish " + s.Record + ", where that record lies"
		return &s, nil
	}
	after := *l.set
	after.Data = slices.Clone(l.set.Data)
	after.Data[l.at] = zone.TXT(next.String())
	s.Change = &dnsplan.Change{Zone: l.zone, Stage: dnsplan.Harden, Action: dnsplan.Update, Before: l.set, After: &after,
		Why: "A month of reports bears it out."}
	return &s, nil
}

// word is what a policy asks for, as far as a step changes it.
func word(r dmarc.Record) string {
	if r.Test {
		return string(r.Policy) + " t=y"
	}
	return string(r.Policy)
}

// policyWord is the same of a TXT set.
func policyWord(set *zone.RRset) string {
	if set == nil {
		return ""
	}
	record, _, _ := soleRecord(set.Data)
	return word(record)
}

// policyDomain is the domain whose policy a change is about.
func policyDomain(c dnsplan.Change) string {
	return strings.TrimSuffix(strings.TrimPrefix(c.RRset().Name, "_dmarc."), ".")
}

// isPolicy reports whether a change is about a DMARC record.
func isPolicy(c dnsplan.Change) bool {
	s := c.RRset()
	return s.Type == dns.TypeTXT && strings.HasPrefix(s.Name, "_dmarc.")
}

// policySince returns since when a policy has stood, as far as mxmove has seen
// it, and remembers what it sees now. Before the first look of that kind the
// plan has looked.
func (r *run) policySince(ctx context.Context, domain string, record dmarc.Record) (time.Time, error) {
	stands := word(record)
	seen, err := r.state.Observations(ctx, policyStood, domain)
	if err != nil {
		return time.Time{}, err
	}
	if n := len(seen); n > 0 && seen[n-1].Value == stands {
		for n > 1 && seen[n-2].Value == stands {
			n--
		}
		return seen[n-1].At, nil
	}
	since := r.o.Clock.Now()
	if len(seen) == 0 {
		if since, err = r.policyPlanned(ctx, domain, stands, since); err != nil {
			return since, err
		}
	}
	if r.o.DryRun {
		return since, nil
	}
	return since, r.state.Observe(ctx, state.Observation{Kind: policyStood, Subject: domain, At: since, Value: stands})
}

// policyPlanned returns when a policy was first seen by the plan or published
// by prepare, or the time now where neither knows it.
func (r *run) policyPlanned(ctx context.Context, domain, stands string, now time.Time) (time.Time, error) {
	applied, err := r.applied(ctx)
	if err != nil {
		return now, err
	}
	name := zone.Canonical("_dmarc." + domain)
	for _, c := range applied {
		if isPolicy(c) && c.RRset().Name == name && policyWord(c.Before) != policyWord(c.After) {
			seen, ok, err := r.state.Latest(ctx, seenStage, string(c.Stage))
			if err != nil || !ok || policyWord(c.After) != stands {
				return now, err
			}
			return seen.At, nil
		}
	}
	plan, _, err := r.loadPlan("")
	if err != nil {
		return now, err
	}
	for _, s := range plan.Base {
		if s.Name == name && s.Type == dns.TypeTXT && policyWord(&s) == stands {
			return plan.Made, nil
		}
	}
	return now, nil
}

// monthOf fills in what a month of reports tells of a domain.
func (r *run) monthOf(ctx context.Context, domain string, f *nextPolicy) error {
	p, _, err := r.provider()
	if err != nil {
		return err
	}
	k, err := r.senders(ctx, p)
	if err != nil {
		return err
	}
	seen, _, err := r.state.Latest(ctx, seenStage, string(dnsplan.Switch))
	if err != nil {
		return err
	}
	book := reportBook{r.state.DB()}
	f.Switched = seen.At
	g, periods := newGathering(k.classify), make(map[period]bool)
	for more := true; more; more = g.again() {
		f.Vouched = 0
		if err := book.each(ctx, f.Now.Add(-recentReports), func(row sentRow) {
			if r.domainOf(row.Domain) != domain {
				return
			}
			g.add(row)
			if row.SignedBy != "" {
				f.Vouched += row.Messages
			}
			periods[period{row.Org, row.Begin, row.End, row.SignedBy}] = true
			f.Provider = f.Provider || row.provesProvider(k)
		}); err != nil {
			return err
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
	}
	f.Reports = ReportFacts{From: f.Now.Add(-recentReports), Until: f.Now}
	f.Reports.cover(slices.SortedFunc(maps.Keys(periods), func(a, b period) int {
		return cmp.Or(a.Begin.Compare(b.Begin), a.End.Compare(b.End), cmp.Compare(a.Org, b.Org), cmp.Compare(a.SignedBy, b.SignedBy))
	}))
	f.Streams, f.Omitted = g.list()
	f.strangers(g.census.strangers())
	return nil
}

// provesProvider reports whether somebody vouches for aligned mail that came
// from the provider.
func (s sentRow) provesProvider(k *knownSenders) bool {
	if s.SignedBy == "" || !s.Aligned() {
		return false
	}
	class, _ := k.classify(s.Domain, s.Source)
	return class == SenderTarget
}

// domainOf returns the longest of the move's domains that a name lies in.
func (r *run) domainOf(name string) string {
	longest := ""
	for _, d := range r.domains() {
		if within(name, d) && len(d) > len(longest) {
			longest = d
		}
	}
	return longest
}

// finalGate refuses what no acceptance lets pass.
func finalGate(gate string, code finding.Code, domain, text string, evidence ...string) step.Result {
	g := refuse(gate, code, text, "wait, or mend what is named", evidence...)
	g.Subject, g.Final = domain, true
	return g
}
