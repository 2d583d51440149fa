package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/mtasts"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/step"
)

// A liveSTS is what senders are told about MTA-STS now: the record, and the
// policy that its web host serves.
type liveSTS struct {
	zone    string
	set     *zone.RRset // nil where there is no record, or it is not ours
	at      int         // the record's place in the set
	text    string      // the record
	policy  string      // as it is served, "" where nobody knows
	changed string      // a policy that was served under the same id before
}

// liveSTS looks at the record and at the policy, and remembers the policy.
func (r *run) liveSTS(ctx context.Context, domain string) (liveSTS, error) {
	name := zone.Canonical("_mta-sts." + domain)
	at, set, err := r.liveText(ctx, domain, name)
	l := liveSTS{zone: at.zone}
	if err != nil || set == nil {
		return l, err
	}
	l.at = slices.IndexFunc(set.Data, func(data string) bool {
		text, err := zone.JoinTXT(data)
		return err == nil && mtasts.IsRecord(text)
	})
	if l.at < 0 {
		return l, nil
	}
	l.set = set
	l.text, _ = zone.JoinTXT(set.Data[l.at])
	now := zone.New(l.zone, zone.Probed)
	now.Put(*set)
	in := dnsplan.Input{Domain: strings.TrimSuffix(domain, "."), Now: now}
	// What is served is remembered as in a plan, but for a dry run.
	if err := r.hearPolicy(ctx, &in, PlanOptions{DNSOnly: r.o.DryRun}); err != nil {
		return l, err
	}
	l.policy = in.Policy
	if i := slices.IndexFunc(in.Served, func(s dnsplan.Served) bool {
		return s.ID == in.PolicyID() && s.Text != "" && in.Policy != "" && !mtasts.Same(s.Text, in.Policy)
	}); i >= 0 {
		l.changed = in.Served[i].Text
	}
	return l, nil
}

// An enforcement is what bears on telling senders to insist on the exchangers
// that a policy names.
type enforcement struct {
	Policy   mtasts.Policy
	Hosts    []string  // the exchangers as the MX names them
	Switched time.Time // when every server was seen to show the new MX
	Now      time.Time
	Reports  ReportFacts // what the TLS reports cover
	Seen     []TLSSeen   // in them
}

// stsStep is the next step of a domain's MTA-STS policy, nil where there is
// none. The file lies on a web host that mxmove does not write: what it can
// do is to give the record a new id, once the file says what it shall.
func (r *run) stsStep(ctx context.Context, domain string) (*hardening, error) {
	l, err := r.liveSTS(ctx, domain)
	if err != nil || l.set == nil {
		return nil, err
	}
	p, err := mtasts.Parse(l.policy)
	if err != nil {
		return unreadSTS(domain), nil
	}
	if l.changed == "" && p.Mode != mtasts.Testing {
		return nil, nil
	}
	e := enforcement{Policy: p, Now: r.o.Clock.Now()}
	if err := r.tlsMonth(ctx, domain, &e); err != nil {
		return nil, err
	}
	newest, err := r.state.Newest(ctx)
	if err != nil {
		return nil, err
	}
	s := e.step(domain, l.changed != "")
	s.Gates = append([]step.Result{clockGate(Facts{Now: e.Now, Newest: newest})}, s.Gates...)
	if l.changed == "" {
		return &s, nil
	}
	after := *l.set
	after.Data = slices.Clone(l.set.Data)
	after.Data[l.at] = zone.TXT(dnsplan.NewPolicyID(l.text, l.policy))
	s.Record, _ = zone.JoinTXT(after.Data[l.at])
	s.Record = "_mta-sts." + domain + ". TXT " + zone.Escape(s.Record)
	s.Change = &dnsplan.Change{Zone: l.zone, Stage: dnsplan.Harden, Action: dnsplan.Update, Before: l.set, After: &after,
		Why: "The MTA-STS policy has changed, and senders look for another id before they fetch it again."}
	s.Still = func(ctx context.Context) error { return r.stillServed(ctx, domain, l.policy) }
	return &s, nil
}

// unreadSTS is the step of a domain whose policy nobody could read.
func unreadSTS(domain string) *hardening {
	g := finalGate("policy", finding.STSMayEnforce, domain, "mta-sts."+domain+" answers with no MTA-STS policy that can be read")
	g.Outcome = step.NotMeasured
	return &hardening{Domain: domain, Code: finding.STSMayEnforce, Word: string(mtasts.Enforce), Gates: []step.Result{g},
		Blind: "the MTA-STS policy was not measured: " + g.Text}
}

