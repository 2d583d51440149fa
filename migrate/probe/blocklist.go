package probe

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"
)

// A list is a blocklist in the DNS (RFC 5782): an address in 127.0.0.0/8 under
// a name made of the subject means that it is listed.
type list struct {
	zone     string
	domains  bool              // lists domains, otherwise addresses
	six      bool              // of addresses: IPv6 too
	listed   string            // of a domain list: the point that is always listed
	refusals []string          // answers that are no listing, beside those of every list
	meaning  map[string]string // of an answer; others mean that it is listed
}

// lists are those that receivers use, checked 2026-11-24. SORBS closed in
// 2024; levels 2 and 3 of UCEPROTECT punish the neighbours and are left out.
var lists = []list{
	{zone: "zen.spamhaus.org.", six: true, meaning: map[string]string{
		"127.0.0.2": "SBL, spam was seen", "127.0.0.3": "CSS, spam was seen", "127.0.0.4": "XBL, an infected machine",
		"127.0.0.9": "DROP, a hijacked network", "127.0.0.30": "BCL, a botnet's server",
		"127.0.0.10": "PBL, a network that should not send by itself; no sign of spam",
		"127.0.0.11": "PBL, a network that should not send by itself; no sign of spam",
	}},
	{zone: "b.barracudacentral.org."},
	{zone: "bl.spamcop.net."},
	{zone: "psbl.surriel.com."},
	{zone: "dnsbl.dronebl.org."},
	{zone: "dnsbl-1.uceprotect.net."},
	{zone: "dbl.spamhaus.org.", domains: true, listed: "dbltest.com", refusals: []string{"127.0.1.255"}, meaning: map[string]string{
		"127.0.1.2": "spam", "127.0.1.4": "phishing", "127.0.1.5": "malware", "127.0.1.6": "a botnet's server",
		"127.0.1.102": "legitimate, and abused for spam", "127.0.1.103": "legitimate, and abused as a redirector",
		"127.0.1.104": "legitimate, and abused for phishing", "127.0.1.105": "legitimate, and abused for malware",
		"127.0.1.106": "legitimate, and abused by a botnet",
	}},
	{zone: "multi.surbl.org.", domains: true, listed: "surbl-org-permanent-test-point.com"},
	{zone: "multi.uribl.com.", domains: true, listed: "test.uribl.com", refusals: []string{"127.0.0.255"}},
}

// unlistedDomain is a name that no list of domains has: nobody can register it
// (RFC 6761).
const unlistedDomain = "invalid"

// ask asks one list about a sender, its health first.
func (l list) ask(ctx context.Context, s Sender, look Lookup) []Mark {
	var marks []Mark
	if l.domains {
		sick := l.health(ctx, look, l.listed+".", unlistedDomain+".")
		for _, d := range s.Domains {
			marks = append(marks, l.blank(d, sick))
		}
		return l.fill(ctx, look, marks, func(i int) string { return absolute(s.Domains[i]) })
	}
	var names []string
	for _, six := range []bool{false, true} {
		var sick string
		asked := false
		for _, a := range s.Addresses {
			if a.Is6() != six || six && !l.six {
				continue
			}
			if !asked {
				sick, asked = l.health(ctx, look, points[six][0], points[six][1]), true
			}
			marks = append(marks, l.blank(a.String(), sick))
			names = append(names, reversed(a))
		}
	}
	return l.fill(ctx, look, marks, func(i int) string { return names[i] })
}

// points are what every list of addresses lists, and what none does (RFC 5782,
// section 5), as names below the list.
var points = map[bool][2]string{
	false: {reversed(netip.MustParseAddr("127.0.0.2")), reversed(netip.MustParseAddr("127.0.0.1"))},
	true:  {reversed(netip.MustParseAddr("::ffff:127.0.0.2")), reversed(netip.MustParseAddr("::ffff:127.0.0.1"))},
}

// blank is a mark that is unknown because the list is sick, or still open.
func (l list) blank(subject, sick string) Mark {
	m := Mark{Subject: subject, Check: addressList, List: strings.TrimSuffix(l.zone, "."), Evidence: []string{}}
	if l.domains {
		m.Check = domainList
	}
	if sick != "" {
		return m.unknown("%s", sick)
	}
	return m
}

