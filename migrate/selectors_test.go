package migrate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/lab"
	"github.com/mxmove/mxmove/migrate/step"
)

// probedHome is a home whose zone nobody hands out: what is in it is known by
// asking for names.
func probedHome(t *testing.T) *home {
	t.Helper()
	h := startHome(t, lab.Options{Messages: 12, Attachment: 1 << 10, TTL: 1})
	name := filepath.Join(h.dir, "mxmove.yaml")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "  snapshot: {axfr:") {
			kept = append(kept, line)
		}
	}
	if err := os.WriteFile(name, []byte(strings.Join(kept, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	return h
}

// signedBy puts a message into an INBOX of the old server that says under
// which selector it was signed.
func (h *home) signedBy(t *testing.T, selector string) {
	t.Helper()
	body := fmt.Sprintf("DKIM-Signature: v=1; a=rsa-sha256; d=example.org;\r\n\ts=%s; b=eA==\r\nFrom: a@example.org\r\n\r\nhello\r\n", selector)
	if _, err := h.Old.Lookup(h.People[0].User).Deliver("INBOX", imaplab.Message{Body: []byte(body), Date: h.clock.Now()}); err != nil {
		t.Fatal(err)
	}
}

func (h *home) plan(t *testing.T) migrate.Document {
	t.Helper()
	doc, err := h.open(t).Plan(t.Context(), migrate.PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func has(doc migrate.Document, code finding.Code) bool {
	return slices.ContainsFunc(doc.Findings, func(f finding.Finding) bool { return f.Code == code })
}

func TestSelectorOfTheMailIsFound(t *testing.T) {
	t.Parallel()
	const key = "old._domainkey.example.org."
	h := probedHome(t)
	doc := h.plan(t)
	if !has(doc, finding.HiddenSelectors) || doc.Zones[0].Get(key, dns.TypeTXT) != nil {
		t.Fatalf("without a signature the plan knows the key, or misses none: %v", doc.Findings)
	}
	h.signedBy(t, "old")
	h.signedBy(t, "gone") // of which the zone knows nothing any more
	doc = h.plan(t)
	if has(doc, finding.HiddenSelectors) || doc.Zones[0].Get(key, dns.TypeTXT) == nil {
		t.Errorf("with a signature the key is not found: %v", doc.Findings)
	}
	if got := doc.Zones[0].At("gone._domainkey.example.org."); len(got) > 0 {
		t.Errorf("the zone has %v, which nobody serves", got)
	}
	for _, s := range doc.Stages {
		for _, c := range s.Changes {
			if c.Name == key {
				t.Errorf("%s changes the key: %+v", s.Stage, c)
			}
		}
	}
	before := h.DNS.Zone("example.org.").Get(key, dns.TypeTXT)
	h.o.Accept = []migrate.Accept{{Code: finding.GateReports, Reason: "nothing else sends in the lab"}}
	if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{Until: step.Closed}); err != nil {
		t.Fatal(err)
	}
	if now := h.DNS.Zone("example.org.").Get(key, dns.TypeTXT); now == nil || now.TTL != before.TTL || !zone.Equal(now, before) {
		t.Errorf("the key is %v after close, want it kept: %v", now, before)
	}
}

// A key at the name that the provider wants for its own.
func TestSelectorOfTheMailCollides(t *testing.T) {
	t.Parallel()
	h := probedHome(t)
	z := h.DNS.Zone("example.org.")
	set := *z.Get("old._domainkey.example.org.", dns.TypeTXT)
	set.Name = "s1._domainkey.example.org."
	z.Put(set)
	if err := h.DNS.Put(z); err != nil {
		t.Fatal(err)
	}
	h.signedBy(t, "s1")
	h.signedBy(t, "old")
	doc := h.plan(t)
	if !has(doc, finding.DKIMCollision) || doc.Zones[0].Get("old._domainkey.example.org.", dns.TypeTXT) == nil {
		t.Errorf("findings = %v, want the collision, and the other key known", doc.Findings)
	}
}

// The accounts' mail is read for selectors only where the zone is not known.
func TestSelectorsAreNotReadForAWholeZone(t *testing.T) {
	t.Parallel()
	h := startHome(t, lab.Options{Messages: 12, Attachment: 1 << 10, TTL: 1})
	doc := h.plan(t)
	if doc.Zones[0].Coverage != zone.AXFR {
		t.Fatalf("coverage %s, want a transfer", doc.Zones[0].Coverage)
	}
	for _, line := range h.Old.Commands() {
		if strings.Contains(strings.ToUpper(line), "DKIM-SIGNATURE") {
			t.Errorf("the old server was sent %q", line)
		}
	}
}
