package dmarc_test

import (
	"testing"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
)

func TestAligned(t *testing.T) {
	t.Parallel()
	tests := []struct {
		from, authenticated string
		relaxed, strict     bool
	}{
		{"example.org", "example.org", true, true},
		{"example.org", "Example.ORG.", true, true},
		{"news.example.org", "bounce.example.org", true, false},
		{"a.b.c.example.com", "z.example.com", true, false},
		{"sub.example.com", "example.com", true, false},
		{"example.com", "badexample.com", false, false},
		{"example.org", "example.org.evil.example", false, false},
		{"a.co.uk", "b.co.uk", false, false},
		{"co.uk", "a.co.uk", false, false},
		{"github.io", "github.io", true, true},
		{"dept.github.io", "github.io", false, false},
		{"b\u00fccher.example", "xn--bcher-kva.example", true, true},
		{"example.org", "", false, false},
		{"", "", false, false},
		{"a..example.org", "example.org", false, false},
	}
	for _, tt := range tests {
		for mode, want := range map[dmarc.Mode]bool{"": tt.relaxed, dmarc.Relaxed: tt.relaxed, dmarc.Strict: tt.strict} {
			if got := dmarc.Aligned(tt.from, tt.authenticated, mode, dmarc.SuffixOrg); got != want {
				t.Errorf("Aligned(%q, %q, %q) = %v, want %v", tt.from, tt.authenticated, mode, got, want)
			}
		}
	}
}

func TestAlignedWhereTheWaysDiffer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                string
		tree                tree
		from, authenticated string
		walk, list          bool
	}{
		{"private suffix with a record", tree{"github.io": "v=DMARC1; p=reject"}, "dept.github.io", "github.io", true, false},
		{"the suffix itself, no question needed", tree{"github.io": "!"}, "github.io", "github.io", true, true},
		{"psd=n at a sub-domain", tree{"shop.example.com": "v=DMARC1; p=none; psd=n", "example.com": "v=DMARC1; p=none"}, "shop.example.com", "example.com", false, true},
		{"no record anywhere", tree{}, "news.example.com", "example.com", false, true},
		{"the DNS does not answer", tree{"com": "!"}, "news.example.com", "example.com", false, true},
		{"record above both", tree{"example.com": "v=DMARC1; p=none"}, "a.example.com", "b.example.com", true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			lookup, _ := tt.tree.lookup()
			w := &dmarc.Walker{Lookup: lookup}
			if got := dmarc.Aligned(tt.from, tt.authenticated, dmarc.Relaxed, w.Org); got != tt.walk {
				t.Errorf("Aligned by tree walk = %v, want %v", got, tt.walk)
			}
			if got := dmarc.Aligned(tt.from, tt.authenticated, dmarc.Relaxed, dmarc.SuffixOrg); got != tt.list {
				t.Errorf("Aligned by suffix list = %v, want %v", got, tt.list)
			}
		})
	}
}

func TestAlignUsesTheModeOfEachMethod(t *testing.T) {
	t.Parallel()
	ids := []dmarc.Identifier{
		{Method: dmarc.SPF, Domain: "bounce.example.org", Result: "pass"},
		{Method: dmarc.DKIM, Domain: "mail.example.org", Selector: "s", Result: "pass"},
	}
	a := dmarc.Align("Example.org", dmarc.Record{DKIM: dmarc.Strict}, ids, dmarc.SuffixOrg)
	if a.From != "example.org" || a.OrgDomain != "example.org" {
		t.Errorf("Align of Example.org = %+v", a)
	}
	if !a.Identifiers[0].Passes() || a.Identifiers[1].Passes() {
		t.Errorf("with adkim=s SPF passes %v, DKIM %v, want true, false", a.Identifiers[0].Passes(), a.Identifiers[1].Passes())
	}
	if ids[0].Aligned {
		t.Error("Align wrote into its argument")
	}
}

func TestWalkerAsksOnce(t *testing.T) {
	t.Parallel()
	lookup, asked := tree{"example.org": "v=DMARC1; p=none"}.lookup()
	w := &dmarc.Walker{Lookup: lookup}
	for range 3 {
		w.Org("a.example.org")
		w.Org("b.example.org")
		if _, err := w.Discover("a.example.org"); err != nil {
			t.Fatal(err)
		}
	}
	if len(*asked) != 4 {
		t.Errorf("asked %q, want each of four names once", *asked)
	}
}