// stillServed refuses when the policy is not the one that was shown any more.
func (r *run) stillServed(ctx context.Context, domain, shown string) error {
	in := dnsplan.Input{Domain: domain}
	if err := r.fetchPolicy(ctx, &in); err != nil {
		return err
	}
	if in.Policy != "" && mtasts.Same(in.Policy, shown) {
		return nil
	}
	return &GateError{Step: "close", Results: []step.Result{
		finalGate("policy", finding.STSMayEnforce, domain, "the MTA-STS policy of "+domain+" is not the one that was shown any more"),
	}}
}

// tlsMonth fills in what a month of TLS reports tells of a domain.
func (r *run) tlsMonth(ctx context.Context, domain string, e *enforcement) error {
	client, err := r.client()
	if err != nil {
		return err
	}
	data, err := client.Lookup(ctx, domain, dns.TypeMX)
	if err != nil {
		return fmt.Errorf("MX of %s: %w", domain, err)
	}
	mx := dnsplan.Change{After: &zone.RRset{Name: zone.Canonical(domain), Type: dns.TypeMX, Data: data}}
	e.Hosts = newExchangers([]dnsplan.Change{mx}, domain)
	seen, _, err := r.state.Latest(ctx, seenStage, string(dnsplan.Switch))
	if err != nil {
		return err
	}
	e.Switched = seen.At
	book, since := reportBook{r.state.DB()}, e.Now.Add(-recentReports)
	all, err := book.tls(ctx, since)
	if err != nil {
		return err
	}
	for _, s := range all {
		if r.domainOf(s.Domain) == domain {
			e.Seen = append(e.Seen, s)
		}
	}
	e.Reports = ReportFacts{From: since, Until: e.Now}
	e.Reports.Periods, err = book.tlsPeriods(ctx, domain, since)
	return err
}

// step says what the facts come to. Told means that senders were told of the
// policy as it was, and the record needs a new id. It is pure.
func (e enforcement) step(domain string, told bool) hardening {
	s := hardening{
		Domain: domain, Code: finding.STSMayEnforce, Word: string(e.Policy.Mode), For: e.evidence(),
		What: "a new id for the MTA-STS policy, which is served in mode " + string(e.Policy.Mode),
		Back: "change the file back, then mxmove close gives the record another id; senders keep an enforced policy for its max_age of " + span(e.Policy.MaxAge),
	}
	if !told {
		s.Word, s.What = string(mtasts.Enforce), "mode enforce in the MTA-STS policy"
		s.Yours = "set mode: enforce in https://mta-sts." + domain + "/.well-known/mta-sts.txt, with a small max_age at first, then run mxmove close, which offers to give the record a new id"
	}
	if s.Word == string(mtasts.Enforce) {
		s.Gates = e.gates(domain)
	}
	return s
}

func (e enforcement) evidence() []string {
	var done, failed int64
	for _, s := range e.Seen {
		if s.Failure == "" {
			done += s.Sessions
		} else {
			failed += s.Sessions
		}
	}
	return []string{
		fmt.Sprintf("TLS reports of %s to %s, not authenticated: %s", e.Reports.From.Format(time.DateOnly), e.Reports.Until.Format(time.DateOnly), Plural(len(e.Reports.Periods), "report")),
		fmt.Sprintf("%d sessions delivered, %d failed", done, failed),
		"the policy lists every exchanger: " + strings.Join(e.Hosts, ", "),
	}
}

// gates says what keeps a policy from being enforced. None of it can be
// accepted: senders would not deliver, for as long as they keep the policy.
func (e enforcement) gates(domain string) []step.Result {
	var gates []step.Result
	add := func(text string, evidence ...string) {
		gates = append(gates, finalGate("tls", finding.STSMayEnforce, domain, text, evidence...))
	}
	if away := slices.DeleteFunc(slices.Clone(e.Hosts), e.Policy.Admits); len(away) > 0 || len(e.Hosts) == 0 {
		add(fmt.Sprintf("the MTA-STS policy does not list every exchanger of the domain: %s", strings.Join(away, ", ")))
	}
	switch month := e.Switched.Add(recentReports); {
	case e.Switched.IsZero():
		add("nobody has seen when every name server showed the new MX")
	case e.Now.Before(month):
		add("the month after the switch ends on " + stamp(month))
	}
	if silence, at := e.Reports.silence(); silence > maxSilence {
		add(fmt.Sprintf("no TLS report covers the %s from %s on: run mxmove reports with those that came since", span(silence), stamp(at)))
	}
	var failed int64
	var lines []string
	for _, s := range e.Seen {
		if s.Failure == "" || s.Sessions == 0 {
			continue
		}
		if failed += s.Sessions; len(lines) < manyStreams {
			lines = append(lines, zone.Escape(fmt.Sprintf("%s: %d sessions (%s), last %s", s.MX, s.Sessions, s.Failure, s.Last.Format(time.DateOnly))))
		}
	}
	if failed > 0 {
		add(fmt.Sprintf("senders report %d sessions in which TLS failed", failed), lines...)
	}
	return gates
}
