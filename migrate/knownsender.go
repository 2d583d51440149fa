package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/dnsplan/spf"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// A knownSender is a domain with what is known of who sends for it.
type knownSender struct {
	domain string
	old    map[netip.Addr]string // the old server's addresses, by the name they were found under
	target spf.Record            // what the provider asks to be named
	named  []spf.Term            // the terms of the domain's own record that let somebody pass
}

// knownSenders sorts addresses into classes. It asks the DNS for what it needs
// and remembers the answers; what was not answered is not measured.
type knownSenders struct {
	domains []knownSender
	ask     spf.Lookup
	spf     *spf.Checker
	unknown error // why a class could not be told
	seen    map[sentAs]classed
}

// maxSeen bounds the addresses that are remembered with their class.
const maxSeen = 4096

type sentAs struct {
	domain string
	addr   netip.Addr
}

type classed struct {
	class   SenderClass
	because string
}

// senders collects what is known of the senders of every domain of the move.
func (r *run) senders(ctx context.Context, p *provider.Provider) (*knownSenders, error) {
	client, err := r.client()
	if err != nil {
		return nil, err
	}
	k := &knownSenders{ask: lookup(ctx, client), seen: make(map[sentAs]classed)}
	k.spf = &spf.Checker{Ask: k.ask}
	for _, domain := range r.domains() {
		s := knownSender{domain: domain, old: make(map[netip.Addr]string)}
		records, err := p.Expand(domain, r.vars(domain))
		if err == nil {
			s.target = targetRecord(records)
		}
		first, err := r.firstZone(domain)
		if err != nil {
			return nil, err
		}
		for _, host := range r.oldHosts(k, domain, first, records) {
			k.addresses(&s, host, first)
		}
		if err := k.terms(&s); err != nil {
			k.unknown = errors.Join(k.unknown, err)
		}
		k.domains = append(k.domains, s)
	}
	return k, nil
}

// targetRecord is the SPF record that names the provider and nobody else. A
// provider that is not in SPF gives an empty one.
func targetRecord(records provider.Records) spf.Record {
	var r spf.Record
	if records.Include != "" {
		r.Terms = append(r.Terms, spf.Include(records.Include))
	}
	if rules, err := spf.Parse("v=spf1 " + strings.Join(records.Rules, " ")); err == nil {
		r.Terms = append(r.Terms, rules.Terms...)
	}
	return r
}

// firstZone returns the first snapshot of a domain's zone, empty where none
// was kept.
func (r *run) firstZone(domain string) (zone.Zone, error) {
	data, err := r.state.FirstSnapshot(zone.Canonical(domain))
	if errors.Is(err, fs.ErrNotExist) {
		return zone.New(domain, zone.Probed), nil
	}
	if err != nil {
		return zone.Zone{}, err
	}
	var z zone.Zone
	if err := json.Unmarshal(data, &z); err != nil {
		return zone.Zone{}, fmt.Errorf("first snapshot of %s: %w", domain, err)
	}
	return z, nil
}

