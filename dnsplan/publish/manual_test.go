package publish_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/dnslab"
	"github.com/mxmove/mxmove/dnsplan/publish"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// TestManual lets a person type what the sheet says, with one slip.
func TestManual(t *testing.T) {
	t.Parallel()
	lab := startLab(t)
	manual := func() *publish.Manual {
		return &publish.Manual{Client: &resolver.Client{Servers: []string{lab.Addr()}, Timeout: time.Second}}
	}
	typed := func(s *zone.RRset) {
		t.Helper()
		if err := lab.Set(*s); err != nil {
			t.Fatal(err)
		}
	}
	host := set("www.example.org.", dns.TypeA, 3600, oldA.Data...) // what the wildcard says too
	changes := []dnsplan.Change{update(oldMX, newMX), update(oldTXT, newTXT), update(oldA, nil), update(nil, longK), update(nil, cfg), update(nil, host)}
	err := manual().Publish(t.Context(), "example.org", changes)
	sheet, ok := errors.AsType[*publish.SheetError](err)
	if !ok {
		t.Fatalf("Publish = %v, want a SheetError", err)
	}
	sameText(t, "../../testdata/publish/sheet.txt", sheet.Sheet)
	if got := lab.Zone("example.org").Get("example.org.", dns.TypeMX); !zone.Same(got, oldMX) {
		t.Errorf("MX = %v although nobody typed anything", got)
	}

	slipped := set("example.org.", dns.TypeMX, 300, "1 smtp.provider.example.example.org.", "5 alt.provider.example.")
	typed(slipped)
	typed(newTXT)
	typed(longK)
	err = manual().Publish(t.Context(), "example.org", changes)
	if sheet, ok = errors.AsType[*publish.SheetError](err); !ok || !strings.Contains(sheet.Sheet, "example.org MX") || strings.Contains(sheet.Sheet, "DKIM1") {
		t.Errorf("after a slip: Publish = %v, want a sheet with what is left", err)
	}
	got := manual().Explain(t.Context(), "example.org", resolver.Difference{Want: resolver.Want{Key: newMX.Key(), RRset: newMX}, Got: slipped})
	if want := "you typed smtp.provider.example.example.org: the panel completes names, so end this one with a dot (smtp.provider.example.)"; got != want {
		t.Errorf("Explain = %q, want %q", got, want)
	}
	twice := set("autoconfig.example.org.example.org.", dns.TypeCNAME, 300, cfg.Data...)
	typed(twice)
	got = manual().Explain(t.Context(), "example.org", resolver.Difference{Want: resolver.Want{Key: cfg.Key(), RRset: cfg}})
	if want := "there is a record at autoconfig.example.org.example.org.: the panel completes names, so type autoconfig as the name"; got != want {
		t.Errorf("Explain = %q, want %q", got, want)
	}

	typed(newMX)
	typed(cfg)
	typed(host)
	if err := lab.Set(zone.RRset{Name: oldA.Name, Type: dns.TypeA}); err != nil {
		t.Fatal(err)
	}
	if err := manual().Publish(t.Context(), "example.org", changes); err != nil {
		t.Errorf("all is typed: Publish = %v", err)
	}
	typed(set("example.org.", dns.TypeMX, 300, "10 elsewhere.example."))
	err = manual().Publish(t.Context(), "example.org", changes)
	if _, ok := errors.AsType[*publish.StaleError](err); !ok {
		t.Errorf("a foreign MX: Publish = %v, want a StaleError", err)
	}
	lab.Break(dnslab.Fault{Kind: dnslab.Servfail})
	if err := manual().Publish(t.Context(), "example.org", changes); !errors.Is(err, publish.ErrUnavailable) {
		t.Errorf("no server answers: Publish = %v, want ErrUnavailable", err)
	}
}

// sameText compares a text with a golden file.
func sameText(t *testing.T, file, got string) {
	t.Helper()
	if *golden {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// TestSlips asks for the mistake behind what a panel shows.
func TestSlips(t *testing.T) {
	t.Parallel()
	mx := func(data ...string) *zone.RRset { return set("example.org.", dns.TypeMX, 300, data...) }
	txt := func(data ...string) *zone.RRset { return set("example.org.", dns.TypeTXT, 300, data...) }
	long := strings.Repeat("A", 400)
	tests := []struct {
		name      string
		want, got *zone.RRset
		text      string // part of it; empty: nothing comes to mind
	}{
		{"all well", mx("1 smtp.google.com."), mx("1 smtp.google.com."), ""},
		{"another server", mx("1 smtp.google.com."), mx("10 mail.example.org."), ""},
		{"completed", mx("1 smtp.google.com."), mx("1 smtp.google.com.example.org."), "you typed smtp.google.com.example.org"},
		{"completed in capitals", mx("1 smtp.google.com."), mx("1 SMTP.Google.com.Example.org."), "you typed smtp.google.com.example.org"},
		{"not completed", mx("1 mx.example.org."), mx("1 mx."), "you typed mx.: the panel takes names as they are"},
		{"priority", mx("1 smtp.google.com."), mx("10 smtp.google.com."), "priority 10, and 1 is wanted"},
		{"old one left", mx("1 smtp.google.com."), mx("1 smtp.google.com.", "10 mail.example.org."), "besides them still 10 mail.example.org."},
		{"one missing", mx("1 a.example.", "2 b.example."), mx("1 a.example."), "still missing is 2 b.example."},
		{"TTL", mx("1 a.example."), set("example.org.", dns.TypeMX, 3600, "1 a.example."), "the TTL is 3600, and 300 is wanted"},
		{"quotes", txt(`"v=spf1 -all"`), txt(`"\"v=spf1 -all\""`), "the quotes became part"},
		{"backslash", txt(`"v=DMARC1; p=none"`), txt(`"v=DMARC1\\; p=none"`), "a backslash became part"},
		{"blank", txt(zone.TXT("v=DKIM1; p=" + long)), txt(zone.TXT("v=DKIM1; p=" + long[:200] + " " + long[200:])), "blanks or quotes"},
		{"cut off", txt(zone.TXT("v=DKIM1; p=" + long)), txt(zone.TXT("v=DKIM1; p=" + long[:244])), "cut off after 255"},
		{"another text", txt(`"v=spf1 -all"`), txt(`"v=spf1 mx -all"`), ""},
	}
	for _, tt := range tests {
		m := &publish.Manual{}
		got := m.Explain(t.Context(), "Example.org", resolver.Difference{Want: resolver.Want{Key: tt.want.Key(), RRset: tt.want}, Got: tt.got})
		if tt.text == "" && got != "" || !strings.Contains(got, tt.text) {
			t.Errorf("%s: Explain = %q, want %q", tt.name, got, tt.text)
		}
	}
}

// FuzzSlip compares texts from outside.
func FuzzSlip(f *testing.F) {
	f.Add(uint16(dns.TypeMX), "1 smtp.google.com.", "1 smtp.google.com.example.org.")
	f.Add(uint16(dns.TypeTXT), `"a" "b"`, `"\"a`)
	f.Add(uint16(dns.TypeSRV), "0 1 993 a.", "0")
	f.Fuzz(func(t *testing.T, typ uint16, want, got string) {
		m := &publish.Manual{}
		text := m.Explain(t.Context(), "example.org", resolver.Difference{
			Want: resolver.Want{RRset: set("example.org.", typ, 1, want)}, Got: set("example.org.", typ, 1, got),
		})
		if len(text) > 1<<12+2*len(want)+2*len(got) {
			t.Errorf("the text has %d octets", len(text))
		}
	})
}
