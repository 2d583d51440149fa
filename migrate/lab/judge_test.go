package lab_test

import (
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/lab"
	"github.com/mxmove/mxmove/migrate/probe"
)

// TestJudgement sends through the provider and judges what arrives: the lab
// must be able to show a domain that is ready, and each way of not being so.
func TestJudgement(t *testing.T) {
	t.Parallel()
	const ready = "v=spf1 mx include:_spf.provider.example -all"
	tests := []struct {
		name   string
		o      lab.Options
		spf    string // "": as it was before the move
		dkim   bool
		want   probe.Outcome
		bySPF  bool
		byDKIM bool
	}{
		{name: "nothing prepared", want: "fail"},
		{name: "all prepared", spf: ready, dkim: true, want: "pass", bySPF: true, byDKIM: true},
		{name: "keys alone", dkim: true, want: "pass", byDKIM: true},
		{name: "SPF alone", spf: ready, want: "pass", bySPF: true},
		{name: "from an address that nobody listed", o: lab.Options{SourceIP: netip.MustParseAddr("198.51.100.99")}, spf: ready, want: "fail"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.o.Messages = 1
			d := start(t, tt.o)
			if tt.dkim {
				publishKeys(t, d)
			}
			if tt.spf != "" {
				if err := d.DNS.Set(zone.RRset{Name: "example.org.", Type: dns.TypeTXT, TTL: 2, Data: []string{zone.TXT(tt.spf)}}); err != nil {
					t.Fatal(err)
				}
			}
			p := d.People[0]
			body := "From: anna@example.org\r\nSubject: probe\r\nMessage-ID: <p@example.org>\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n\r\nhello\r\n"
			if err := submit(t, d, false, p.Address, p.NewPassword, p.Address, d.Probe.Address, body); err != nil {
				t.Fatal(err)
			}
			msg := d.Elsewhere.Lookup(d.Probe.Address).Messages("INBOX")[0].Body
			env, err := probe.EnvelopeOf(msg)
			if err != nil {
				t.Fatal(err)
			}
			v, err := probe.Judge(t.Context(), msg, env, resolver.Stub{Client: &resolver.Client{Resolver: d.Resolver.Addr()}}, probe.JudgeOptions{})
			if err != nil {
				t.Fatal(err)
			}
			byDKIM := len(v.DKIM) > 0
			for _, s := range v.DKIM {
				byDKIM = byDKIM && s.Result == "pass" && s.Aligned
			}
			if v.DMARC != tt.want || byDKIM != tt.byDKIM || (v.SPF.Result == "pass" && v.SPF.Aligned) != tt.bySPF {
				t.Errorf("verdict = %+v", v)
			}
		})
	}
}
