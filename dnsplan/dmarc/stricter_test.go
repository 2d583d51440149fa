package dmarc_test

import (
	"testing"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
)

func TestStricter(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"none", "v=DMARC1; p=none; rua=mailto:a@example.org", "v=DMARC1; p=quarantine; rua=mailto:a@example.org"},
		{"quarantine", "v=DMARC1; p=quarantine", "v=DMARC1; p=reject"},
		{"reject", "v=DMARC1; p=reject", ""},
		{"tags in their order", "v=DMARC1; adkim=s; P=None; sp=none; np=reject; x=y; pct=50", "v=DMARC1; adkim=s; P=quarantine; sp=none; np=reject; x=y; pct=50"},
		{"sub-domains are stricter already", "v=DMARC1; p=none; sp=reject", "v=DMARC1; p=quarantine; sp=reject"},
		{"test of none", "v=DMARC1; p=none; t=y", "v=DMARC1; p=quarantine; t=y"},
		{"test of quarantine", "v=DMARC1; p=quarantine; t=y; rua=mailto:a@example.org", "v=DMARC1; p=quarantine; rua=mailto:a@example.org"},
		{"test of reject", "v=DMARC1; p=reject; t=y", ""},
		{"no policy", "v=DMARC1; rua=mailto:a@example.org", ""},
		{"misspelt policy", "v=DMARC1; p=strict; rua=mailto:a@example.org", ""},
		{"misspelt policy of sub-domains", "v=DMARC1; p=none; sp=no", ""},
		{"doubled policy", "v=DMARC1; p=none; p=reject", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := dmarc.Parse(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			next, ok := r.Stricter()
			if ok != (tt.want != "") || ok && next.String() != tt.want {
				t.Errorf("Stricter(%s) = %s, %v, want %q", tt.text, next, ok, tt.want)
			}
			if !ok && next.String() != r.String() {
				t.Errorf("Stricter(%s) changed the record to %s", tt.text, next)
			}
		})
	}
}
