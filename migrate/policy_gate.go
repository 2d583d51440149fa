package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/mtasts"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/step"
)

// PolicyFacts are what senders are told right before the switch about the
// exchangers of a domain that has an MTA-STS record. The plan has looked too,
// and that may be weeks ago.
type PolicyFacts struct {
	Domain   string
	Hosts    []string // the new exchangers
	Policy   string   // as it is served; "" where nobody knows
	NoPolicy string   // what the policy host answered in its place
}

// policyGate decides whether senders that keep to the policy will deliver to
// the new exchangers. One that is only tested is no reason to refuse: they
// report, and deliver all the same (RFC 8461, section 5).
func policyGate(f PolicyFacts) step.Result {
	const fix = "add the new exchangers to the policy beside the old ones, run mxmove plan again, and mxmove prepare, which gives the record a new id"
	p, err := mtasts.Parse(f.Policy)
	away := slices.DeleteFunc(slices.Clone(f.Hosts), p.Admits)
	var r step.Result
	switch {
	case f.NoPolicy != "":
		r = pass("policy", f.Domain+" has an MTA-STS record and serves no policy")
	case err != nil:
		r = unmeasured("policy", finding.STSNotMeasured, "nobody knows whether the MTA-STS policy of "+f.Domain+" lists the new exchangers",
			"run the command again when mta-sts."+f.Domain+" answers with a policy", f.Hosts...)
	case p.Mode == mtasts.None || len(away) == 0:
		r = pass("policy", "the MTA-STS policy of "+f.Domain+" admits the new exchangers")
	case p.Mode == mtasts.Enforce:
		r = refuse("policy", finding.STSRefusesNewMX, "senders that keep to the MTA-STS policy of "+f.Domain+" would not deliver to "+strings.Join(away, ", "), fix, away...)
	default:
		r = pass("policy", fmt.Sprintf("the MTA-STS policy of %s does not list %s, and its mode %s keeps nobody from delivering", f.Domain, strings.Join(away, ", "), p.Mode))
	}
	r.Subject = f.Domain
	return r
}

// policyGates looks at the policies as they are served now. A domain without
// a record has none that senders would look for.
func (r *run) policyGates(ctx context.Context, plan dnsplan.Plan) ([]step.Result, error) {
	var results []step.Result
	for _, domain := range r.domains() {
		f := PolicyFacts{Domain: domain, Hosts: newExchangers(plan.Stage(dnsplan.Switch), domain)}
		announced, err := r.announcesPolicy(ctx, domain)
		if err != nil {
			return nil, err
		}
		if !announced || len(f.Hosts) == 0 {
			continue
		}
		in := dnsplan.Input{Domain: domain}
		if err := r.fetchPolicy(ctx, &in); err != nil {
			return nil, err
		}
		f.Policy, f.NoPolicy = in.Policy, in.NoPolicy
		results = append(results, policyGate(f))
	}
	return results, nil
}

// announcesPolicy asks the zone's own servers for the record by which senders
// know of a policy.
func (r *run) announcesPolicy(ctx context.Context, domain string) (bool, error) {
	client, err := r.client()
	if err != nil {
		return false, err
	}
	apex, err := client.Zone(ctx, domain)
	if err != nil {
		return false, err
	}
	servers, err := client.Authoritative(ctx, apex)
	if err != nil {
		return false, err
	}
	for _, typ := range []uint16{dns.TypeTXT, dns.TypeCNAME} {
		set, err := exactly(ctx, client, servers, apex, zone.Key{Name: zone.Canonical("_mta-sts." + domain), Type: typ})
		if err != nil || set != nil {
			return set != nil, err
		}
	}
	return false, nil
}

// newExchangers returns the hosts that the changes of the switch put into a
// domain's MX.
func newExchangers(changes []dnsplan.Change, domain string) []string {
	var hosts []string
	for _, c := range changes {
		if k := c.RRset().Key(); k.Type != dns.TypeMX || k.Name != zone.Canonical(domain) || c.After == nil {
			continue
		}
		for _, data := range c.After.Data {
			if fields := strings.Fields(data); len(fields) == 2 {
				hosts = append(hosts, strings.TrimSuffix(zone.Canonical(fields[1]), "."))
			}
		}
	}
	return hosts
}
