package repair_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/mailbox/internal/repair"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

func TestSteps(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		step       repair.Steps
		have, want string
	}{
		"final end":             {repair.FinalEnd, "A: b\r\n\r\ntext", "A: b\r\n\r\ntext\r\n"},
		"final LF":              {repair.FinalEnd, "A: b\n\ntext\n", "A: b\n\ntext\r\n"},
		"final CR":              {repair.FinalEnd, "A: b\r\n\r\ntext\r", "A: b\r\n\r\ntext\r\n"},
		"no octets":             {repair.FinalEnd, "", "\r\n"},
		"whole already":         {repair.FinalEnd, "text\r\n", "text\r\n"},
		"LF":                    {repair.LineEnds, "A: b\nC: d\n\nx\ny\n", "A: b\r\nC: d\r\n\r\nx\r\ny\r\n"},
		"mixed":                 {repair.LineEnds, "A: b\r\n\r\nx\ny\rz\r\n", "A: b\r\n\r\nx\r\ny\r\nz\r\n"},
		"CR in the header":      {repair.LineEnds, "A: b\rc\r\n\r\nx\n", "A: b c\r\n\r\nx\r\n"},
		"CR CR LF":              {repair.LineEnds, "A: b\r\r\n\r\r\nx\r\n", "A: b\r\n\r\nx\r\n"},
		"CR alone":              {repair.LineEnds, "A: b\r\rx\r", "A: b\r\rx\r"},
		"NUL":                   {repair.NULs, "A: \x00b\r\n\r\n\x00x\x00", "A: b\r\n\r\nx"},
		"subject":               {repair.Header, "Subject: Gr\u00fc\u00dfe aus K\u00f6ln\r\n\r\n\u00fc", "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= aus =?utf-8?q?K=C3=B6ln?=\r\n\r\n\u00fc"},
		"next to each other":    {repair.Header, "Subject: \u00fc \u00e4\r\n\r\n", "Subject: =?utf-8?q?=C3=BC_=C3=A4?=\r\n\r\n"},
		"folded":                {repair.Header, "Subject: \u00fc\r\n \u00e4\r\nX: y\r\n\r\n", "Subject: =?utf-8?q?=C3=BC_=C3=A4?=\r\nX: y\r\n\r\n"},
		"other charset":         {repair.Header, "Subject: h\xe4der\r\n\r\n", "Subject: =?iso-8859-1?q?h=E4der?=\r\n\r\n"},
		"quoted name":           {repair.Header, "From: \"M\u00fcller, Hans\" <h@x>\r\n\r\n", "From: =?utf-8?q?M=C3=BCller=2C_Hans?= <h@x>\r\n\r\n"},
		"address is no word":    {repair.Header, "From: <\u00fc@x>\r\n\r\n", "From: <\u00fc@x>\r\n\r\n"},
		"comment":               {repair.Header, "From: h@x (M\u00fcller)\r\n\r\n", "From: h@x (=?utf-8?q?M=C3=BCller?=)\r\n\r\n"},
		"parameter":             {repair.Header, "Content-Type: a/b; name=\"\u00fc.pdf\"\r\n\r\n", "Content-Type: a/b; name=\"=?utf-8?q?=C3=BC=2Epdf?=\"\r\n\r\n"},
		"beside an encoded one": {repair.Header, "Subject: =?utf-8?q?a?= \u00fc\r\n\r\n", "Subject: =?utf-8?q?a?= =?utf-8?q?_=C3=BC?=\r\n\r\n"},
		"name that is none":     {repair.Header, "S\u00fc: x\r\nno field \u00fc\r\n\r\n", "S\u00fc: x\r\nno field \u00fc\r\n\r\n"},
		"only the body":         {repair.Header, "A: b\r\n\r\n\xe4", "A: b\r\n\r\n\xe4"},
		"all":                   {repair.FinalEnd | repair.LineEnds | repair.NULs | repair.Header, "A: \xe4\n\n\x00x", "A: =?iso-8859-1?q?=E4?=\r\n\r\nx\r\n"},
	} {
		if got := string(tt.step.Apply([]byte(tt.have))); got != tt.want {
			t.Errorf("%s: Apply(%q) = %q, want %q", name, tt.have, got, tt.want)
		}
	}
}

