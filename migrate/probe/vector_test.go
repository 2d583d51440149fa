package probe_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/migrate/probe"
)

// vector reads the example of an RFC and the DNS that its keys stand in.
func vector(t *testing.T, file string) ([]byte, records) {
	t.Helper()
	dir := filepath.Join("..", "..", "testdata", "mail")
	msg, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := os.ReadFile(filepath.Join(dir, "rfc.txt"))
	if err != nil {
		t.Fatal(err)
	}
	dns := records{"TXT _dmarc.example.com.": {"v=DMARC1; p=none"}}
	for line := range strings.Lines(string(keys)) {
		if name, text, ok := strings.Cut(strings.TrimSpace(line), " v="); ok {
			dns["TXT "+name] = []string{"v=" + text}
		}
	}
	return msg, dns
}

// vectors are the examples with the results of their signatures.
var vectors = []struct {
	file, dkim string
	envelope   bool // the first Received tells of it
}{
	{"rfc6376.eml", "example.com/brisbane/rsa-sha256/1024", true},
	{"rfc8463.eml", "football.example.com/brisbane/ed25519-sha256/0 football.example.com/test/rsa-sha256/1024", false},
}

func TestJudgeVectors(t *testing.T) {
	t.Parallel()
	for _, tt := range vectors {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			msg, dns := vector(t, tt.file)
			v, err := probe.Judge(t.Context(), msg, probe.Envelope{}, dns, probe.JudgeOptions{Now: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range v.DKIM {
				if d.Result != "pass" || !d.Aligned {
					t.Errorf("dkim %s, want an aligned pass", d)
				}
				got = append(got, strings.Join([]string{d.Domain, d.Selector, d.Algorithm, strconv.Itoa(d.Bits)}, "/"))
			}
			if s := strings.Join(got, " "); s != tt.dkim || v.DMARC != probe.Pass {
				t.Errorf("signatures = %s, dmarc %s, want %s and pass", s, v.DMARC, tt.dkim)
			}
			if env, _ := probe.EnvelopeOf(msg); env.IP.IsValid() != tt.envelope {
				t.Errorf("EnvelopeOf = %+v", env)
			}
		})
	}
}

// TestVectorsBreak changes every octet that is no blank, one at a time: what is
// signed cannot be changed, and a signature cannot be another one.
func TestVectorsBreak(t *testing.T) {
	t.Parallel()
	for _, tt := range vectors {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			msg, dns := vector(t, tt.file)
			from := bytes.Index(msg, []byte("\r\nFrom:"))
			for i := from; i < len(msg); i++ {
				if bytes.IndexByte([]byte(" \t\r\n"), msg[i]) >= 0 {
					continue
				}
				changed := bytes.Clone(msg)
				if changed[i]++; changed[i] == ':' {
					changed[i]++
				}
				v, err := probe.Judge(t.Context(), changed, probe.Envelope{}, dns, probe.JudgeOptions{})
				if err != nil {
					t.Fatalf("octet %d: %v", i, err)
				}
				for _, d := range v.DKIM {
					if d.Result == "pass" {
						t.Errorf("octet %d, %q as %q: dkim %s", i, msg[i], changed[i], d)
					}
				}
			}
		})
	}
}
