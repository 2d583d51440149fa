package probe_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/dnsplan/dnslab"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/probe"
)

// lists play the blocklists of the world, some of them in their odd hours.
// 192.0.2.10 and 2001:db8::10 are the old server.
var lists = map[string]string{
	// Healthy; lists the address as spam and as a network that should not send.
	"zen.spamhaus.org.": `
2.0.0.127 A 127.0.0.2
2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 A 127.0.0.2
10.2.0.192 A 127.0.0.10
10.2.0.192 A 127.0.0.2
10.2.0.192 TXT "see https://list.example/?q=192.0.2.10\027[31m"
0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2 A 127.0.0.4
`,
	// Died, and its domain answers for everything.
	"b.barracudacentral.org.": "* A 127.0.0.2\n",
	// Healthy, with no word about the address.
	"bl.spamcop.net.": "2.0.0.127 A 127.0.0.2\n",
	// Turns this resolver away, with and without an answer.
	"psbl.surriel.com.":       "2.0.0.127 A 127.255.255.254\n10.2.0.192 A 127.255.255.254\n",
	"dnsbl.dronebl.org.":      "@ A 192.0.2.1\n",
	"dnsbl-1.uceprotect.net.": "2.0.0.127 A 127.0.0.2\n10.2.0.192 A 127.255.255.255\n",
	"dbl.spamhaus.org.":       "dbltest.com A 127.0.1.2\nexample.org A 127.0.1.102\nbad.example A 127.0.1.255\n",
	// A resolver that invents an address for names that do not exist.
	"multi.surbl.org.": "* A 198.51.100.1\n",
	"multi.uribl.com.": "test.uribl.com A 127.0.0.14\nexample.org A 127.0.0.1\n",
	"2.0.192.in-addr.arpa.": `
10 PTR mail.example.org.
11 PTR other.example.org.
13 PTR mail.example.org.
13 PTR also.example.org.
`,
	"example.org.": `
mail A 192.0.2.10
mail AAAA 2001:db8::10
other A 192.0.2.99
also A 192.0.2.13
`,
}

