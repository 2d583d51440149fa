package dnsplan_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

type generator struct{ *rand.Rand }

func (g generator) maybe() bool { return g.IntN(2) == 0 }

func (g generator) pick(list ...string) string { return list[g.IntN(len(list))] }

// inputs makes a domain, and now and then an alias domain in the same zone.
func (g generator) inputs(t *testing.T) []dnsplan.Input {
	name := g.pick("google", "microsoft365", "fastmail", "proton", "migadu", "mailboxorg", "generic")
	p := loaded(t, name)
	z := g.zone()
	in := dnsplan.Input{Domain: "example.org", Provider: p, Vars: g.vars(name), Origin: z, Now: z.Clone()}
	if g.maybe() {
		in.TTL = uint32(g.IntN(4000))
	}
	if g.IntN(4) == 0 {
		in.TTLFloor = 3600
	}
	if g.IntN(4) > 0 {
		in.Lookup = g.lookup()
	}
	g.policies(&in)
	ins := []dnsplan.Input{in}
	switch g.IntN(8) {
	case 0, 1:
		in.Domain = "sub.example.org"
		ins = append(ins, in)
	case 2:
		in.Domain, in.Origin = "example.net", zone.New("example.net", in.Now.Coverage)
		in.Origin.Put(zone.RRset{Name: "example.net.", Type: dns.TypeMX, TTL: 3600, Data: []string{"10 mail.example.org."}})
		in.Origin.Put(zone.RRset{Name: "example.net.", Type: dns.TypeTXT, TTL: 3600, Data: []string{
			g.pick(`"v=spf1 redirect=example.org"`, `"v=spf1 include:example.org -all"`, `"v=spf1 mx -all"`),
		}})
		in.Now = in.Origin.Clone()
		ins = append(ins, in)
	}
	return ins
}

var catalogue sync.Map

// loaded returns a provider of the catalogue, read once.
func loaded(t *testing.T, name string) *provider.Provider {
	if p, ok := catalogue.Load(name); ok {
		return p.(*provider.Provider)
	}
	p, err := provider.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	catalogue.Store(name, p)
	return p
}

// policies gives a domain an MTA-STS policy, and a past.
func (g generator) policies(in *dnsplan.Input) {
	policy := func() string {
		text := "version: STSv1\nmode: " + g.pick("enforce", "enforce", "testing", "none") + "\nmax_age: " + g.pick("0", "86400", "604800", "31557600") + "\n"
		for _, mx := range []string{"mail.example.org", "*.messagingengine.com", "smtp.google.com", "*.h-v1.mx.microsoft"} {
			if g.maybe() {
				text += "mx: " + mx + "\n"
			}
		}
		return text
	}
	switch g.IntN(4) {
	case 0:
		in.Policy = policy()
	case 1:
		in.NoPolicy = "status 404 Not Found"
	}
	for i := range g.IntN(3) {
		in.Served = append(in.Served, dnsplan.Served{ID: g.pick("1", "2"), Text: policy(), At: made.AddDate(0, 0, i-3)})
	}
}

func (g generator) vars(name string) provider.Vars {
	vars := map[string]provider.Vars{
		"google":       {"verify": {"google-site-verification=abc"}, "dkim": {"v=DKIM1; k=rsa; p=" + strings.Repeat("QUJD", 98)}},
		"microsoft365": {"verify": {"MS=ms123"}, "mx": {"example-org.h-v1.mx.microsoft"}, "dkim1": {"selector1-example-org._domainkey.example.onmicrosoft.com"}},
		"proton":       {"verify": {"protonmail-verification=0a1b"}},
		"migadu":       {"verify": {"hosted-email-verify=abc"}},
		"mailboxorg":   {"verify": {strings.Repeat("0a", 20)}},
		"generic": {
			"mx": {"mx1.provider.example", "mx2.provider.example"}, "spf": {"spf.provider.example"},
			"selector": {"mail"}, "dkim": {"v=DKIM1; k=rsa; p=QUJD"}, "verify": {"hello"},
		},
	}[name]
	if name == "google" && g.maybe() {
		delete(vars, "dkim")
	}
	return vars
}

