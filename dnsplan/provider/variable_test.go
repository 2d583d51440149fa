package provider_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/dnsplan/provider"
)

// regional is a provider whose hosts depend on a region.
const regional = `
name: regional
title: Regional
mx:
  records:
    - {preference: 10, host: "mx.%zone%"}
spf: {include: "%spf%"}
offers:
  - name: wildcard
    text: everything below
    records:
      - {name: "*", type: MX, value: "10 mx.%zone%."}
      - {name: "*.sub", type: TXT, value: "%later%"}
imap: {host: "imap.%zone%", port: 993, tls: implicit}
smtp: {host: smtp.regional.example, port: 465, tls: implicit}
variables:
  - name: region
    where: console
    required: true
    choices:
      north: {zone: north.example, spf_name: spf.north.example}
      south: {zone: south.example, spf_name: spf.south.example, confidence: low}
  - {name: spf, where: console, default: "%spf_name%"}
  - {name: later, where: console, after_verification: true}
`

func TestChoices(t *testing.T) {
	t.Parallel()
	p, err := provider.Parse("p.yaml", []byte(regional))
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Expand("example.org", provider.Vars{"region": {"north"}})
	if err != nil {
		t.Fatal(err)
	}
	if r.MX[0].Host != "mx.north.example." || r.Include != "spf.north.example" || len(r.Weak) > 0 {
		t.Errorf("north: %+v", r)
	}
	want := []provider.Record{
		{Name: "*.example.org.", Type: "MX", Value: "10 mx.north.example."},
		{Name: "*.sub.example.org.", Type: "TXT", Value: "%later%"},
	}
	if len(r.Offers) != 1 || !slices.Equal(r.Offers[0].Records, want) {
		t.Errorf("offers = %+v, want %+v", r.Offers, want)
	}
	r, err = p.Expand("example.org", provider.Vars{"region": {"south"}, "spf": {"other.example"}})
	if err != nil || r.Include != "other.example" || len(r.Weak) != 1 || !strings.HasPrefix(r.Weak[0], "region south") {
		t.Errorf("south: %+v, %v", r, err)
	}
	for region, want := range map[string]string{
		"west": `region: "west" is not one of north, south`,
		"":     "region: missing; find it in: console (one of north, south)",
	} {
		vars := provider.Vars{}
		if region != "" {
			vars["region"] = []string{region}
		}
		_, err := p.Expand("example.org", vars)
		if _, ok := errors.AsType[*provider.VariableError](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("region %q: Expand = %v, want %q", region, err, want)
		}
	}
	if _, err := p.Expand("example.org", provider.Vars{"region": {"north"}, "zone": {"evil.example"}}); err == nil {
		t.Error("what a choice sets can be set from outside")
	}
}

func TestLocated(t *testing.T) {
	t.Parallel()
	p, err := provider.Parse("p.yaml", []byte(regional))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		vars provider.Vars
		imap string
	}{
		{provider.Vars{"region": {"south"}}, "imap.south.example"},
		{provider.Vars{"region": {"west"}}, ""},
		{nil, ""},
	}
	for _, tt := range tests {
		got := p.Located(tt.vars)
		if got.IMAP.Host != tt.imap || got.SMTP.Host != "smtp.regional.example" {
			t.Errorf("Located(%v) = %q, %q, want %q", tt.vars, got.IMAP.Host, got.SMTP.Host, tt.imap)
		}
	}
	if p.IMAP.Host != "imap.%zone%" {
		t.Errorf("the provider itself was changed: %q", p.IMAP.Host)
	}
}

