package export_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/export"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

func TestFragment(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s story, stage dnsplan.Stage) {
		got := write(t, export.Fragment, s, stage)
		stay, gone := after(s, stage)
		same(t, "the records", read(t, got), stay)
		for _, set := range gone {
			for _, data := range set.Data {
				if want := fmt.Sprintf(";- %s %d IN %s %s\n", set.Name, set.TTL, set.TypeName(), data); !strings.Contains(got, want) {
					t.Errorf("%s %s is not shown as going:\n%s", set.Key(), data, got)
				}
			}
		}
	})
}

func TestHeadingTellsWhatComesFirst(t *testing.T) {
	t.Parallel()
	for _, format := range export.Formats {
		first, second := write(t, format, awkward(t), dnsplan.Prepare), write(t, format, awkward(t), dnsplan.Switch)
		if strings.Contains(first, "comes first") || !strings.Contains(second, "the stage prepare comes first") || !strings.Contains(second, "26h0m0s") {
			t.Errorf("%s: prepare begins\n%.300s\nand switch\n%.300s", format, first, second)
		}
	}
}

// one returns a plan with one change in its prepare stage.
func one(before, after *zone.RRset) dnsplan.Plan {
	c := dnsplan.Change{Zone: "example.org.", Stage: dnsplan.Prepare, Action: dnsplan.Update, Before: before, After: after}
	switch {
	case before == nil:
		c.Action = dnsplan.Create
	case after == nil:
		c.Action = dnsplan.Delete
	}
	return dnsplan.Plan{Version: 1, Domain: "example.org", Provider: "fastmail", Made: made, Changes: []dnsplan.Change{c}}
}

func rrset(name string, typ uint16, data ...string) *zone.RRset {
	return &zone.RRset{Name: name, Type: typ, TTL: 300, Data: data}
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	long := zone.TXT(strings.Repeat(`"`, 256))
	whole := read(t, awkwardZone)
	with := func(name string, typ uint16, data ...string) zone.Zone {
		z := whole.Clone()
		z.Put(*rrset(name, typ, data...))
		return z
	}
	probed := whole.Clone()
	probed.Coverage = zone.Probed
	tests := []struct {
		name   string
		format export.Format
		plan   dnsplan.Plan
		zone   zone.Zone
		want   error
	}{
		{"format", "bind", one(nil, rrset("a.example.org.", dns.TypeA, "192.0.2.1")), whole, export.ErrFormat},
		{"line break in data", export.Fragment, one(nil, rrset("a.example.org.", dns.TypeA, "192.0.2.1\nb A 192.0.2.2")), whole, export.ErrInexpressible},
		{"line break in a name", export.NSUpdate, one(nil, rrset("a\nsend.example.org.", dns.TypeA, "192.0.2.1")), whole, export.ErrInexpressible},
		{"blank in a name", export.NSUpdate, one(nil, rrset("a b.example.org.", dns.TypeA, "192.0.2.1")), whole, export.ErrInexpressible},
		{"outside of the zone", export.NSUpdate, one(nil, rrset("www.example.com.", dns.TypeA, "192.0.2.1")), whole, export.ErrInexpressible},
		{"no address", export.NSUpdate, one(nil, rrset("a.example.org.", dns.TypeA, "mail")), whole, export.ErrInexpressible},
		{"no data", export.Fragment, one(nil, rrset("a.example.org.", dns.TypeA)), whole, export.ErrInexpressible},
		{"no RRset", export.Fragment, one(nil, nil), whole, export.ErrInexpressible},
		{"JavaScript name", export.DNSControl, one(nil, rrset(`a\".example.org.`, dns.TypeA, "192.0.2.1")), whole, export.ErrInexpressible},
		{"JavaScript octets", export.DNSControl, one(nil, rrset("a.example.org.", dns.TypeTXT, `"\195\164"`)), whole, export.ErrInexpressible},
		{"JavaScript type", export.DNSControl, one(nil, rrset("a.example.org.", dns.TypeLOC, "51 30 12.748 N 0 7 39.611 W 0.00m")), whole, export.ErrInexpressible},
		{"Terraform type", export.Terraform, one(nil, rrset("a.example.org.", dns.TypeCAA, `0 issue "ca.example"`)), whole, export.ErrInexpressible},
		{"Terraform escapes in a long text", export.Terraform, one(nil, rrset("a.example.org.", dns.TypeTXT, long)), whole, export.ErrInexpressible},
		{"Terraform does not delete these strings", export.Terraform, one(rrset("a.example.org.", dns.TypeTXT, `"a" "b"`), rrset("a.example.org.", dns.TypeTXT, `"c"`)), whole, export.ErrInexpressible},
		{"octoDNS of a probed zone", export.OctoDNS, one(nil, rrset("a.example.org.", dns.TypeA, "192.0.2.1")), probed, export.ErrCoverage},
		{"octoDNS of another zone", export.OctoDNS, one(nil, rrset("a.example.org.", dns.TypeA, "192.0.2.1")), zone.New("example.com.", zone.AXFR), export.ErrCoverage},
		{"octoDNS type of a neighbour", export.OctoDNS, one(nil, rrset("a.example.org.", dns.TypeA, "192.0.2.1")), with("x.example.org.", dns.TypeHINFO, `"a" "b"`), export.ErrInexpressible},
		{"octoDNS backslash of a neighbour", export.OctoDNS, one(nil, rrset("a.example.org.", dns.TypeA, "192.0.2.1")), with("x.example.org.", dns.TypeTXT, `"a\\b"`), export.ErrInexpressible},
		{"octoDNS quotes of a neighbour", export.OctoDNS, one(nil, rrset("a.example.org.", dns.TypeA, "192.0.2.1")), with("x.example.org.", dns.TypeTXT, `"a\" \"b"`), export.ErrInexpressible},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			err := export.Write(&b, tt.format, tt.plan, dnsplan.Prepare, []zone.Zone{tt.zone})
			if !errors.Is(err, tt.want) {
				t.Errorf("Write = %v, want %v", err, tt.want)
			}
			if b.Len() > 0 {
				t.Errorf("something was written beside the refusal:\n%s", b.String())
			}
		})
	}
	if err := export.Write(&bytes.Buffer{}, export.Fragment, dnsplan.Plan{}, "later", nil); !errors.Is(err, export.ErrFormat) {
		t.Errorf("Write of an unknown stage = %v, want ErrFormat", err)
	}
}

