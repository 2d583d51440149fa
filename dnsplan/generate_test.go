package dnsplan_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
)

// TestGeneratedZones plans zones put together at random, and checks with each
// what must hold for every plan, whatever the order of the records.
func TestGeneratedZones(t *testing.T) {
	t.Parallel()
	for seed := range uint64(250) {
		g := generator{rand.New(rand.NewPCG(seed, 7))}
		in := g.input(t)
		p, err := dnsplan.Build([]dnsplan.Input{in}, made)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		checkStages(t, []dnsplan.Input{in}, p)
		shuffled := in
		shuffled.Now = g.shuffle(in.Now)
		shuffled.Origin = shuffled.Now.Clone()
		q, err := dnsplan.Build([]dnsplan.Input{shuffled}, made)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if !sameChanges(unordered(p), unordered(q)) {
			t.Errorf("seed %d: the plan depends on the order of records", seed)
		}
		if t.Failed() {
			var b strings.Builder
			if err := in.Now.Write(&b); err != nil {
				t.Error(err)
			}
			t.Fatalf("seed %d, provider %s:\n%s", seed, in.Provider.Name, b.String())
		}
	}
}

// unordered leaves SPF out of the comparison where a zone has several: which
// of them comes first decides the order of the merged terms, no more.
func unordered(p dnsplan.Plan) []dnsplan.Change {
	several := slices.ContainsFunc(p.Findings, func(f finding.Finding) bool { return f.Code == finding.SeveralSPF })
	return slices.DeleteFunc(slices.Clone(p.Changes), func(c dnsplan.Change) bool {
		return several && c.RRset().Name == p.Domain+"." && c.RRset().Type == dns.TypeTXT
	})
}

type generator struct{ *rand.Rand }

func (g generator) maybe() bool { return g.IntN(2) == 0 }

func (g generator) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g generator) input(t *testing.T) dnsplan.Input {
	name := g.pick("google", "microsoft365", "fastmail", "proton", "migadu", "mailboxorg", "generic")
	p, err := provider.Load(name)
	if err != nil {
		t.Fatal(err)
	}
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
	return in
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
			s.TTL, s.Data = is.TTL, append(is.Data, data...)
		}
		z.Put(s)
	}
	switch g.IntN(6) {
	case 0, 1, 2:
		add("example.org.", "MX", "10 mail.example.org.")
	case 3:
		add("example.org.", "MX", "10 mail.example.org.", "20 backup.old.example.")
	case 4:
		add("example.org.", "MX", g.pick("0 .", "1 smtp.google.com.", "10 mail.old.example."))
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
	if g.maybe() {
		add("_dmarc.example.org.", "TXT", g.pick(`"v=DMARC1; p=reject"`, `"v=dmarc1"`))
	}
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

func (g generator) spf(add func(name, typ string, data ...string)) {
	for range g.pick("", "x", "x", "x", "xx") {
		text := "v=spf1"
		for _, term := range []string{"mx", "a", "a:mail.example.org", "ip4:192.0.2.10", "include:spf.news.example", "mx:other.example", "include:_spf.google.com", "exists:%{i}.x.example"} {
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