// lookup answers for the old host and for whatever is included.
func (g generator) lookup() func(string, uint16) ([]string, error) {
	broken := g.IntN(5) == 0
	return func(name string, typ uint16) ([]string, error) {
		switch {
		case broken && strings.HasPrefix(name, "mail."):
			return nil, fmt.Errorf("no answer")
		case typ == dns.TypeA:
			return []string{"198.51.100.7"}, nil
		case typ == dns.TypeTXT && strings.HasPrefix(name, "deep"):
			return []string{`"v=spf1 include:a.x.example include:b.x.example include:c.x.example ~all"`}, nil
		case typ == dns.TypeTXT && strings.HasPrefix(name, "_spf.old"):
			return []string{`"v=spf1 ip4:198.51.100.7 -all"`}, nil
		case typ == dns.TypeTXT && !strings.HasPrefix(name, "_dmarc."):
			return []string{`"v=spf1 ip4:203.0.113.0/24 ~all"`}, nil
		}
		return nil, nil
	}
}

// lines are records that a zone may have; of each group one is chosen, or
// none.
func (g generator) zone() zone.Zone {
	z := zone.New("example.org", zone.Coverage(g.pick("axfr", "file", "probed")))
	ttl := uint32(g.pick("2", "60", "300", "3600", "86400")[0]-'0') * uint32(1+g.IntN(9000))
	add := func(name, typ string, data ...string) {
		code := dns.StringToType[typ]
		s := zone.RRset{Name: name, Type: code, TTL: ttl + uint32(g.IntN(3)), Data: data}
		if is := z.Get(name, code); is != nil {
			s.TTL = is.TTL
			for _, d := range data {
				if !slices.Contains(is.Data, d) {
					is.Data = append(is.Data, d)
				}
			}
			s.Data = is.Data
		}
		z.Put(s)
	}
	switch g.IntN(6) {
	case 0, 1, 2:
		add("example.org.", "MX", "10 mail.example.org.")
	case 3:
		add("example.org.", "MX", "10 mail.example.org.", "20 backup.old.example.")
	case 4:
		add("example.org.", "MX", g.pick("0 .", "1 smtp.google.com.", "10 mail.old.example.", "10 mail.example.org.example.org."))
	}
	if g.IntN(5) == 0 {
		add("example.org.", "MX", g.pick("50 smtp.google.com.", "50 in1-smtp.messagingengine.com."))
	}
	if g.maybe() {
		add("sub.example.org.", "MX", "10 mail.example.org.")
		add("sub.example.org.", "TXT", g.pick(`"v=spf1 mx:example.org -all"`, `"v=spf1 mx -all"`, `"v=spf1 redirect=example.org"`))
	}
	if g.maybe() {
		add("example.org.", "SOA", "ns1.example.org. hostmaster.example.org. 1 7200 600 1209600 "+g.pick("60", "86400"))
	}
	add("mail.example.org.", "A", "192.0.2.10")
	if g.maybe() {
		add("mail.example.org.", "AAAA", "2001:db8::10")
	}
	if g.maybe() {
		add("example.org.", "A", g.pick("192.0.2.10", "192.0.2.80"))
	}
	g.spf(add)
	for _, text := range []string{`"MS=ms1"`, `"google-site-verification=other"`, `"v=spf1x"`, `"in two" " strings"`, `"google-site-verification=abc"`, `"\000\255 \"odd\""`} {
		if g.IntN(3) == 0 {
			add("example.org.", "TXT", text)
		}
	}
	g.mail(add)
	switch g.IntN(4) {
	case 0:
		add("autodiscover.example.org.", "A", "192.0.2.10")
		add("autodiscover.example.org.", "AAAA", "2001:db8::10")
	case 1:
		add("autodiscover.example.org.", "CNAME", "mail.example.org.")
	case 2:
		add("autodiscover.example.org.", "TXT", `"foreign"`)
	}
	for _, service := range []string{"_imaps._tcp", "_submission._tcp", "_caldavs._tcp", "_xmpp-server._tcp"} {
		if g.IntN(3) == 0 {
			add(service+".example.org.", "SRV", g.pick("0 1 993 mail.example.org.", "0 0 0 ."))
		}
	}
	for _, selector := range []string{"mail", "google", "selector1", "key1", "fm1"} {
		if g.IntN(4) == 0 {
			add(selector+"._domainkey.example.org.", "TXT", `"v=DKIM1; p=T0xE"`)
		}
	}
	if g.IntN(6) == 0 {
		add("_domainkey.example.org.", "NS", "ns.old.example.")
	}
	add("www.example.org.", "CNAME", "web.example.")
	return z
}

