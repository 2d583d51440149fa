package probe_test

import (
	"fmt"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/migrate/probe"
)

// flat prints a field in one form, whatever its writer's.
func flat(a probe.AuthResults) string {
	var b strings.Builder
	b.WriteString(a.ID)
	for _, r := range a.Results {
		fmt.Fprintf(&b, " | %s=%s", r.Method, r.Result)
		if r.Reason != "" {
			fmt.Fprintf(&b, " reason=%q", r.Reason)
		}
		for _, p := range r.Properties {
			fmt.Fprintf(&b, " %s=%q", p.Name, p.Value)
		}
	}
	return b.String()
}

func TestParseAuthResults(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, value, want string }{
		{"as the RFC has it", " mx.example.org; spf=pass smtp.mailfrom=example.net; dkim=pass header.d=example.net",
			`mx.example.org | spf=pass smtp.mailfrom="example.net" | dkim=pass header.d="example.net"`},
		{"version and comments", " (c (nested)) mx.example.org 1 (v);\r\n\tauth=pass (cram-md5; really) smtp.auth=a@example.org",
			`mx.example.org | auth=pass smtp.auth="a@example.org"`},
		{"nothing done", "mx.example.org 1; none", "mx.example.org"},
		{"Gmail", "mx.google.com;\r\n       dkim=pass header.i=@example.org header.s=s1 header.b=\"aB+/=\";\r\n       spf=pass (google.com: domain of a@example.org designates 192.0.2.1 as permitted sender) smtp.mailfrom=a@example.org;\r\n       dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=example.org",
			`mx.google.com | dkim=pass header.i="@example.org" header.s="s1" header.b="aB+/=" | spf=pass smtp.mailfrom="a@example.org" | dmarc=pass header.from="example.org"`},
		{"Microsoft", "spf=pass (sender IP is 192.0.2.1)\r\n smtp.mailfrom=example.org; dkim=pass (signature was verified)\r\n header.d=example.org;dmarc=bestguesspass action=none\r\n header.from=example.org;compauth=pass reason=109",
			` | spf=pass smtp.mailfrom="example.org" | dkim=pass header.d="example.org" | dmarc=bestguesspass action="none" header.from="example.org" | compauth=pass reason="109"`},
		{"Fastmail", "mail.messagingengine.com;\r\n x-csa=none; iprev=pass policy.iprev=192.0.2.1 (mail.example.org);\r\n dmarc=pass policy.published-domain-policy=none policy.applied-disposition=none header.from=example.org",
			`mail.messagingengine.com | x-csa=none | iprev=pass policy.iprev="192.0.2.1" | dmarc=pass policy.published-domain-policy="none" policy.applied-disposition="none" header.from="example.org"`},
		{"reason in quotes", `mx.example.org; dkim=fail reason="bad; signature (\"x\")" header.d=example.org; spf=none`,
			`mx.example.org | dkim=fail reason="bad; signature (\"x\")" header.d="example.org" | spf=none`},
		{"local part in quotes", `mx.example.org; spf=pass smtp.mailfrom="a b"@example.org`, `mx.example.org | spf=pass smtp.mailfrom="a b@example.org"`},
		{"blanks and case", "MX.Example.Org. ; SPF = Pass smtp . mailfrom = x ; dkim/1 = FAIL", "mx.example.org | spf=pass mailfrom=\"x\" | dkim=fail"},
		{"open comment", "mx.example.org; spf=pass (open; dkim=fail", "mx.example.org | spf=pass | dkim=fail"},
		{"open quote", `mx.example.org; spf=pass reason="open; dkim=fail`, `mx.example.org | spf=pass reason="open" | dkim=fail`},
		{"empty parts", ";; ;", ""},
		{"nothing", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := flat(probe.ParseAuthResults(tt.value)); got != tt.want {
				t.Errorf("read %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestDomainOfResult(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"x; dkim=pass header.d=example.org header.i=@mail.example.org": "example.org",
		"x; dkim=pass header.i=@mail.example.org":                      "mail.example.org",
		"x; dkim=pass header.i=example.org":                            "example.org",
		"x; dkim=neutral":                                              "",
	} {
		if got := probe.ParseAuthResults(value).Results[0].Domain(); got != want {
			t.Errorf("domain of %q = %q, want %q", value, got, want)
		}
	}
}

func FuzzParseAuthResults(f *testing.F) {
	for _, value := range []string{
		"mx; a=b (c) d.e=f; none", "((((", `"""\`, "a=b=c;=;=", `x; a="\`, "a b c=d e", "x //=y", strings.Repeat("(", 5000) + ")", strings.Repeat(`a="b" `, 3000), "a;" + strings.Repeat("b=c;", 5000),
	} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		before := allocated()
		a := probe.ParseAuthResults(value)
		if used := allocated() - before; used > 2<<20 {
			t.Errorf("%d octets took %d octets of memory, want %d at most", len(value), used, 2<<20)
		}
		if len(a.Results) > 64 {
			t.Errorf("%d results", len(a.Results))
		}
		for _, r := range a.Results {
			if len(r.Properties) > 32 || r.Method == "" {
				t.Errorf("result %+v", r)
			}
			r.Domain()
		}
	})
}

// allocated returns the octets that were ever allocated: what a parser may be
// made to take shows in the difference.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
