package zone_test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

func TestJoinTXT(t *testing.T) {
	t.Parallel()
	tests := []struct {
		data, want string
		ok         bool
	}{
		{`"v=spf1 -all"`, "v=spf1 -all", true},
		{`"a" "b"`, "ab", true},
		{`"a"	"b "  "c"`, "ab c", true},
		{`plain`, "plain", true},
		{`plain "quoted"`, "plainquoted", true},
		{`""`, "", true},
		{`"\"\\\065"`, `"\A`, true},
		{`"\255\000"`, "\xff\x00", true},
		{``, "", false},
		{`"open`, "", false},
		{`"\256"`, "", false},
		{`"\2"`, "", false},
		{`"a\`, "", false},
		{`a"b"`, "", false},
		{"\"a\nb\"", "", false},
	}
	for _, tt := range tests {
		got, err := zone.JoinTXT(tt.data)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("JoinTXT(%q) = %q, %v, want %q, ok %v", tt.data, got, err, tt.want, tt.ok)
		}
	}
}

func TestTXTSplitsAt255(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 254, 255, 256, 510, 511, 1000} {
		text := strings.Repeat("x", n)
		data := zone.TXT(text)
		if joined, err := zone.JoinTXT(data); err != nil || joined != text {
			t.Errorf("JoinTXT(TXT(%d octets)) = %d octets, %v", n, len(joined), err)
		}
		rr, err := dns.NewRR(". 0 IN TXT " + data)
		if err != nil {
			t.Fatalf("TXT(%d octets) is not TXT data: %v", n, err)
		}
		for _, s := range rr.(*dns.TXT).Txt {
			if len(s) > 255 {
				t.Errorf("TXT(%d octets) has a string of %d", n, len(s))
			}
		}
	}
}

func FuzzJoinTXT(f *testing.F) {
	for _, seed := range []string{`"a" "b"`, `plain`, `"\000\255\"\\"`, `"open`, `a\ b`, "\"\x80\"", `"" ""`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data string) {
		text, err := zone.JoinTXT(data)
		if err != nil {
			return
		}
		written := zone.TXT(text)
		if strings.ContainsFunc(written, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("TXT(%q) = %q is not printable", text, written)
		}
		if again, err := zone.JoinTXT(written); err != nil || again != text {
			t.Errorf("JoinTXT(TXT(%q)) = %q, %v", text, again, err)
		}
		if !zone.EqualData(dns.TypeTXT, data, written) {
			t.Errorf("%q and %q are not equal", data, written)
		}
	})
}