// FuzzWrite writes one text, as everybody may put it into a zone, in every
// language: refused, or nothing but one line more than without it.
func FuzzWrite(f *testing.F) {
	for _, text := range []string{"v=spf1 -all", `"); process.exit(1); //`, "${file(\"/etc/passwd\")}", "%{if true}", "\n---\n- a: b\n", "\x1b]0;x\a", `\`, `\"`, `a\;b`, `" "`, "*/", "\u2028", strings.Repeat("x", 600)} {
		f.Add(text, "a")
	}
	f.Add("x", "a\\.b")
	f.Add("x", "${x}")
	z := read(f, awkwardZone)
	f.Fuzz(func(t *testing.T, text, label string) {
		if len(text) > 2000 {
			return
		}
		set := rrset(zone.Canonical(label+".example.org"), dns.TypeTXT, zone.TXT(text))
		for _, format := range export.Formats {
			var b bytes.Buffer
			if err := export.Write(&b, format, one(nil, set), dnsplan.Prepare, []zone.Zone{z}); err != nil {
				if b.Len() > 0 {
					t.Errorf("%s wrote beside its refusal", format)
				}
				continue
			}
			if !isASCII(b.String()) {
				t.Errorf("%s is not ASCII: %q", format, b.String())
			}
			var got zone.Zone
			switch format {
			case export.Fragment:
				got = read(t, b.String())
			case export.Terraform:
				got = readTerraform(t, b.String()).zone
			case export.OctoDNS:
				got = readOctoDNS(t, b.String())
			default:
				continue
			}
			if back := got.Get(set.Name, dns.TypeTXT); !zone.Same(back, set) {
				t.Errorf("%s of %q at %q reads back as %+v:\n%s", format, text, set.Name, back, b.String())
			}
		}
	})
}
