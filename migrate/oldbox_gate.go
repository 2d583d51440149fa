package migrate

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/step"
)

// A Host is a name with one of its addresses.
type Host struct {
	Name string
	Addr netip.Addr
}

// OldBoxFacts are what else than mail the old machine may do for a domain.
type OldBoxFacts struct {
	Domain  string
	Old     []netip.Addr // of the exchangers that the switch has replaced
	Servers []Host       // the zone's name servers
	Policy  []Host       // the host of the MTA-STS policy, where there is one
}

// oldBoxGates decide whether the old machine may be switched off as far as the
// zone and the policy go: who does so on the word of a closed move must not
// take them along.
func oldBoxGates(f OldBoxFacts) []step.Result {
	var results []step.Result
	for _, on := range []struct {
		hosts []Host
		code  finding.Code
		text  string
		fix   string
	}{
		{f.Servers, finding.NameServerOld, "the old mail server is a name server of " + f.Domain + " too: when it is switched off, part of the world finds no zone",
			`move the zone to other name servers first, or pass with --accept ` + string(finding.NameServerOld) + `="the machine stays for DNS"`},
		{f.Policy, finding.STSHostOld, "the MTA-STS policy of " + f.Domain + " is served by the old mail server: when that goes, senders keep the policy that they have",
			"move mta-sts." + f.Domain + " to a web server that stays"},
	} {
		var evidence []string
		for _, h := range on.hosts {
			if slices.Contains(f.Old, h.Addr) {
				evidence = append(evidence, h.Name+" "+h.Addr.String())
			}
		}
		if len(evidence) > 0 {
			r := refuse("old-box", on.code, on.text, on.fix, evidence...)
			r.Subject = f.Domain
			results = append(results, r)
		}
	}
	if len(results) == 0 {
		results = append(results, pass("old-box", "neither the zone nor an MTA-STS policy of "+f.Domain+" is served by the old mail server"))
	}
	return results
}

// oldBox asks for the addresses before what only the old server needed goes.
func (r *run) oldBox(ctx context.Context) ([]step.Result, error) {
	applied, err := r.applied(ctx)
	if err != nil {
		return nil, err
	}
	client, err := r.client()
	if err != nil {
		return nil, err
	}
	var results []step.Result
	for _, domain := range r.domains() {
		f, err := r.oldBoxFacts(ctx, client, applied, domain)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			g := unmeasured("old-box", finding.NameServerOld, "nobody knows what else the old mail server does for "+domain+": "+err.Error(), "run the command again when the DNS answers")
			g.Subject, g.Exit = domain, 5
			results = append(results, g)
		case len(f.Old) > 0:
			results = append(results, oldBoxGates(f)...)
		}
	}
	return results, nil
}

func (r *run) oldBoxFacts(ctx context.Context, client *resolver.Client, applied []dnsplan.Change, domain string) (OldBoxFacts, error) {
	f := OldBoxFacts{Domain: domain}
	for _, host := range oldExchangers(applied, domain) {
		hosts, err := addressesOf(ctx, client, host)
		if err != nil {
			return f, err
		}
		for _, h := range hosts {
			f.Old = append(f.Old, h.Addr)
		}
	}
	apex, err := client.Zone(ctx, domain)
	if err != nil {
		return f, err
	}
	servers, err := client.Authoritative(ctx, apex)
	if err != nil {
		return f, err
	}
	for _, s := range servers {
		if at, err := netip.ParseAddrPort(s.Addr); err == nil {
			f.Servers = append(f.Servers, Host{s.Name, at.Addr().Unmap()})
		}
	}
	announced, err := r.announcesPolicy(ctx, domain)
	if err == nil && announced {
		f.Policy, err = addressesOf(ctx, client, "mta-sts."+domain)
	}
	return f, err
}

// addressesOf returns a host with each of its addresses.
func addressesOf(ctx context.Context, client *resolver.Client, host string) ([]Host, error) {
	var hosts []Host
	for _, typ := range []uint16{dns.TypeA, dns.TypeAAAA} {
		data, err := client.Lookup(ctx, host, typ)
		if err != nil {
			return nil, fmt.Errorf("addresses of %s: %w", host, err)
		}
		for _, text := range data {
			if ip, err := netip.ParseAddr(strings.TrimSpace(text)); err == nil {
				hosts = append(hosts, Host{zone.Canonical(host), ip.Unmap()})
			}
		}
	}
	return hosts, nil
}
