package dnsplan_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

func TestStale(t *testing.T) {
	t.Parallel()
	p, in := ordinary(t)
	prepared := dnsplan.Outcome(p, dnsplan.Prepare, in.Now)
	put := func(z zone.Zone, name, typ string, data ...string) zone.Zone {
		z = z.Clone()
		z.Put(zone.RRset{Name: name, Type: dns.StringToType[typ], TTL: 60, Data: data})
		return z
	}
	tests := []struct {
		name  string
		stage dnsplan.Stage
		live  zone.Zone
		want  string // keys that differ
	}{
		{"as it was", dnsplan.Prepare, in.Now, ""},
		{"prepare applied, prepare again", dnsplan.Prepare, prepared, ""},
		{"as expected before the switch", dnsplan.Switch, prepared, ""},
		{"prepare was not applied", dnsplan.Switch, in.Now, "example.org. TXT, _dmarc.example.org. TXT"},
		{"TTL raised by hand", dnsplan.Prepare, put(in.Now, "example.org.", "MX", "10 mail.example.org."), ""},
		{"MX changed by hand", dnsplan.Switch, put(prepared, "example.org.", "MX", "10 other.example."), "example.org. MX"},
		{"a text appeared", dnsplan.Prepare, put(in.Now, "example.org.", "TXT", `"v=spf1 mx -all"`, `"other"`, `"foo=bar"`), "example.org. TXT"},
		{"a name that is to be created", dnsplan.Prepare, put(in.Now, "_dmarc.example.org.", "TXT", `"v=DMARC1; p=reject"`), "_dmarc.example.org. TXT"},
		{"the old server's address", dnsplan.Switch, put(prepared, "mail.example.org.", "A", "192.0.2.11"), "mail.example.org. A"},
		{"something else moved", dnsplan.Switch, put(prepared, "www.example.org.", "A", "192.0.2.11"), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var keys []string
			for _, d := range dnsplan.Stale(p, tt.stage, tt.live) {
				keys = append(keys, d.Key.String())
				if zone.Equal(d.Want, d.Got) {
					t.Errorf("%s: want and got are equal: %v", d.Key, d.Got)
				}
			}
			if got := strings.Join(keys, ", "); got != tt.want {
				t.Errorf("Stale before %s = %q, want %q", tt.stage, got, tt.want)
			}
		})
	}
}

func TestReplanAfterForeignChange(t *testing.T) {
	t.Parallel()
	p, in := ordinary(t)
	in.Applied = p.Stage(dnsplan.Prepare)
	in.Now = dnsplan.Outcome(p, dnsplan.Prepare, in.Now)
	txt := in.Now.Get("example.org.", dns.TypeTXT)
	txt.Data = append(txt.Data, `"foo=bar"`)
	in.Now.Put(*txt)
	q, err := dnsplan.Build([]dnsplan.Input{in}, made)
	if err != nil {
		t.Fatal(err)
	}
	if q.Next() != dnsplan.Switch {
		t.Errorf("next stage = %q, want switch", q.Next())
	}
	after := dnsplan.Outcome(q, dnsplan.Harden, in.Now).Get("example.org.", dns.TypeTXT)
	want := []string{`"v=spf1 include:_spf.google.com -all"`, `"other"`, `"google-site-verification=a"`, `"foo=bar"`}
	if !slices.Equal(slices.Sorted(slices.Values(after.Data)), slices.Sorted(slices.Values(want))) {
		t.Errorf("TXT at the end = %q, want %q", after.Data, want)
	}
}

func TestReplanAfterUndo(t *testing.T) {
	t.Parallel()
	p, in := ordinary(t)
	for _, c := range slices.Backward(p.Stage(dnsplan.Prepare)) {
		in.Applied = append(in.Applied, c)
	}
	for _, c := range p.Stage(dnsplan.Prepare) {
		in.Applied = append(in.Applied, c.Reverse())
	}
	q, err := dnsplan.Build([]dnsplan.Input{in}, made)
	if err != nil || !sameChanges(p.Changes, q.Changes) {
		t.Errorf("plan after undo = %v, %v, want the first one again", describe(q.Changes), err)
	}
}

func TestReverse(t *testing.T) {
	t.Parallel()
	p, _ := ordinary(t)
	for _, c := range p.Changes {
		r := c.Reverse()
		if !zone.Same(r.Before, c.After) || !zone.Same(r.After, c.Before) || r.Reverse().Action != c.Action {
			t.Errorf("Reverse of %s = %+v", c.RRset().Key(), r)
		}
	}
}

