package migrate_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/dnslab"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/step"
)

const aliasZoneText = `
$TTL 5
@  IN SOA ns1.example.org. hostmaster.example.org. 2026010101 3600 600 86400 2
@  IN NS  ns1.example.org.
@  IN NS  ns2.example.org.
@  IN MX  10 mail.example.org.
@  IN TXT "v=spf1 mx -all"
shop IN A 192.0.2.81
`

// withAlias adds a domain to the move. Nobody has an address there from which
// a probe could be sent.
func (h *home) withAlias(t *testing.T, domain string) {
	t.Helper()
	h.edit(t, "mxmove.yaml", "\nsource:", fmt.Sprintf("\nalias_domains:\n  %s: {vars: {verify: 1b2c3d4e, dkim: \"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"}}\n\nsource:", domain))
	h.o.Accept = append(h.o.Accept, migrate.Accept{Code: finding.GateAligned, Reason: "nobody sends from the further domain"})
}

// startAlias is a move of two zones, prepared and due to be switched, and all
// records of both as they were before it.
func startAlias(t *testing.T) (*home, func() string, string) {
	t.Helper()
	h := startHome(t, small)
	z, err := zone.Read(strings.NewReader(aliasZoneText), "example.net.", "example.net")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.DNS.Put(z); err != nil {
		t.Fatal(err)
	}
	h.withAlias(t, "example.net")
	both := func() string {
		lines := []string{h.records()}
		for _, set := range h.DNS.Zone("example.net.").All() {
			if set.Type != dns.TypeSOA {
				lines = append(lines, fmt.Sprint(set))
			}
		}
		slices.Sort(lines[1:])
		return strings.Join(lines, "\n")
	}
	before := both()
	h.ready(t, time.Hour)
	return h, both, before
}

func (h *home) exchanges(t *testing.T, org, net string) {
	t.Helper()
	if got := h.served("example.org.", dns.TypeMX); got != org {
		t.Errorf("MX of example.org is %s, want %s", got, org)
	}
	if got := h.served("example.net.", dns.TypeMX); got != net {
		t.Errorf("MX of example.net is %s, want %s", got, net)
	}
}

// TestAliasAtAnotherPublisher changes no zone when the publisher does not have
// all of them.
func TestAliasAtAnotherPublisher(t *testing.T) {
	t.Parallel()
	h, _, _ := startAlias(t)
	agree := h.o.Confirm
	h.DNS.Break(dnslab.Fault{Kind: dnslab.Refused, Update: true, Name: "example.net."})
	h.o.Confirm = func(context.Context, migrate.Confirmation) error {
		t.Error("somebody was asked to agree to what cannot be done")
		return nil
	}
	if err := h.cutover(t); err == nil || !strings.Contains(err.Error(), "example.net.") {
		t.Fatalf("cutover = %v, want an error about example.net", err)
	}
	h.exchanges(t, oldExchange, oldExchange)
	if got := h.phase(t); got != step.Prepared {
		t.Errorf("the phase is %s, want prepared", got)
	}
	h.DNS.Mend()
	h.o.Confirm = agree
	if err := h.cutover(t); err != nil {
		t.Fatal(err)
	}
	h.exchanges(t, newExchange, newExchange)
}

// TestAliasHalfSwitched loses the second zone's publisher in the middle of the
// switch: the same command goes on, and undo goes back.
func TestAliasHalfSwitched(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"on", "back"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			h, records, before := startAlias(t)
			agree := h.o.Confirm
			h.o.Confirm = func(context.Context, migrate.Confirmation) error {
				h.DNS.Break(dnslab.Fault{Kind: dnslab.Refused, Update: true, Name: "example.net."})
				return nil
			}
			if err := h.cutover(t); err == nil {
				t.Fatal("the cutover has succeeded though a zone was not changed")
			}
			h.exchanges(t, newExchange, oldExchange)
			h.DNS.Mend()
			h.o.Confirm = agree
			if way == "on" {
				if err := h.cutover(t); err != nil {
					t.Fatal(err)
				}
				h.exchanges(t, newExchange, newExchange)
				return
			}
			if err := h.open(t).Undo(t.Context(), migrate.UndoOptions{All: true}); err != nil {
				t.Fatal(err)
			}
			h.exchanges(t, oldExchange, oldExchange)
			if after := records(); after != before {
				t.Errorf("after the undo the zones are\n%s\nwant\n%s", after, before)
			}
		})
	}
}

// TestAliasInTheSameZone moves a name below the domain, there and back.
func TestAliasInTheSameZone(t *testing.T) {
	t.Parallel()
	h := startHome(t, small)
	for _, set := range []zone.RRset{
		{Name: "lists.example.org.", Type: dns.TypeMX, TTL: 5, Data: []string{"10 mail.example.org."}},
		{Name: "lists.example.org.", Type: dns.TypeTXT, TTL: 5, Data: []string{`"v=spf1 mx -all"`}},
	} {
		if err := h.DNS.Set(set); err != nil {
			t.Fatal(err)
		}
	}
	h.withAlias(t, "lists.example.org")
	before := h.records()
	h.ready(t, time.Hour)
	if err := h.cutover(t); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"example.org.", "lists.example.org."} {
		set := h.DNS.Zone("example.org.").Get(name, dns.TypeMX)
		if set == nil || strings.Join(set.Data, ", ") != newExchange {
			t.Errorf("MX of %s is %v, want %s", name, set, newExchange)
		}
	}
	if err := h.open(t).Undo(t.Context(), migrate.UndoOptions{All: true}); err != nil {
		t.Fatal(err)
	}
	if after := h.records(); after != before {
		t.Errorf("after the undo the zone is\n%s\nwant\n%s", after, before)
	}
}