// oldHosts names the old server: the exchanges as they were at first, without
// the provider's, and the host that the mailboxes are copied from.
func (r *run) oldHosts(k *knownSenders, domain string, first zone.Zone, records provider.Records) []string {
	var mx []string
	if set := first.Get(domain, dns.TypeMX); set != nil {
		mx = set.Data
	} else if data, err := k.ask(domain, dns.TypeMX); err == nil {
		mx = data
	} else {
		k.unknown = errors.Join(k.unknown, err)
	}
	var hosts []string
	for _, data := range mx {
		_, host, _ := strings.Cut(data, " ")
		host = zone.Canonical(host)
		theirs := slices.ContainsFunc(records.MX, func(x provider.Exchange) bool { return zone.Canonical(x.Host) == host })
		if host != "." && !theirs && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	if e := r.Config.Source.IMAP; e != nil {
		if host := zone.Canonical(e.Host); !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// addresses adds those of a host, as the first snapshot has them.
func (k *knownSenders) addresses(s *knownSender, host string, first zone.Zone) {
	if a, err := netip.ParseAddr(strings.TrimSuffix(host, ".")); err == nil {
		s.old[a.Unmap()] = "the old server"
		return
	}
	for _, typ := range []uint16{dns.TypeA, dns.TypeAAAA} {
		var data []string
		var err error
		if set := first.Get(host, typ); set != nil {
			data = set.Data
		} else if data, err = k.ask(host, typ); err != nil {
			k.unknown = errors.Join(k.unknown, err)
		}
		for _, text := range data {
			if a, err := netip.ParseAddr(text); err == nil {
				s.old[a.Unmap()] = strings.TrimSuffix(host, ".")
			}
		}
	}
}

// terms reads the domain's own SPF record as it is now.
func (k *knownSenders) terms(s *knownSender) error {
	data, err := k.ask(s.domain, dns.TypeTXT)
	if err != nil {
		return fmt.Errorf("SPF record of %s: %w", s.domain, err)
	}
	for _, d := range data {
		text, err := zone.JoinTXT(d)
		if err != nil || !spf.Is(text) {
			continue
		}
		r, err := spf.Parse(text)
		if err != nil {
			continue // the plan says so
		}
		for _, t := range r.Terms {
			if t.Modifier && t.Name == "redirect" || !t.Modifier && t.Name != "all" && t.Qualifier == spf.Pass {
				s.named = append(s.named, t)
			}
		}
	}
	return nil
}

// classify says what is known of an address that sends as one of the domains.
func (k *knownSenders) classify(domain string, addr netip.Addr) (SenderClass, string) {
	at := sentAs{domain, addr}
	c, ok := k.seen[at]
	if !ok {
		c = k.judge(domain, addr)
		if len(k.seen) < maxSeen {
			k.seen[at] = c
		}
	}
	return c.class, c.because
}

func (k *knownSenders) judge(domain string, addr netip.Addr) classed {
	var s knownSender // of the longest domain that it lies in
	for _, d := range k.domains {
		if within(domain, d.domain) && len(d.domain) > len(s.domain) {
			s = d
		}
	}
	if name, ok := s.old[addr]; ok {
		return classed{SenderOld, name}
	}
	missing := k.unknown
	for _, t := range s.target.Terms {
		switch ok, err := passes(k.spf, s.domain, t, addr); {
		case ok:
			return classed{SenderTarget, t.String()}
		case err != nil:
			missing = err
		}
	}
	for _, t := range s.named {
		switch ok, err := passes(k.spf, s.domain, t, addr); {
		case ok:
			return classed{SenderNamed, t.String()}
		case err != nil:
			missing = err
		}
	}
	if missing != nil {
		return classed{SenderNotMeasured, ""}
	}
	return classed{SenderUnknown, ""}
}

// passes asks one term alone, so that its neighbours' lookups do not count
// against it.
func passes(c *spf.Checker, domain string, t spf.Term, addr netip.Addr) (bool, error) {
	o, err := c.Check(domain, spf.Record{Terms: []spf.Term{t}}, addr)
	return err == nil && o.Result == spf.ResultPass, err
}

// leaving returns the terms that a stage takes out of the SPF records, by
// domain.
func leaving(plan dnsplan.Plan, stage dnsplan.Stage) map[string][]spf.Term {
	gone := make(map[string][]spf.Term)
	for _, domain := range append([]string{plan.Domain}, plan.AliasDomains...) {
		for _, c := range plan.Stage(stage) {
			if k := c.RRset().Key(); k.Type != dns.TypeTXT || k.Name != zone.Canonical(domain) {
				continue
			}
			after := spfTerms(c.After)
			for _, t := range spfTerms(c.Before) {
				if !slices.ContainsFunc(after, t.Equal) && !t.Modifier && t.Name != "all" && t.Qualifier == spf.Pass {
					gone[domain] = append(gone[domain], t)
				}
			}
		}
	}
	return gone
}

func spfTerms(set *zone.RRset) []spf.Term {
	var terms []spf.Term
	for _, text := range zone.Texts(set) {
		if r, err := spf.Parse(text); err == nil {
			terms = append(terms, r.Terms...)
		}
	}
	return terms
}