func TestWaits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		ttl            string
		change, retire time.Duration
	}{
		{"86400", 95040 * time.Second, 5 * 24 * time.Hour},
		{"1", 2 * time.Second, 5 * 24 * time.Hour},
		{"3", 4 * time.Second, 5 * 24 * time.Hour},
		{"604800", 665280 * time.Second, 14 * 24 * time.Hour},
		{"0", 0, 5 * 24 * time.Hour},
	}
	fastmail, err := provider.Load("fastmail")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		z := mustZone(t, "example.org", "@ "+tt.ttl+" MX 10 mail.example.org.\nmail 60 A 192.0.2.10\n@ 0 TXT \"v=spf1 mx -all\"\n")
		in := dnsplan.Input{Domain: "example.org", Provider: fastmail, Now: z}
		p, err := dnsplan.Build([]dnsplan.Input{in}, made)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Wait(dnsplan.Switch).Length; got != tt.change {
			t.Errorf("TTL %s: wait of switch = %v, want %v", tt.ttl, got, tt.change)
		}
		if got := p.Wait(dnsplan.Retire).Length; got != tt.retire {
			t.Errorf("TTL %s: wait of retire = %v, want %v", tt.ttl, got, tt.retire)
		}
		if got := p.Wait(dnsplan.Prepare).Length; got != 0 {
			t.Errorf("TTL %s: prepare waits %v", tt.ttl, got)
		}
		for _, w := range p.Waits {
			if w.Because == "" || w.Length%time.Second != 0 {
				t.Errorf("wait %+v has no reason, or parts of a second", w)
			}
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	t.Parallel()
	_, in := ordinary(t)
	tests := []struct {
		name string
		edit func(*dnsplan.Input)
	}{
		{"no provider", func(in *dnsplan.Input) { in.Provider = nil }},
		{"other zone", func(in *dnsplan.Input) { in.Domain = "example.net" }},
		{"not a name", func(in *dnsplan.Input) { in.Domain = "exa mple.org" }},
		{"not an A-label", func(in *dnsplan.Input) { in.Domain = "b\u00fccher.example.org" }},
		{"root", func(in *dnsplan.Input) { in.Domain = "." }},
		{"origins differ", func(in *dnsplan.Input) { in.Origin = zone.New("example.net", zone.File) }},
	}
	for _, tt := range tests {
		bad := in
		tt.edit(&bad)
		if _, err := dnsplan.Build([]dnsplan.Input{bad}, made); !errors.Is(err, dnsplan.ErrInput) {
			t.Errorf("%s: Build = %v, want ErrInput", tt.name, err)
		}
	}
	if _, err := dnsplan.Build(nil, made); !errors.Is(err, dnsplan.ErrInput) {
		t.Errorf("Build of nothing = %v, want ErrInput", err)
	}
}

// TestReplanAfterTTLRaised plans again when somebody has given the MX its long
// TTL back before the switch: it is lowered once more, and the switch waits as
// long as at first.
func TestReplanAfterTTLRaised(t *testing.T) {
	t.Parallel()
	p, in := ordinary(t)
	in.Applied = p.Stage(dnsplan.Prepare)
	in.Now = dnsplan.Outcome(p, dnsplan.Prepare, in.Now)
	mx := in.Now.Get("example.org.", dns.TypeMX)
	mx.TTL = 172800
	in.Now.Put(*mx)
	q, err := dnsplan.Build([]dnsplan.Input{in}, made)
	if err != nil {
		t.Fatal(err)
	}
	again := q.Stage(dnsplan.Prepare)
	if len(again) != 1 || again[0].Before.TTL != 172800 || again[0].After.TTL != 300 || !zone.Equal(again[0].Before, again[0].After) {
		t.Errorf("prepare = %v, want the TTL lowered once more", describe(again))
	}
	if got, want := q.Wait(dnsplan.Switch).Length, 172800*11/10*time.Second; got != want {
		t.Errorf("wait of switch = %v, want %v: the longest TTL that was seen", got, want)
	}
	end := dnsplan.Outcome(q, dnsplan.Retire, in.Now).Get("example.org.", dns.TypeMX)
	if end.TTL != 86400 {
		t.Errorf("TTL at the end = %d, want that of the first snapshot", end.TTL)
	}
}

// TestStaleLeavesTheZoneBelowAlone plans a domain and one in a zone below it:
// what the plan builds on there is not looked for in the zone above.
func TestStaleLeavesTheZoneBelowAlone(t *testing.T) {
	t.Parallel()
	_, in := ordinary(t)
	in.Now.Put(zone.RRset{Name: "dept.example.org.", Type: dns.TypeNS, TTL: 60, Data: []string{"ns.other.example."}})
	in.Origin = in.Now.Clone()
	finished := "@ NS ns.other.example.\n@ MX 1 smtp.google.com.\n@ TXT \"v=spf1 include:_spf.google.com ~all\"\n@ TXT \"google-site-verification=a\"\n_dmarc TXT \"v=DMARC1; p=none\"\n"
	for name, text := range map[string]string{"to be moved": "@ NS ns.other.example.\n@ MX 10 mail.example.org.\n", "finished": finished} {
		below := in
		below.Domain = "dept.example.org"
		below.Now = mustZone(t, "dept.example.org", text)
		below.Origin = below.Now.Clone()
		p, err := dnsplan.Build([]dnsplan.Input{in, below}, made)
		if err != nil {
			t.Fatal(err)
		}
		for _, z := range []zone.Zone{in.Now, below.Now} {
			if ds := dnsplan.Stale(p, dnsplan.Prepare, z); len(ds) > 0 {
				t.Errorf("%s: %s is stale at once: %v", name, z.Origin, ds)
			}
		}
		moved := below.Now.Clone()
		moved.Put(zone.RRset{Name: "dept.example.org.", Type: dns.TypeMX, TTL: 60, Data: []string{"5 other.example."}})
		if ds := dnsplan.Stale(p, dnsplan.Prepare, moved); len(ds) != 1 {
			t.Errorf("%s: a changed MX below is not stale: %v", name, ds)
		}
	}
}
