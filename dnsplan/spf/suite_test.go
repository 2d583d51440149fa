package spf_test

import (
	"bufio"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/spf"
)

// A scenario of the suite is a small DNS and the cases that are judged in it.
type scenario struct {
	name  string
	lines []string
	cases [][]string // name, domain, address, results
}

// suite reads testdata/spf/rfc7208.txt.
func suite(t *testing.T) []scenario {
	t.Helper()
	f, err := os.Open("../../testdata/spf/rfc7208.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []scenario
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case line == "" || line[0] == '#' || word == "mail":
		case word == "scenario":
			all = append(all, scenario{name: rest})
		case word == "case":
			s := &all[len(all)-1]
			s.cases = append(s.cases, strings.Fields(rest))
		default:
			s := &all[len(all)-1]
			s.lines = append(s.lines, line)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// ask answers from the scenario's lines, aliases followed.
func (s scenario) ask(name string, typ uint16) ([]string, error) {
	w := make([]string, 0, len(s.lines))
	for _, line := range s.lines {
		owner, rest, _ := strings.Cut(line, " ")
		w = append(w, owner+". "+rest)
	}
	answer := world(w...)
	for range 8 {
		data, err := answer(name, typ)
		if len(data) > 0 || err != nil {
			return data, err
		}
		alias, err := answer(name, dns.TypeCNAME)
		if err != nil || len(alias) == 0 {
			return nil, err
		}
		name = alias[0]
	}
	return nil, nil
}

func TestSuite(t *testing.T) {
	t.Parallel()
	n := 0
	for _, s := range suite(t) {
		for _, c := range s.cases {
			n++
			t.Run(s.name+"/"+c[0], func(t *testing.T) {
				t.Parallel()
				o, err := spf.CheckDomain(c[1], netip.MustParseAddr(c[2]), s.ask)
				got := string(o.Result)
				if err != nil {
					got = "unknown"
				}
				if !slices.Contains(strings.Split(c[3], "|"), got) {
					t.Errorf("CheckDomain(%s, %s) = %s, %v, want %s", c[1], c[2], got, err, c[3])
				}
			})
		}
	}
	if n < 150 {
		t.Errorf("%d cases, want the whole suite", n)
	}
}

// TestCountCoversCheck holds the two ways of counting together: an evaluation
// never costs more than the worst case that Count foresees.
func TestCountCoversCheck(t *testing.T) {
	t.Parallel()
	for _, s := range suite(t) {
		for _, c := range s.cases {
			texts, err := s.ask(c[1]+".", dns.TypeTXT)
			if err != nil {
				continue
			}
			for _, text := range texts {
				r, err := spf.Parse(strings.Trim(text, `"`))
				if err != nil {
					continue
				}
				most, err := spf.Count(c[1], r, s.ask)
				if err != nil {
					continue
				}
				for _, from := range []string{"192.0.2.77", "2001:db8:77::1", c[2]} {
					o, err := spf.Check(c[1], r, netip.MustParseAddr(from), s.ask)
					if err == nil && (o.Lookups > most.Lookups || o.Voids > most.Voids()) {
						t.Errorf("%s/%s from %s: %+v costs more than the worst case %+v", s.name, c[0], from, o, most)
					}
				}
			}
		}
	}
}

func TestSenders(t *testing.T) {
	t.Parallel()
	ask := world(
		`p.x. TXT "v=spf1 ?ip4:203.0.113.9 include:a.x redirect=b.x"`, `a.x. TXT "v=spf1 ip4:198.51.100.7/24 include:p.x -all"`,
		`b.x. TXT "v=spf1 ip6:2001:db8:1::/48 -all"`, `none.x. TXT "hello"`)
	for _, tt := range []struct{ name, four, six string }{
		{"p.x", "198.51.100.0", "2001:db8:1::"}, {"a.x", "198.51.100.0", "2001:db8:1::"}, {"b.x", "", "2001:db8:1::"}, {"none.x", "", ""},
	} {
		four, six, err := spf.Senders(tt.name, ask)
		if err != nil || text(four) != tt.four || text(six) != tt.six {
			t.Errorf("Senders(%s) = %v, %v, %v, want %s, %s", tt.name, four, six, err, tt.four, tt.six)
		}
	}
}

func text(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
