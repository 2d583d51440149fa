package spf_test

import (
	"bufio"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/dnsplan/spf"
)

// cases reads testdata/spf/records.txt.
func cases(t testing.TB) [][2]string {
	t.Helper()
	f, err := os.Open("../../testdata/spf/records.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var cs [][2]string
	for s := bufio.NewScanner(f); s.Scan(); {
		if record, want, ok := strings.Cut(s.Text(), " => "); ok && !strings.HasPrefix(record, "#") {
			cs = append(cs, [2]string{record, want})
		}
	}
	if len(cs) < 35 {
		t.Fatalf("%d cases", len(cs))
	}
	return cs
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range cases(t) {
		r, err := spf.Parse(c[0])
		got := r.String()
		if err != nil {
			got = "error"
			if !errors.Is(err, spf.ErrSyntax) {
				t.Errorf("Parse(%q) = %v, which is not ErrSyntax", c[0], err)
			}
		}
		if got != c[1] {
			t.Errorf("Parse(%q) = %s (%v), want %s", c[0], got, err, c[1])
		}
	}
}

func TestIs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want bool
	}{
		{"v=spf1", true},
		{"V=Spf1 mx", true},
		{"v=spf1x", false},
		{"v=spf10", false},
		{" v=spf1", false},
		{"v=spf1\t-all", false},
		{"v=spf", false},
		{"", false},
	}
	for _, tt := range tests {
		if got := spf.Is(tt.text); got != tt.want {
			t.Errorf("Is(%q) = %v, want %v", tt.text, got, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range cases(f) {
		f.Add(c[0])
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := spf.Parse(text)
		if err != nil {
			return
		}
		written := r.String()
		again, err := spf.Parse(written)
		if err != nil {
			t.Fatalf("Parse(%q), written from %q: %v", written, text, err)
		}
		if again.String() != written || len(again.Terms) != len(r.Terms) {
			t.Errorf("%q is written as %q, and that as %q", text, written, again.String())
		}
		for i := range r.Terms {
			if !r.Terms[i].Equal(again.Terms[i]) {
				t.Errorf("term %q read back is %q", r.Terms[i], again.Terms[i])
			}
		}
		for _, t2 := range []spf.Record{r.Relax(), r.Dedupe(), r.Insert(spf.Include("x.example")), r.Unredirect(spf.Neutral), spf.Union([]spf.Record{r, r})} {
			if _, err := spf.Parse(t2.String()); err != nil {
				t.Errorf("%q is edited to %q: %v", text, t2.String(), err)
			}
		}
	})
}
