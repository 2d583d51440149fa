package provider_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/dnsplan/provider"
)

func TestDetect(t *testing.T) {
	t.Parallel()
	cname := func(name, value string) provider.Record {
		return provider.Record{Name: name, Type: "CNAME", Value: value}
	}
	tests := []struct {
		name string
		mx   string
		spf  string
		dkim []provider.Record
		want string // names with their columns, best first
	}{
		{"nothing", "mail.example.org.", "v=spf1 mx -all", nil, ""},
		{"all three", "SMTP.Google.com.", "v=spf1 include:_spf.google.com ~all", []provider.Record{{Name: "google._domainkey.example.org.", Type: "TXT", Value: "v=DKIM1; p="}}, "google 3"},
		{"old hosts", "aspmx.l.google.com. aspmx2.googlemail.com.", "", nil, "google 1"},
		{"sender only", "mail.example.org", "v=spf1 mx INCLUDE:spf.protection.outlook.com -all", nil, "microsoft365 1"},
		{"majority wins", "mx.runbox.com", "v=spf1 include:spf.messagingengine.com ?all", []provider.Record{cname("fm1._domainkey.example.org.", "fm1.example.org.dkim.fmhosted.com.")}, "fastmail 2, runbox 1"},
		{"selectors of two providers", "mx.runbox.com", "v=spf1 redirect=spf.runbox.com", []provider.Record{cname("selector1._domainkey", "selector1-example-org.domainkey.runbox.com.")}, "runbox 3"},
		{"new names of Microsoft", "example-org.h-v1.mx.microsoft", "", []provider.Record{cname("selector1._domainkey", "selector1-example-org._domainkey.example.h-v1.dkim.mail.microsoft.")}, "microsoft365 2"},
		{"a common word proves nothing", "mail.example.org", "v=spf1 mx -all", []provider.Record{{Name: "mail._domainkey", Type: "TXT"}, {Name: "default._domainkey", Type: "TXT"}, {Name: "20260101._domainkey", Type: "TXT"}}, ""},
		{"a common word supports", "mx.yandex.net.", "", []provider.Record{{Name: "mail._domainkey", Type: "TXT"}}, "yandex360 2"},
		{"gateway first", "mx1-us1.ppe-hosted.com. mx2-us1.ppe-hosted.com.", "v=spf1 include:spf.protection.outlook.com -all", []provider.Record{cname("selector1._domainkey", "selector1-example-org._domainkey.example.onmicrosoft.com.")}, "proofpoint 1, microsoft365 2"},
		{"look-alikes", "smtp.google.com.evil.example. xl.google.com.example. notpphosted.com.", "v=spf1 include:_spf.google.com.evil.example -all", nil, ""},
		{"regions", "mx.zoho.com.au mx2.zoho.com.au", "v=spf1 include:zohomail.com.au ~all", nil, "zoho 2"},
		{"country", "mx00.ionos.co.uk", "v=spf1 include:_spf-eu.ionos.com ~all", nil, "ionos 2"},
		{"by SES", "inbound-smtp.eu-west-1.amazonaws.com", "", nil, "workmail 1"},
		{"hostile text", "a\x1b[31m.pphosted.com", "v=spf1 \x00 include:", nil, "proofpoint 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, m := range provider.Detect(strings.Fields(tt.mx), tt.spf, tt.dkim...) {
				got = append(got, m.Name+" "+string(rune('0'+m.Columns)))
				if len(m.Evidence) < m.Columns || strings.ContainsAny(strings.Join(m.Evidence, ""), "\x00\x1b") {
					t.Errorf("evidence of %s = %q", m.Name, m.Evidence)
				}
			}
			if s := strings.Join(got, ", "); s != tt.want {
				t.Errorf("Detect = %q, want %q", s, tt.want)
			}
		})
	}
}

func TestGateway(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"mx07-00.pphosted.com.": "Proofpoint", "eu-smtp-inbound-1.MIMECAST.com": "Mimecast",
		"route1.mx.cloudflare.net": "Cloudflare Email Routing", "mx.example.org": "", "smtp.google.com": "", "": "",
	} {
		if got := provider.Gateway(host); got != want {
			t.Errorf("Gateway(%q) = %q, want %q", host, got, want)
		}
	}
}

// TestCatalogueIsDetected finds every provider by what it asks for itself.
func TestCatalogueIsDetected(t *testing.T) {
	t.Parallel()
	for _, name := range provider.Names() {
		p, err := provider.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		if p.Refuse != "" || name == "generic" {
			continue
		}
		vars := make(provider.Vars)
		for _, v := range p.Variables {
			switch {
			case len(v.Choices) > 0:
				vars[v.Name] = []string{slices.Sorted(maps.Keys(v.Choices))[0]}
			case v.Example != "" && v.Default == "":
				vars[v.Name] = []string{v.Example}
			case v.Required:
				vars[v.Name] = []string{"shown-by-the-console"}
			}
		}
		r, err := p.Expand("example.org", vars)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var mx []string
		for _, x := range r.MX {
			mx = append(mx, x.Host)
		}
		found := provider.Detect(mx, "v=spf1 include:"+r.Include+" -all", r.DKIM...)
		if len(found) == 0 || found[0].Name != name || found[0].Columns < 2 || len(found) > 1 {
			t.Errorf("%s is detected as %+v", name, found)
		}
		for _, set := range r.Also {
			mx = nil
			for _, x := range set {
				mx = append(mx, x.Host)
			}
			if !slices.ContainsFunc(provider.Detect(mx, ""), func(m provider.Match) bool { return m.Name == name }) {
				t.Errorf("the other set of %s is not detected: %v", name, mx)
			}
		}
	}
}
