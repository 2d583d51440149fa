package probe_test

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/dnsplan/dnslab"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/probe"
)

// A scenario of the openspf suite is a small DNS and the messages that are
// judged in it.
type scenario struct {
	name   string
	zone   strings.Builder
	silent []string
	mails  []string
}

// suite reads testdata/spf/rfc7208.txt.
func suite(t *testing.T) []*scenario {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "testdata", "spf", "rfc7208.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []*scenario
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch {
		case word == "" || word[0] == '#' || word == "case":
		case word == "scenario":
			all = append(all, &scenario{name: rest})
		case word == "mail":
			s := all[len(all)-1]
			s.mails = append(s.mails, rest)
		case strings.HasPrefix(rest, "SILENT"):
			s := all[len(all)-1]
			s.silent = append(s.silent, word)
		default:
			all[len(all)-1].zone.WriteString(strings.ReplaceAll(word, `\032`, `\ `) + ". 300 IN " + rest + "\n")
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// serve puts the scenario into the DNS.
func (s *scenario) serve(t *testing.T) resolver.Stub {
	t.Helper()
	z, err := zone.Read(strings.NewReader(s.zone.String()), ".", s.name)
	if err != nil {
		t.Fatal(err)
	}
	lab, err := dnslab.Start(dnslab.Options{Zones: []zone.Zone{z}, Recursive: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lab.Close() })
	for _, name := range s.silent {
		lab.Break(dnslab.Fault{Kind: dnslab.Servfail, Name: name})
	}
	return resolver.Stub{Client: &resolver.Client{Resolver: lab.Addr()}}
}

// disagreements are the messages of the suite that are judged otherwise than
// it wants, and why that is borne with. None of them is a pass that the suite
// does not give.
var disagreements = map[string]string{
	"A mechanism syntax/a-colon-domain":             "a name with a colon and a slash in it; nobody has one",
	"A mechanism syntax/a-colon-domain-ip4mapped":   "the same",
	"MX mechanism syntax/mx-colon-domain":           "the same",
	"MX mechanism syntax/mx-colon-domain-ip4mapped": "the same",
	"Macro expansion rules/p-macro-multiple":        "%{p} is not filled in: RFC 7208, section 7.3, says not to use it, and receivers do not ask",
}

func TestOpenSPFSuite(t *testing.T) {
	t.Parallel()
	n := 0
	for _, s := range suite(t) {
		stub := s.serve(t)
		n += len(s.mails)
		for _, mail := range s.mails {
			f := strings.SplitN(mail, " ", 4)
			name, ip, want := f[0], f[1], strings.Split(f[2], "|")
			helo, mailFrom := quoted(t, f[3])
			t.Run(s.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				env := from(ip, mailFrom)
				env.Helo = helo
				v, err := probe.Judge(t.Context(), []byte(letter), env, stub, probe.JudgeOptions{})
				if err != nil {
					t.Fatal(err)
				}
				why, borne := disagreements[s.name+"/"+name]
				switch agree := slices.Contains(want, v.SPF.Result); {
				case agree && borne:
					t.Errorf("spf = %s, as the suite wants: it is no disagreement any more", v.SPF.Result)
				case !agree && !borne, borne && v.SPF.Result == "pass":
					t.Errorf("spf = %s (%s), want %s", v.SPF.Result, v.SPF.Text, want)
				case borne:
					t.Logf("spf = %s, the suite wants %s: %s", v.SPF.Result, want, why)
				}
			})
		}
	}
	if n != 203 {
		t.Errorf("%d messages, want the whole suite", n)
	}
}

// quoted reads two quoted words. A bounce has no MAIL FROM.
func quoted(t *testing.T, text string) (helo, mailFrom string) {
	t.Helper()
	first, err := strconv.QuotedPrefix(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if helo, err = strconv.Unquote(first); err != nil {
		t.Fatal(err)
	}
	if mailFrom, err = strconv.Unquote(strings.TrimSpace(text[len(first):])); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if mailFrom == "" {
		mailFrom = probe.NullSender
	}
	return helo, mailFrom
}