// mail adds what surrounds mail: policies, reports, pins and wildcards.
func (g generator) mail(add func(name, typ string, data ...string)) {
	for range g.pick("", "x", "xx", "xxx") {
		add("_dmarc.example.org.", "TXT", g.pick(
			`"v=DMARC1; p=reject"`, `"v=dmarc1"`, `"v=DMARC1; p=none; rua=mailto:a@example.org"`, `"v=DMARC1; p=quarantine; sp=reject; adkim=s"`,
			`"v=DMARC1; rua=mailto:x@reports.example; p=nonsense"`, `"not a policy"`, `"v=DMARC1"`))
	}
	if g.maybe() {
		add("_mta-sts.example.org.", "TXT", g.pick(`"v=STSv1; id=1"`, `"v=STSv1; id=2;"`, `"v=STSv1;id=3; x=y"`, `"v=STSv1"`))
		add("mta-sts.example.org.", "A", g.pick("192.0.2.10", "192.0.2.80"))
	}
	if g.IntN(3) == 0 {
		add("_smtp._tls.example.org.", "TXT", g.pick(`"v=TLSRPTv1; rua=mailto:a@example.org"`, `"v=TLSRPTv1"`, `"other"`))
	}
	if g.IntN(3) == 0 {
		add("_25._tcp.mail.example.org.", "TLSA", "3 1 1 "+strings.Repeat("0b", 32))
	}
	switch g.IntN(8) {
	case 0:
		add("*.example.org.", "CNAME", "web.example.")
	case 1:
		add("*.example.org.", "MX", "10 mail.example.org.")
	case 2:
		add("ua-auto-config.example.org.", "CNAME", "mail.example.org.")
		add("_ua-auto-config.example.org.", "TXT", `"v=UAAC1"`)
	}
	for _, text := range []string{`"v=BIMI1; l="`, `"other"`} {
		if g.IntN(6) == 0 {
			add("default._bimi.example.org.", "TXT", text)
		}
	}
}

func (g generator) spf(add func(name, typ string, data ...string)) {
	for range g.pick("", "x", "x", "x", "xx") {
		text := "v=spf1"
		for _, term := range []string{"mx", "a", "a:mail.example.org", "ip4:192.0.2.10", "include:spf.news.example", "mx:other.example", "include:_spf.google.com", "exists:%{i}.x.example", "include:deep1.example", "include:deep2.example"} {
			if g.IntN(3) == 0 {
				text += " " + term
			}
		}
		text += g.pick("", " -all", " -all", " ~all", " ?all", " redirect=_spf.old.example")
		add("example.org.", "TXT", zone.TXT(text))
	}
}

func (g generator) shuffle(z zone.Zone) zone.Zone {
	s := zone.New(z.Origin, z.Coverage)
	all := z.All()
	g.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, set := range all {
		g.Shuffle(len(set.Data), func(i, j int) { set.Data[i], set.Data[j] = set.Data[j], set.Data[i] })
		s.Put(set)
	}
	return s
}
