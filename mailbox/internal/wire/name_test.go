package wire_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

func TestNames(t *testing.T) {
	t.Parallel()
	tests := []struct{ wire, name string }{
		{"INBOX", "INBOX"},
		{"R&-D", "R&D"},
		{"&-&-", "&&"},
		{"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"},
		{"&AOk-t&AOk-", "été"},
		{"&2D3eBg-", "😆"},
		{"&AAk-", "\t"},
	}
	for _, tt := range tests {
		if got := wire.DecodeName(tt.wire); got != tt.name {
			t.Errorf("DecodeName(%q) = %q, want %q", tt.wire, got, tt.name)
		}
		if got := wire.EncodeName(tt.name); got != tt.wire {
			t.Errorf("EncodeName(%q) = %q, want %q", tt.name, got, tt.wire)
		}
	}
}

func TestDecodeNameLenient(t *testing.T) {
	t.Parallel()
	for wireName, want := range map[string]string{
		"R&D":         "R&D",
		"a & b - c":   "a & b - c",
		"&AP":         "&AP",
		"&A-x":        "&A-x",
		"Entw\xfcrfe": "Entwürfe",
		"Entwürfe":    "Entwürfe",
		"&2D0-":       "\ufffd",
	} {
		if got := wire.DecodeName(wireName); got != want {
			t.Errorf("DecodeName(%q) = %q, want %q", wireName, got, want)
		}
	}
}

func FuzzNames(f *testing.F) {
	for _, s := range []string{"R&D", "&U,BTFw-", "été", "\xff&", "a&-b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if name := wire.DecodeName(s); !utf8.ValidString(name) {
			t.Errorf("DecodeName(%q) = %q, no UTF-8", s, name)
		}
		// A shift is bounded, far above any name that a server would take.
		if !utf8.ValidString(s) || len(s) > 1000 {
			return
		}
		if back := wire.DecodeName(wire.EncodeName(s)); back != s {
			t.Errorf("DecodeName(EncodeName(%q)) = %q", s, back)
		}
	})
}

func TestQuote(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in, want string
		literal  bool
	}{
		{"", `""`, false},
		{"INBOX", `"INBOX"`, false},
		{`a"b\c`, `"a\"b\\c"`, false},
		{"a\tb", "\"a\tb\"", false},
		{"a\r\nA1 DELETE x", "", true},
		{"ü", "", true},
		{"a\x00", "", true},
		{strings.Repeat("x", 2000), "", true},
	}
	for _, tt := range tests {
		if got, literal := wire.Quote(tt.in); got != tt.want || literal != tt.literal {
			t.Errorf("Quote(%.20q) = %q, %v; want %q, %v", tt.in, got, literal, tt.want, tt.literal)
		}
	}
}
