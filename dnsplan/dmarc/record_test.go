package dmarc_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
)

func TestIs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want bool
	}{
		{"v=DMARC1", true},
		{"v=DMARC1; p=none", true},
		{"v = DMARC1 ;p=none", true},
		{"v\t=DMARC1;p=none", true},
		{"v=DMARC1;", true},
		{"v=dmarc1; p=none", false},
		{"V=DMARC1; p=none", false},
		{" v=DMARC1; p=none", false},
		{"v=DMARC10; p=none", false},
		{"v=DMARC1 p=none", false},
		{"p=none; v=DMARC1", false},
		{"v=spf1 -all", false},
		{"", false},
		{"v=DMARC1; rua=" + strings.Repeat("x", 9000), false},
	}
	for _, tt := range tests {
		if got := dmarc.Is(tt.text); got != tt.want {
			t.Errorf("Is(%.40q) = %v, want %v", tt.text, got, tt.want)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       dmarc.Record // Tags and Problems are looked at elsewhere
		problems   int
	}{
		{"all tags", "v=DMARC1; p=reject; sp=quarantine; np=reject; adkim=s; aspf=r; rua=mailto:a@example.org,mailto:b@example.net; ruf=mailto:c@example.org; fo=1:d; psd=n; t=y",
			dmarc.Record{Policy: "reject", Subdomain: "quarantine", Nonexistent: "reject", DKIM: "s", SPF: "r",
				Aggregate: []string{"mailto:a@example.org", "mailto:b@example.net"}, Failure: []string{"mailto:c@example.org"},
				Options: []string{"1", "d"}, PSD: "n", Test: true}, 0},
		{"case of values and names", "v=DMARC1;P=Reject;ADKIM=S", dmarc.Record{Policy: "reject", DKIM: "s"}, 0},
		{"removed tags are kept", "v=DMARC1; p=none; pct=20; rf=afrf; ri=86400",
			dmarc.Record{Policy: "none", Removed: []dmarc.Tag{{"pct", "20"}, {"rf", "afrf"}, {"ri", "86400"}}}, 0},
		{"size limit of RFC 7489", "v=DMARC1; p=none; rua=mailto:a@example.org!10m",
			dmarc.Record{Policy: "none", Aggregate: []string{"mailto:a@example.org!10m"}}, 0},
		{"no policy", "v=DMARC1; rua=mailto:a@example.org", dmarc.Record{Aggregate: []string{"mailto:a@example.org"}}, 1},
		{"unknown policy", "v=DMARC1; p=block", dmarc.Record{}, 1},
		{"unknown mode is relaxed", "v=DMARC1; p=none; adkim=strict", dmarc.Record{Policy: "none"}, 1},
		{"unknown tag is no problem", "v=DMARC1; p=none; x=1", dmarc.Record{Policy: "none"}, 0},
		{"doubled tag, first counts", "v=DMARC1; p=none; p=reject", dmarc.Record{Policy: "none"}, 1},
		{"word without value", "v=DMARC1; p=none; hello", dmarc.Record{Policy: "none"}, 1},
		{"address is no URI", "v=DMARC1; p=none; rua=a@example.org", dmarc.Record{Policy: "none", Aggregate: []string{"a@example.org"}}, 1},
		{"unknown fo, psd and t", "v=DMARC1; p=none; fo=1:x; psd=maybe; t=1", dmarc.Record{Policy: "none", Options: []string{"1"}}, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := dmarc.Parse(tt.text)
			if err != nil {
				t.Fatalf("Parse(%q): %v", tt.text, err)
			}
			if len(got.Problems) != tt.problems {
				t.Errorf("Parse(%q) names %q, want %d problems", tt.text, got.Problems, tt.problems)
			}
			got.Tags, got.Problems = nil, nil
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("Parse(%q) = %+v, want %+v", tt.text, got, tt.want)
			}
		})
	}
}

func TestParseRefusesOtherText(t *testing.T) {
	t.Parallel()
	if _, err := dmarc.Parse("v=spf1 -all"); !errors.Is(err, dmarc.ErrNotRecord) {
		t.Errorf("Parse of an SPF record: %v, want ErrNotRecord", err)
	}
}

