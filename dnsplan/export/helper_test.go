package export_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/export"
	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

var made = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// A story is a plan and the zone that it was made for.
type story struct {
	name string
	plan dnsplan.Plan
	zone zone.Zone
}

// stories are the plans of typical zones to typical providers, and one of all
// that is awkward.
func stories(t testing.TB) []story {
	t.Helper()
	var all []story
	for _, file := range []string{"postfix", "mailcow", "cpanel"} {
		for _, name := range []string{"fastmail", "google"} {
			text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "zones", file+".zone"))
			if err != nil {
				t.Fatal(err)
			}
			z := read(t, string(text))
			all = append(all, story{file + " to " + name, planned(t, name, z), z})
		}
	}
	return append(all, awkward(t))
}

func read(t testing.TB, text string) zone.Zone {
	t.Helper()
	z, err := zone.Read(strings.NewReader(text), "example.org.", "test")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func planned(t testing.TB, name string, z zone.Zone) dnsplan.Plan {
	t.Helper()
	p, err := provider.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	in := dnsplan.Input{Domain: "example.org", Provider: p, Origin: z, Now: z.Clone()}
	if name == "google" {
		in.Vars = provider.Vars{"verify": {"google-site-verification=a"}}
	}
	plan, err := dnsplan.Build([]dnsplan.Input{in}, made)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

const awkwardZone = `
@ 3600 IN SOA ns1 hostmaster 50 7200 600 1209600 60
@ 3600 IN NS ns1
@ 86400 IN MX 10 mail
@ 3600 IN TXT "v=spf1 mx" " -all"
@ 3600 IN TXT "a ; b ${c} %{d} 'e' */ --> # // <f> \$"
mail 3600 IN A 192.0.2.10
mail 3600 IN AAAA 2001:db8::10
ns1 3600 IN A 192.0.2.53
autodiscover 3600 IN A 192.0.2.10
_imaps._tcp 3600 IN SRV 0 1 993 mail
www2 60 IN CNAME mail
www10 60 IN CNAME mail
*.wild 60 IN CNAME mail
1host 60 IN A 192.0.2.11
@ 60 IN CAA 0 issue "ca.example; policy=ev"
_25._tcp.mail 60 IN TLSA 3 1 1 0b9fa5a59eed715c26c1020c711b4f6ec42d58b0015e14337a39dad301c5afc3
`

// awkward changes every type that a plan may change, with TTLs that change and
// do not, and texts that mean something in one of the languages.
func awkward(t testing.TB) story {
	t.Helper()
	z := read(t, awkwardZone)
	p := dnsplan.Plan{Version: 1, Domain: "example.org", Provider: "fastmail\nevil", Made: made,
		Waits: []dnsplan.Wait{{Stage: dnsplan.Switch, Length: 26 * time.Hour, Because: "It is\r\nso."}}}
	change := func(stage dnsplan.Stage, name string, typ uint16, ttl uint32, data ...string) {
		c := dnsplan.Change{Zone: "example.org.", Stage: stage, Action: dnsplan.Update}
		c.Before = dnsplan.Outcome(p, stage, z).Get(name, typ)
		if c.Before == nil {
			c.Action = dnsplan.Create
		}
		if len(data) > 0 {
			c.After = &zone.RRset{Name: name, Type: typ, TTL: ttl, Data: data}
		} else {
			c.Action = dnsplan.Delete
		}
		p.Changes = append(p.Changes, c)
	}
	key := zone.TXT("v=DKIM1; k=rsa; p=" + strings.Repeat("A", 400))
	change(dnsplan.Prepare, "example.org.", dns.TypeTXT, 300,
		`"v=spf1 mx" " include:spf.provider.example ~all"`, `"a ; b ${c} %{d} 'e' */ --> # // <f> $"`, `"say 'so'"`)
	change(dnsplan.Prepare, "example.org.", dns.TypeMX, 300, "10 mail.example.org.")
	change(dnsplan.Prepare, "s1._domainkey.example.org.", dns.TypeTXT, 3600, key)
	change(dnsplan.Switch, "example.org.", dns.TypeMX, 300, "1 smtp.provider.example.", "5 alt.provider.example.")
	change(dnsplan.Switch, "autodiscover.example.org.", dns.TypeA, 0)
	change(dnsplan.Switch, "autodiscover.example.org.", dns.TypeCNAME, 300, "autodiscover.provider.example.")
	change(dnsplan.Switch, "_imaps._tcp.example.org.", dns.TypeSRV, 300, "0 1 993 imap.provider.example.")
	change(dnsplan.Switch, "_pop3._tcp.example.org.", dns.TypeSRV, 300, "0 0 0 .")
	change(dnsplan.Retire, "mail.example.org.", dns.TypeAAAA, 3600, "2001:db8::11", "2001:db8::12")
	change(dnsplan.Retire, "_25._tcp.mail.example.org.", dns.TypeTLSA, 0)
	change(dnsplan.Harden, "sub.example.org.", dns.TypeNS, 300, "ns1.provider.example.")
	return story{"awkward", p, z}
}

func write(t testing.TB, f export.Format, s story, stage dnsplan.Stage) string {
	t.Helper()
	var b bytes.Buffer
	if err := export.Write(&b, f, s.plan, stage, []zone.Zone{s.zone}); err != nil {
		t.Fatalf("%s, %s of %s: %v", f, stage, s.name, err)
	}
	if !isASCII(b.String()) {
		t.Errorf("%s, %s of %s is not ASCII:\n%q", f, stage, s.name, b.String())
	}
	return b.String()
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && (r < ' ' || r > '~') })
}

// each runs a test for every stage of every story.
func each(t *testing.T, test func(t *testing.T, s story, stage dnsplan.Stage)) {
	t.Helper()
	for _, s := range stories(t) {
		for _, stage := range dnsplan.Stages {
			t.Run(s.name+" "+string(stage), func(t *testing.T) {
				t.Parallel()
				test(t, s, stage)
			})
		}
	}
}

// after returns the RRsets that a stage leaves, by key, and what it takes away.
func after(s story, stage dnsplan.Stage) (stay zone.Zone, gone []zone.RRset) {
	stay = zone.New("example.org.", zone.File)
	for _, c := range s.plan.Stage(stage) {
		if c.After != nil {
			stay.Put(*c.After)
		} else {
			gone = append(gone, *c.Before)
		}
	}
	return stay, gone
}

// same fails when two zones differ in an RRset or its TTL.
func same(t *testing.T, what string, got, want zone.Zone) {
	t.Helper()
	keys := make(map[zone.Key]bool)
	for _, s := range append(got.All(), want.All()...) {
		keys[s.Key()] = true
	}
	for k := range keys {
		if g, w := got.Get(k.Name, k.Type), want.Get(k.Name, k.Type); k.Type != dns.TypeSOA && !zone.Same(g, w) {
			t.Errorf("%s: %s = %+v, want %+v", what, k, g, w)
		}
	}
}
