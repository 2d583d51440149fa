package main

import "testing"

func TestTint(t *testing.T) {
	t.Parallel()
	colour, plain := &terminal{colour: true}, &terminal{}
	for _, tt := range []struct{ line, want string }{
		{"prepare  + example.org. TXT  x\n", "prepare  \x1b[32m+\x1b[0m example.org. TXT  x\n"},
		{"         ~ example.org. MX   y\n", "         \x1b[33m~\x1b[0m example.org. MX   y\n"},
		{"         - example.org. A    z\n", "         \x1b[31m-\x1b[0m example.org. A    z\n"},
		{"block    MX046 example.org: taken\n", "\x1b[31mblock    \x1b[0mMX046 example.org: taken\n"},
		{"switch   wait 26h24m: caches\n", "switch   wait 26h24m: caches\n"},
		{"\n", "\n"},
	} {
		if got := colour.tint(tt.line); got != tt.want {
			t.Errorf("tint(%q) = %q, want %q", tt.line, got, tt.want)
		}
		if got := plain.tint(tt.line); got != tt.line {
			t.Errorf("without colour tint(%q) = %q, want the line", tt.line, got)
		}
	}
}