func TestAccepts(t *testing.T) {
	t.Parallel()
	p, err := provider.Load("microsoft365")
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Expand("example.org", provider.Vars{
		"verify": {"MS=ms1"}, "mx": {"example-org.h-v1.mx.microsoft"},
		"dkim1": {"selector1-example-org._domainkey.example.h-v1.dkim.mail.microsoft"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{
		"example-org.h-v1.mx.microsoft.":             true,
		"Example-Org.mail.protection.outlook.com":    true,
		"example-org.s-v1.mx.microsoft.":             true,
		"example-net.mail.protection.outlook.com.":   false,
		"example-org.mail.protection.outlook.com.x.": false,
		"mx.example.org.":                            false,
		"":                                           false,
	} {
		if got := r.Theirs(host); got != want {
			t.Errorf("Theirs(%q) = %v, want %v", host, got, want)
		}
	}
	for target, want := range map[string]bool{
		"selector1-example-org._domainkey.example.onmicrosoft.com.":             true,
		"selector1-example-org._domainkey.example.s-v1.dkim.mail.microsoft.":    true,
		"selector1-example-org._domainkey.other.onmicrosoft.com.":               false,
		"selector2-example-org._domainkey.example.onmicrosoft.com.":             false,
		"selector1-example-org._domainkey.example.onmicrosoft.com.evil.example": false,
	} {
		if got := r.DKIM[0].Accepts(target); got != want {
			t.Errorf("Accepts(%q) = %v, want %v", target, got, want)
		}
	}
	// Without groups in a pattern nothing but the value itself is right.
	google, err := provider.Load("google")
	if err != nil {
		t.Fatal(err)
	}
	r, err = google.Expand("example.org", provider.Vars{"verify": {"google-site-verification=a"}})
	if err != nil || r.Theirs("smtp.google.com.evil.") || !r.Theirs("ASPMX.L.google.com") || r.MX[0].Accepts("smtp.google.com.") {
		t.Errorf("google: %+v, %v", r, err)
	}
}

func TestWeak(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"google": "", "fastmail": "", "mailfence": "mx: seen in one public zone",
		"privateemail": "discovery: engineer's knowledge", "titan": "",
	} {
		p, err := provider.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(p.Weak(), "\n"); got != want {
			t.Errorf("Weak of %s = %q, want %q", name, got, want)
		}
	}
}

func TestVariableErrors(t *testing.T) {
	t.Parallel()
	const good = "name: own\ntitle: Own\nmx:\n  records:\n    - {preference: 1, host: mx.own.example}\n"
	tests := []struct{ name, text, want string }{
		{"choices differ", "variables:\n  - {name: r, where: x, choices: {a: {z: 1.example}, b: {}}}\n", "every choice sets the same variables"},
		{"choice of a pattern", "variables:\n  - {name: r, where: x, pattern: a, choices: {a: {}}}\n", "take one value and no pattern"},
		{"choice sets itself", "variables:\n  - {name: r, where: x, choices: {a: {r: b}}}\n", `"r" cannot be set by a choice`},
		{"choice sets the domain", "variables:\n  - {name: r, where: x, choices: {a: {domain: b}}}\n", `"domain" cannot be set by a choice`},
		{"confidence of a choice", "variables:\n  - {name: r, where: x, choices: {a: {confidence: high}}}\n", "confidence is low, or left out"},
		{"default of a variable", "variables:\n  - {name: a, where: x, default: '%b%'}\n  - {name: b, where: x}\n", "a default may use what a choice sets"},
		{"confidence", "spf: {include: x.example, confidence: some}\n", "confidence is low, or left out"},
		{"confidence of an offer", "offers:\n  - {name: a, text: b}\n  - {name: c, text: d, confidence: some}\n", "p.yaml:8:36: confidence is low"},
		{"date of a reason", "no_imap: never\nchecked: then\n", "p.yaml:7:10: checked is a date"},
		{"rule", "spf: {rules: [all]}\n", "is not a mechanism such as ip4"},
		{"offer without a word", "offers:\n  - {name: a}\n", "an offer says what it is good for"},
		{"offer of a type", "offers:\n  - {name: a, text: b, records: [{name: a, type: SOA, value: b}]}\n", "type is one of"},
		{"advice", "offers:\n  - {name: a, text: b, advise: maybe}\n", "advise is against"},
		{"wildcard", "verify:\n  records:\n    - {name: '*', type: TXT, value: a}\n", "is not a host name"},
		{"escaped control character", "dmarc: {hint: \"\\e[31m\"}\n", "a control character"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := provider.Parse("p.yaml", []byte(good+tt.text))
			if e, ok := errors.AsType[*provider.FileError](err); !ok || !strings.Contains(e.Error(), tt.want) || e.Line < 6 {
				t.Errorf("Parse = %v, want %q", err, tt.want)
			}
		})
	}
}