// listWorld serves the zones and returns a lookup function over a resolver.
func listWorld(t *testing.T, faults ...dnslab.Fault) probe.Lookup {
	t.Helper()
	var zones []zone.Zone
	for origin, text := range lists {
		z, err := zone.Read(strings.NewReader("$TTL 60\n"+text), origin, origin)
		if err != nil {
			t.Fatal(err)
		}
		zones = append(zones, z)
	}
	lab, err := dnslab.Start(dnslab.Options{Zones: zones, Recursive: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, f := range faults {
		lab.Break(f)
	}
	c := &resolver.Client{Resolver: lab.Addr(), Timeout: 200 * time.Millisecond}
	return c.Lookup
}

func addrs(texts ...string) []netip.Addr {
	var as []netip.Addr
	for _, text := range texts {
		as = append(as, netip.MustParseAddr(text))
	}
	return as
}

func row(m probe.Mark) string {
	s := fmt.Sprintf("%s %s %s", m.Result, m.Subject, m.List)
	return strings.TrimRight(s, " ")
}

func TestReputationOfLists(t *testing.T) {
	t.Parallel()
	marks := probe.Reputation(t.Context(), probe.Sender{
		Domains:   []string{"example.org", "bad.example", "good.example"},
		Addresses: addrs("192.0.2.10", "2001:db8::10", "192.0.2.12", "10.0.0.1", "127.0.0.1", "::ffff:192.0.2.10"),
	}, probe.ReputationOptions{Lookup: listWorld(t)})
	var got []string
	for _, m := range marks {
		if m.List != "" {
			got = append(got, row(m))
		}
		if bad := m.Result == probe.Listed || m.Result == probe.Wrong; bad == (m.Moving == "") || m.Moving != m.Smarthost || m.Text == "" || m.Evidence == nil {
			t.Errorf("mark %+v", m)
		}
	}
	want := []string{
		"listed 192.0.2.10 zen.spamhaus.org", "clean 192.0.2.12 zen.spamhaus.org", "listed 2001:db8::10 zen.spamhaus.org",
		"unknown 192.0.2.10 b.barracudacentral.org", "unknown 192.0.2.12 b.barracudacentral.org",
		"clean 192.0.2.10 bl.spamcop.net", "clean 192.0.2.12 bl.spamcop.net",
		"unknown 192.0.2.10 psbl.surriel.com", "unknown 192.0.2.12 psbl.surriel.com",
		"unknown 192.0.2.10 dnsbl.dronebl.org", "unknown 192.0.2.12 dnsbl.dronebl.org",
		"unknown 192.0.2.10 dnsbl-1.uceprotect.net", "clean 192.0.2.12 dnsbl-1.uceprotect.net",
		"listed example.org dbl.spamhaus.org", "unknown bad.example dbl.spamhaus.org", "clean good.example dbl.spamhaus.org",
		"unknown example.org multi.surbl.org", "unknown bad.example multi.surbl.org", "unknown good.example multi.surbl.org",
		"unknown example.org multi.uribl.com", "clean bad.example multi.uribl.com", "clean good.example multi.uribl.com",
	}
	if !slices.Equal(got, want) {
		t.Errorf("marks =\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	spam := marks[0]
	if !strings.Contains(spam.Text, "SBL") || !strings.Contains(spam.Text, "no sign of spam") || len(spam.Evidence) != 3 {
		t.Errorf("mark = %+v, want both meanings and the reason", spam)
	}
	if strings.Contains(strings.Join(spam.Evidence, ""), "\x1b") {
		t.Errorf("the reason could steer a terminal: %q", spam.Evidence)
	}
	if domain := marks[13]; domain.Moving != probe.Follows || spam.Moving != probe.Fixes {
		t.Errorf("moving does to the domain's listing %q and to the address' %q", domain.Moving, spam.Moving)
	}
}

func TestReputationFindings(t *testing.T) {
	t.Parallel()
	marks := probe.Reputation(t.Context(), probe.Sender{
		Domains: []string{"example.org"}, Addresses: addrs("192.0.2.10", "192.0.2.12"),
	}, probe.ReputationOptions{Lookup: listWorld(t)})
	want := map[finding.Code]string{"MX130": "192.0.2.10", "MX131": "example.org", "MX132": "192.0.2.12"}
	fs := probe.ReputationFindings(marks)
	for _, f := range fs {
		if f.Code == finding.DomainListed && !strings.Contains(f.Text, "takes that along") {
			t.Errorf("the domain's listing follows, and the finding says %q", f.Text)
		}
		if want[f.Code] != f.Subject || f.Fix == "" || f.Severity == finding.Block {
			t.Errorf("finding %+v", f)
		}
	}
	if len(fs) != len(want) {
		t.Errorf("%d findings, want %d: %+v", len(fs), len(want), fs)
	}
}

func TestReputationOfReverseNames(t *testing.T) {
	t.Parallel()
	look := listWorld(t, dnslab.Fault{Kind: dnslab.Servfail, Name: "14.2.0.192.in-addr.arpa."})
	want := map[string]string{
		"192.0.2.10": "clean: has the name mail.example.org.",
		"192.0.2.11": "wrong: has a name that does not lead back to it",
		"192.0.2.12": "wrong: has no name (PTR)",
		"192.0.2.13": "clean: has the name also.example.org., and others",
		"192.0.2.14": "unknown: nobody told the name of the address",
	}
	var as []netip.Addr
	for text := range want {
		as = append(as, netip.MustParseAddr(text))
	}
	n := 0
	for _, m := range probe.Reputation(t.Context(), probe.Sender{Addresses: as}, probe.ReputationOptions{Lookup: look}) {
		if m.Check != "reverse-name" {
			continue
		}
		n++
		if got := string(m.Result) + ": " + m.Text; got != want[m.Subject] {
			t.Errorf("%s: %s, want %s", m.Subject, got, want[m.Subject])
		}
	}
	if n != len(want) {
		t.Errorf("%d marks, want %d", n, len(want))
	}
}

func TestReputationOfGreetings(t *testing.T) {
	t.Parallel()
	look := listWorld(t, dnslab.Fault{Kind: dnslab.Servfail, Name: "silent.example.org."})
	tests := []struct{ greeting, want string }{
		{"220 mail.example.org ESMTP Postfix", "clean: greets as mail.example.org"},
		{"220 localhost ESMTP", `wrong: greets with "localhost", which is no full host name`},
		{"220 a\x1b[31m.b", `wrong: greets with`},
		{"220 gone.example.org ESMTP", "wrong: greets as gone.example.org, which has no address"},
		{"220 other.example.org ESMTP", "wrong: greets as other.example.org, which is another host"},
		{"220 silent.example.org ESMTP", "unknown: nobody told the address of silent.example.org"},
		{"554 go away", "unknown: nobody greets at port 25"},
	}
	for _, tt := range tests {
		t.Run(tt.greeting, func(t *testing.T) {
			t.Parallel()
			dial := func(_ context.Context, _, addr string) (net.Conn, error) {
				if addr != "mail.example.org:25" {
					t.Errorf("dialled %s", addr)
				}
				client, server := net.Pipe()
				done := make(chan struct{})
				t.Cleanup(func() { server.Close(); <-done })
				go func() {
					defer close(done)
					fmt.Fprintf(server, "%s\r\n", tt.greeting)
					_, _ = server.Read(make([]byte, 64)) // QUIT, or the end
				}()
				return client, nil
			}
			marks := probe.Reputation(t.Context(), probe.Sender{Hosts: []string{"mail.example.org."}, Addresses: addrs("192.0.2.10")},
				probe.ReputationOptions{Lookup: look, Dial: dial})
			m := marks[len(marks)-1]
			if got := string(m.Result) + ": " + m.Text; !strings.HasPrefix(got, tt.want) || strings.Contains(got, "\x1b") {
				t.Errorf("mark = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestReputationEndsInTime(t *testing.T) {
	t.Parallel()
	look := func(ctx context.Context, _ string, _ uint16) ([]string, error) {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	dial := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no way out") }
	marks := probe.Reputation(t.Context(), probe.Sender{
		Domains: []string{"example.org"}, Addresses: addrs("192.0.2.10"), Hosts: []string{"mail.example.org"},
	}, probe.ReputationOptions{Lookup: look, Dial: dial, Budget: 20 * time.Millisecond})
	if len(marks) < 10 {
		t.Fatalf("%d marks", len(marks))
	}
	for _, m := range marks {
		if m.Result != probe.Unknown || m.Moving != "" {
			t.Errorf("nobody answered, and the mark is %+v", m)
		}
	}
	if fs := probe.ReputationFindings(marks); len(fs) > 0 {
		t.Errorf("nobody answered, and there are findings: %+v", fs)
	}
}