// fill asks for the marks that are still open.
func (l list) fill(ctx context.Context, look Lookup, marks []Mark, name func(int) string) []Mark {
	var g errgroup.Group
	g.SetLimit(perList)
	for i, m := range marks {
		if m.Result == "" {
			g.Go(func() error {
				marks[i] = l.one(ctx, look, m, name(i)+l.zone)
				return nil
			})
		}
	}
	_ = g.Wait() // no question has an error
	return marks
}

func (l list) one(ctx context.Context, look Lookup, m Mark, name string) Mark {
	answers, err := look(ctx, name, dns.TypeA)
	if err != nil {
		return m.unknown("did not answer")
	}
	m = l.judge(m, answers)
	if m.Result != Listed {
		return m
	}
	if reasons, err := look(ctx, name, dns.TypeTXT); err == nil && len(reasons) > 0 {
		m.Evidence = append(m.Evidence, printable(reasons[0], 160))
	}
	return m
}

// judge reads the answer of a healthy list.
func (l list) judge(m Mark, answers []string) Mark {
	slices.Sort(answers)
	var means []string
	for _, answer := range answers[:min(len(answers), 16)] {
		if why := l.refusal(answer); why != "" {
			return m.unknown("%s", why)
		}
		m.Evidence = append(m.Evidence, answer)
		if meaning := l.meaning[answer]; meaning != "" && !slices.Contains(means, meaning) {
			means = append(means, meaning)
		}
	}
	switch {
	case len(m.Evidence) == 0:
		return m.clean("not listed")
	case len(means) == 0:
		return m.bad(Listed, "listed (%s)", strings.Join(m.Evidence, ", "))
	}
	return m.bad(Listed, "listed (%s): %s", strings.Join(m.Evidence, ", "), strings.Join(means, "; "))
}

// health returns why nothing that a list says counts, or nothing. Lists that
// died answer everything or nothing, and some answer a resolver that too many
// share with "no such name", which would pass for clean.
func (l list) health(ctx context.Context, look Lookup, listed, unlisted string) string {
	var yes, no []string
	var g errgroup.Group
	for _, q := range []struct {
		name string
		to   *[]string
	}{{listed, &yes}, {unlisted, &no}} {
		g.Go(func() (err error) {
			*q.to, err = look(ctx, q.name+l.zone, dns.TypeA)
			return err
		})
	}
	if g.Wait() != nil {
		return "did not answer"
	}
	for _, answer := range slices.Concat(yes, no) {
		if why := l.refusal(answer); why != "" {
			return why
		}
	}
	switch {
	case len(no) > 0:
		return "answers for everything, so its answers mean nothing"
	case len(yes) == 0:
		return "does not list its own test point, so it is dead or turns this resolver away"
	}
	return ""
}

// refusal returns why an answer is no listing, or nothing. Spamhaus answers
// with 127.255.255.0/24 when it turns a resolver away: 252 a misspelt zone, 254
// a public resolver, 255 too many questions. 127.0.0.1 is never a listing (RFC
// 5782, section 2.1).
func (l list) refusal(answer string) string {
	addr, err := netip.ParseAddr(answer)
	switch {
	case err != nil || !addr.Is4() || addr.As4()[0] != 127:
		return "the resolver invents answers (" + printable(answer, 40) + ")"
	case strings.HasPrefix(answer, "127.255.255."), answer == "127.0.0.1", slices.Contains(l.refusals, answer):
		return "turns this resolver away (" + answer + ")"
	}
	return ""
}

// reversed returns an address as the DNS writes it, without the zone: octets
// or nibbles in reverse order. An IPv4 address in IPv6 form stays IPv6.
func reversed(a netip.Addr) string {
	octets := a.AsSlice()
	slices.Reverse(octets)
	var b strings.Builder
	for _, o := range octets {
		if a.Is4() {
			fmt.Fprintf(&b, "%d.", o)
		} else {
			fmt.Fprintf(&b, "%x.%x.", o&0xf, o>>4)
		}
	}
	return b.String()
}
