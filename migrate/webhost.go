package migrate

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/dmarc"
	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/probe"
)

// webBudget is how long a plan waits for the domains' web hosts.
const webBudget = 5 * time.Second

// webHosts asks each domain's web host where Outlook asks before the DNS. What
// is not known is a finding, so it fails for nothing but the configuration.
func (r *run) webHosts(ctx context.Context, inputs []dnsplan.Input) ([]finding.Finding, error) {
	client, err := r.client()
	if err != nil {
		return nil, err
	}
	trust, err := r.tls(config.TLS{})
	if err != nil {
		return nil, err
	}
	outside := probe.Outside{Resolver: resolver.Stub{Client: client}, Dial: r.knock, TLS: trust, Rehearsed: r.rehearsed, Timeout: webBudget}
	found := make([]*finding.Finding, len(inputs))
	var g errgroup.Group
	g.SetLimit(8)
	for i, in := range inputs {
		g.Go(func() error {
			a, err := probe.AskWebHost(ctx, in.Domain, outside)
			found[i] = shadow(in, a, err)
			return nil
		})
	}
	_ = g.Wait() // errors stand in the findings
	var fs []finding.Finding
	for _, f := range found {
		if f != nil {
			fs = append(fs, *f)
		}
	}
	return fs, nil
}

// shadow says what the answer of a domain's web host means, or nothing where
// it keeps no mail program from the DNS.
func shadow(in dnsplan.Input, a probe.WebAnswer, err error) *finding.Finding {
	domain := strings.TrimSuffix(in.Domain, ".")
	if errors.Is(err, errNotRehearsed) {
		return nil
	}
	if err != nil {
		return &finding.Finding{
			Severity: finding.Note, Code: finding.NotMeasured, Subject: domain,
			Text:     "whether the web host of " + domain + " answers before the DNS is asked was not measured",
			Evidence: []string{err.Error()}, Fix: "open https://" + domain + "/autodiscover/autodiscover.xml in a browser: 404 is right",
		}
	}
	if !a.Keeps() || a.Leads != "" && leadsToProvider(in, a.Leads) {
		return nil
	}
	f := &finding.Finding{
		Severity: finding.Warn, Code: finding.WebHostAnswers, Subject: domain,
		Text:     "the web host of " + domain + " answers where Outlook asks before it asks the DNS",
		Evidence: []string{a.URL + ": " + a.Answer},
		Fix:      "let the web server answer 404 to everything below /autodiscover",
	}
	switch {
	case a.Service:
		f.Text = "a mail server answers at the web host of " + domain + ", where Outlook asks before it asks the DNS"
		f.Fix = "take it out of the web server with the switch, so that it answers 404 below /autodiscover"
	case a.All:
		f.Evidence = append(f.Evidence, "a path that nobody has is answered alike")
	}
	return f
}

// leadsToProvider reports whether a host belongs to those whom the provider's
// records lead mail programs to.
func leadsToProvider(in dnsplan.Input, host string) bool {
	records, err := in.Provider.Expand(in.Domain, in.Vars)
	if err != nil {
		return false // told by the planner
	}
	return slices.ContainsFunc(records.Discovery, func(rec provider.Record) bool {
		fields := strings.Fields(rec.Value)
		if len(fields) == 0 {
			return false
		}
		target := strings.TrimSuffix(zone.Canonical(fields[len(fields)-1]), ".")
		return target != "" && dmarc.SuffixOrg(target) == dmarc.SuffixOrg(host)
	})
}
