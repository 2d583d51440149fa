package dmarc_test

import (
	"errors"
	"testing"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
)

func TestDiscover(t *testing.T) {
	t.Parallel()
	const reject, none = "v=DMARC1; p=reject", "v=DMARC1; p=none"
	tests := []struct {
		name       string
		tree       tree
		from       string
		walk, list string // where the record is found
	}{
		{"own", tree{"mail.example.com": reject, "example.com": none}, "mail.example.com", "mail.example.com", "mail.example.com"},
		{"organizational domain", tree{"example.com": reject}, "mail.example.com", "example.com", "example.com"},
		{"public suffix with a record", tree{"com": reject + "; psd=y"}, "mail.example.com", "com", ""},
		{"none", tree{}, "mail.example.com", "", ""},
		{"intermediate label", tree{"b.example.com": reject}, "a.b.example.com", "b.example.com", ""},
		{"not the nearest but the organizational", tree{"b.example.com": none, "example.com": reject}, "a.b.example.com", "example.com", "example.com"},
		{"several at the domain", tree{"mail.example.com": reject + "|" + none, "example.com": none}, "mail.example.com", "example.com", "example.com"},
		{"private suffix", tree{"github.io": reject}, "dept.github.io", "github.io", ""},
		{"suffix itself", tree{"github.io": reject}, "github.io", "github.io", "github.io"},
		{"above psd=n", tree{"shop.example.com": none + "; psd=n", "example.com": reject}, "a.shop.example.com", "shop.example.com", "example.com"},
		{"own record spares a broken parent", tree{"example.com": reject, "com": "!"}, "example.com", "example.com", "example.com"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			lookup, _ := tt.tree.lookup()
			w := &dmarc.Walker{Lookup: lookup}
			d, err := w.Discover(tt.from)
			if err != nil || d.Domain != tt.walk || d.Own != (tt.walk == tt.from) {
				t.Errorf("Discover(%q) = %q own %v, %v, want %q", tt.from, d.Domain, d.Own, err, tt.walk)
			}
			l, err := w.DiscoverSuffix(tt.from)
			if err != nil || l.Domain != tt.list {
				t.Errorf("DiscoverSuffix(%q) = %q, %v, want %q", tt.from, l.Domain, err, tt.list)
			}
		})
	}
}

func TestDiscoverNamesSeveral(t *testing.T) {
	t.Parallel()
	lookup, _ := tree{"example.com": "v=DMARC1; p=none|v=DMARC1; p=reject"}.lookup()
	w := &dmarc.Walker{Lookup: lookup}
	for _, discover := range []func(string) (dmarc.Discovery, error){w.Discover, w.DiscoverSuffix} {
		d, err := discover("example.com")
		if err != nil || d.Found() || len(d.Several) != 1 || d.Several[0] != "example.com" {
			t.Errorf("discovery with two records = %+v, %v, want none and the name", d, err)
		}
	}
}

func TestDiscoverErrorIsNotAbsence(t *testing.T) {
	t.Parallel()
	for _, broken := range []string{"mail.example.com", "example.com"} {
		lookup, _ := tree{broken: "!"}.lookup()
		w := &dmarc.Walker{Lookup: lookup}
		for name, discover := range map[string]func(string) (dmarc.Discovery, error){"walk": w.Discover, "list": w.DiscoverSuffix} {
			if d, err := discover("mail.example.com"); !errors.Is(err, errDNS) || d.Found() {
				t.Errorf("%s with %s failing = %+v, %v, want the error", name, broken, d, err)
			}
		}
	}
}