func TestEncodedLinesAreShort(t *testing.T) {
	t.Parallel()
	m := repair.Header.Apply([]byte("Subject: " + strings.Repeat("\u00fc\u20ac ", 300) + "\r\n\r\n"))
	for line := range bytes.Lines(m) {
		if len(line) > 90 {
			t.Errorf("line of %d octets: %q", len(line), line)
		}
	}
}

func TestLadder(t *testing.T) {
	t.Parallel()
	for message, want := range map[string][]repair.Steps{
		"A: b\r\n\r\nx\r\n":    nil,
		"A: b\r\n\r\nx":        {repair.FinalEnd},
		"A: b\n\nx\n":          {repair.FinalEnd, repair.LineEnds},
		"A: \xe4\r\n\r\n\x00x": {repair.FinalEnd, repair.NULs, repair.Header, repair.FinalEnd | repair.NULs | repair.Header},
	} {
		got := repair.Ladder([]byte(message))
		if len(got) != len(want) {
			t.Errorf("Ladder(%q) = %v, want %v", message, got, want)
			continue
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("Ladder(%q)[%d] = %v, want %v", message, i, got[i], want[i])
			}
		}
	}
}

func TestBetween(t *testing.T) {
	t.Parallel()
	message := []byte("A: \xe4\n\n\x00x")
	for s := repair.Steps(1); s < 16; s++ {
		made := s.Apply(message)
		got, ok := repair.Between(message, func(m []byte) bool { return bytes.Equal(m, made) })
		if !ok || !bytes.Equal(got.Apply(message), made) || got.String() == "" {
			t.Errorf("Between of what %d makes = %d, %v", s, got, ok)
		}
	}
	if _, ok := repair.Between(message, func(m []byte) bool { return bytes.Equal(m, []byte("other")) }); ok {
		t.Error("another message is taken for a repaired one")
	}
}

// FuzzRepairedIsKnown holds the repairs and the fingerprints together: a
// repaired message is known as what it was.
func FuzzRepairedIsKnown(f *testing.F) {
	for _, s := range []string{
		"Subject: Gr\u00fc\u00dfe aus K\u00f6ln\r\n\r\ntext", "From: \"M\u00fc\\\"ller, H\" <a@b>, \xe4 (\xff x)\n\n\n", "Subject: =?utf-8?q?a?= \u00fc =?utf-8?b?w7w=?=\r\n\r\n",
		"A: b\r\r\n\x00\r\nx\ry\n", "To: \"\u00fc\r\n \u00e4\" <x>\r\n\r\n\x00", "Subject: a\r\n\t\u00fc\r\n\u00fc: x", "\n", "", "x\x00\x00\n\n",
	} {
		f.Add([]byte(s), uint8(15))
	}
	f.Fuzz(func(t *testing.T, message []byte, set uint8) {
		s := repair.Steps(set % 16)
		made := s.Apply(message)
		if wire.Fingerprint(made) != wire.Fingerprint(message) {
			t.Errorf("%v makes %q of %q: fingerprints differ", s, made, message)
		}
		if s == repair.Header && !bytes.Equal(repair.Body(made), repair.Body(message)) {
			t.Errorf("%v makes %q of %q: bodies differ", s, made, message)
		}
		if again := s.Apply(made); s&repair.LineEnds == 0 && !bytes.Equal(again, made) {
			t.Errorf("%v makes %q of %q and then %q", s, made, message, again)
		}
		a, b := wire.NewBodyHash(), wire.NewBodyHash()
		_, _ = a.Write(bytes.ReplaceAll(repair.Body(message), []byte{0}, nil))
		_, _ = b.Write(bytes.ReplaceAll(repair.Body(made), []byte{0}, nil))
		if a.Digest() != b.Digest() {
			t.Errorf("%v makes %q of %q: texts differ", s, made, message)
		}
	})
}

// BenchmarkHostile repairs messages that cost a look at all the rest for each
// octet, where a repair is careless.
func BenchmarkHostile(b *testing.B) {
	for name, unit := range map[string]string{"CR": "\r", "CR NUL": "\r\x00", "NUL": "\x00", "LF": "\n", "8-bit": "\xe4", "quote": "\"\xe4"} {
		b.Run(name, func(b *testing.B) {
			m := []byte("To: " + strings.Repeat(unit, 1<<19) + "\n\n")
			b.SetBytes(int64(len(m)))
			for b.Loop() {
				for _, s := range repair.Ladder(m) {
					_ = s.Apply(m)
				}
			}
		})
	}
}