func TestSetKeepsWhatTheOwnerWrote(t *testing.T) {
	t.Parallel()
	r, err := dmarc.Parse("v=DMARC1;p=reject;x=1;pct=50;rua=mailto:a@example.org")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, value, want string
	}{
		{"rua", "mailto:a@example.org,mailto:b@example.net", "v=DMARC1; p=reject; x=1; pct=50; rua=mailto:a@example.org,mailto:b@example.net"},
		{"P", "none", "v=DMARC1; p=none; x=1; pct=50; rua=mailto:a@example.org"},
		{"adkim", "s", "v=DMARC1; p=reject; x=1; pct=50; rua=mailto:a@example.org; adkim=s"},
		{"pct", "", "v=DMARC1; p=reject; x=1; rua=mailto:a@example.org"},
		{"np", "", "v=DMARC1; p=reject; x=1; pct=50; rua=mailto:a@example.org"},
	}
	for _, tt := range tests {
		if got := r.Set(tt.name, tt.value).String(); got != tt.want {
			t.Errorf("Set(%q, %q) = %q, want %q", tt.name, tt.value, got, tt.want)
		}
	}
	if got := (dmarc.Record{}).Set("p", "none"); got.Policy != dmarc.NoAction || got.String() != "v=DMARC1; p=none" {
		t.Errorf("Set on the zero record = %+v", got)
	}
}

func TestEffective(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text        string
		own, exists bool
		policy      dmarc.Policy
		source      string
	}{
		{"v=DMARC1; p=reject; sp=none; np=quarantine", true, true, "reject", "p"},
		{"v=DMARC1; p=reject; sp=none; np=quarantine", false, true, "none", "sp"},
		{"v=DMARC1; p=reject; sp=none; np=quarantine", false, false, "quarantine", "np"},
		{"v=DMARC1; p=reject; sp=none", false, false, "none", "sp"},
		{"v=DMARC1; p=reject", false, true, "reject", "p"},
		{"v=DMARC1; rua=mailto:a@example.org", true, true, "none", "default"},
		{"v=DMARC1; p=reject; sp=bogus; rua=mailto:a@example.org", true, true, "none", "default"},
	}
	for _, tt := range tests {
		r, err := dmarc.Parse(tt.text)
		if err != nil {
			t.Fatal(err)
		}
		if p, source := r.Effective(tt.own, tt.exists); p != tt.policy || source != tt.source {
			t.Errorf("%q Effective(%v, %v) = %s, %s, want %s, %s", tt.text, tt.own, tt.exists, p, source, tt.policy, tt.source)
		}
	}
}

func TestUsable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"v=DMARC1; p=none":                                        true,
		"v=DMARC1; rua=mailto:a@example.org":                      true,
		"v=DMARC1; p=bogus; rua=mailto:a@example.org":             true,
		"v=DMARC1; p=bogus; rua=a@example.org":                    false,
		"v=DMARC1; p=reject; sp=bogus":                            false,
		"v=DMARC1; p=reject; np=bogus; rua=https://example.org/x": false,
		"v=DMARC1": false,
	} {
		r, err := dmarc.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Usable(); got != want {
			t.Errorf("%q Usable() = %v, want %v", text, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"v=DMARC1; p=reject; sp=none; np=none; adkim=s; aspf=r; rua=mailto:a@b,c; ruf=mailto:a@b; fo=0:1; psd=u; t=n; pct=1",
		"v=DMARC1;;;=;p;p=;p=\xff;v=DMARC1", "v = DMARC1", "v=DMARC1;rua=mailto:@!,mailto:a@b!", "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := dmarc.Parse(text)
		if (err == nil) != dmarc.Is(text) {
			t.Fatalf("Parse(%q) and Is disagree: %v", text, err)
		}
		if err != nil {
			return
		}
		again, err := dmarc.Parse(r.String())
		if err != nil {
			t.Fatalf("Parse(%q): %v", r.String(), err)
		}
		if again.String() != r.String() {
			t.Errorf("printed again = %q, want %q", again.String(), r.String())
		}
		if again.Policy != r.Policy || again.Usable() != r.Usable() || !reflect.DeepEqual(again.Tags, r.Tags) {
			t.Errorf("read again = %+v, want %+v", again, r)
		}
		for _, p := range r.Problems {
			if strings.ContainsFunc(p, func(c rune) bool { return c < ' ' || c > '~' }) {
				t.Errorf("problem %q is not printable ASCII", p)
			}
		}
	})
}
