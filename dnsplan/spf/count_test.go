package spf_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/spf"
)

// world answers from lines "name TYPE data"; silent names give an error.
func world(lines ...string) spf.Lookup {
	return func(name string, typ uint16) ([]string, error) {
		var data []string
		for _, line := range lines {
			f := strings.SplitN(line, " ", 3)
			if !strings.EqualFold(f[0], strings.TrimSuffix(name, ".")+".") {
				continue
			}
			if f[1] == "SILENT" {
				return nil, errors.New("server failure")
			}
			if dns.StringToType[f[1]] == typ {
				data = append(data, f[2])
			}
		}
		return data, nil
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	many := make([]string, 0, 8)
	for i := range 4 {
		many = append(many, fmt.Sprintf("d. MX 10 m%d.", i), fmt.Sprintf("m%d. A 192.0.2.%d", i, i))
	}
	tests := []struct {
		name                    string
		record                  string
		world                   spf.Lookup
		lookups, voids4, voids6 int
		broken                  int
	}{
		{"addresses cost nothing", "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all", world(), 0, 0, 0, 0},
		{"nothing found twice is allowed", "v=spf1 a mx -all", world(), 2, 2, 2, 0},
		{"addresses of mx are not lookups", "v=spf1 mx -all", world("d. MX 10 m.", "m. A 192.0.2.1", "m. AAAA 2001:db8::1"), 1, 0, 0, 0},
		{"IPv4 only hosts cost an IPv6 sender", "v=spf1 mx -all", world(many...), 1, 0, 4, 0},
		{"includes count with what they include", "v=spf1 include:a.x. include:b.x. -all",
			world(`a.x. TXT "v=spf1 include:c.x. -all"`, `b.x. TXT "v=spf1 a:h.x. -all"`, `c.x. TXT "v=spf1 ip4:192.0.2.1 -all"`, "h.x. A 192.0.2.1", "h.x. AAAA ::1"), 4, 0, 0, 0},
		{"text in two strings", "v=spf1 include:a.x. -all", world(`a.x. TXT "v=spf1 inc" "lude:c.x. -all"`, `c.x. TXT "v=spf1 -all"`), 2, 0, 0, 0},
		{"redirect counts", "v=spf1 redirect=a.x.", world(`a.x. TXT "v=spf1 -all"`), 1, 0, 0, 0},
		{"redirect beside all does not", "v=spf1 -all redirect=a.x.", world(), 0, 0, 0, 0},
		{"behind all nothing is reached", "v=spf1 -all a mx", world(), 0, 0, 0, 0},
		{"include of nothing", "v=spf1 include:a.x. -all", world(), 1, 1, 1, 1},
		{"include of two records", "v=spf1 include:a.x. -all", world(`a.x. TXT "v=spf1 -all"`, `a.x. TXT "v=spf1 +all"`), 1, 0, 0, 1},
		{"neighbours of an included record", "v=spf1 include:a.x. -all", world(`a.x. TXT "hello"`, `a.x. TXT "v=spf1 -all"`), 1, 0, 0, 0},
		{"exists", "v=spf1 exists:a.x. ptr -all", world(), 2, 1, 1, 0},
		{"loop ends", "v=spf1 include:a.x. -all", world(`a.x. TXT "v=spf1 include:a.x. -all"`), 60, 0, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := spf.Count("d", parse(t, tt.record), tt.world)
			if err != nil {
				t.Fatal(err)
			}
			if c.Lookups != tt.lookups || c.Voids4 != tt.voids4 || c.Voids6 != tt.voids6 || len(c.Broken) != tt.broken {
				t.Errorf("Count(%s) = %+v, want lookups %d, voids %d and %d, broken %d", tt.record, c, tt.lookups, tt.voids4, tt.voids6, tt.broken)
			}
		})
	}
}

func TestCountNotMeasured(t *testing.T) {
	t.Parallel()
	r := parse(t, "v=spf1 include:a.x. -all")
	for name, ask := range map[string]spf.Lookup{"nobody to ask": nil, "server failure": world("a.x. SILENT")} {
		if _, err := spf.Count("d", r, ask); !errors.Is(err, spf.ErrNotMeasured) {
			t.Errorf("%s: Count = %v, want ErrNotMeasured", name, err)
		}
	}
	if c, err := spf.Count("d", parse(t, "v=spf1 exists:%{i}.x. -all"), world()); err != nil || !c.Macros || c.Lookups != 1 {
		t.Errorf("Count of a macro = %+v, %v, want one lookup and Macros", c, err)
	}
}
