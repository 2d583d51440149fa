package provider_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/provider"
)

func TestCatalogue(t *testing.T) {
	t.Parallel()
	want := strings.Fields(`fastmail forwardemail gandi generic google hostinger icloud infomaniak ionos mailboxorg mailfence
		microsoft365 migadu ovhcloud posteo privateemail proton purelymail rackspace runbox soverin startmail titan tuta
		workmail yandex360 zoho`)
	if got := provider.Names(); !slices.Equal(got, want) {
		t.Errorf("Names() = %v, want %v", got, want)
	}
	for _, name := range provider.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := provider.Load(name)
			if err != nil {
				t.Fatal(err)
			}
			if p.Name != name {
				t.Errorf("name in the file = %q, want %q", p.Name, name)
			}
			again, err := provider.Parse("pinned.yaml", p.Raw)
			if err != nil || again.Title != p.Title {
				t.Errorf("Raw cannot be read again: %v", err)
			}
			for _, f := range p.Facts() {
				if _, err := time.Parse(time.DateOnly, f.Checked); err != nil || f.Source == "" {
					t.Errorf("%s has no source, or no date: %+v", f.Section, f.Fact)
				}
				if strings.Contains(f.Source, "engineer's knowledge") != f.Low() && !strings.Contains(f.Source, "in one public") && !strings.Contains(f.Source, "another migration tool") && f.Section != "mta_sts" {
					t.Errorf("%s: the source %q and the confidence %q do not fit", f.Section, f.Source, f.Confidence)
				}
			}
			if p.Refuse != "" {
				return
			}
			for _, v := range p.Variables {
				if v.Title == "" || v.Where == "" {
					t.Errorf("variable %s does not say what it is and where to find it", v.Name)
				}
				if v.Example != "" && v.Pattern != "" && !regexp.MustCompile(`^(?:`+v.Pattern+`)$`).MatchString(v.Example) {
					t.Errorf("example of %s does not fit its pattern", v.Name)
				}
			}
			if (p.IMAP.Host == "") != (p.NoIMAP != "" || name == "generic") {
				t.Errorf("IMAP host %q, and no_imap says %q", p.IMAP.Host, p.NoIMAP)
			}
		})
	}
}

func TestNothingOfMicrosoftIsComputed(t *testing.T) {
	t.Parallel()
	p, err := provider.Load("microsoft365")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range p.MX.Records {
		if x.Host != "%mx%" {
			t.Errorf("MX host is %q, not a variable", x.Host)
		}
	}
	for _, r := range p.DKIM.Records {
		if strings.Contains(r.Value, "domain") {
			t.Errorf("DKIM target %q is computed", r.Value)
		}
	}
}

func TestLoadUnknown(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, near string }{
		{"gogle", "google"},
		{"Google", "google"},
		{"office-365", "microsoft365"},
		{"m365", "microsoft365"},
		{"mailbox.org", "mailboxorg"},
		{"ovh", "ovhcloud"},
		{"Yandex", "yandex360"},
		{"forwardemail.net", "forwardemail"},
		{"zzzzzzzzzz", ""},
		{strings.Repeat("x", 10000), ""},
	}
	for _, tt := range tests {
		_, err := provider.Load(tt.name)
		if !errors.Is(err, provider.ErrUnknown) {
			t.Errorf("Load(%.20q) = %v, want ErrUnknown", tt.name, err)
		}
		if got := provider.Nearest(tt.name); got != tt.near {
			t.Errorf("Nearest(%.20q) = %q, want %q", tt.name, got, tt.near)
		}
		if tt.near != "" && !strings.Contains(err.Error(), tt.near) {
			t.Errorf("Load(%q) = %v does not name %s", tt.name, err, tt.near)
		}
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	const good = "name: own\ntitle: Own\nmx:\n  records:\n    - {preference: 1, host: mx.own.example}\n"
	tests := []struct{ name, text, want string }{
		{"unknown key", good + "spff: {}\n", `p.yaml:6:1: unknown key "spff"; did you mean "spf"?` + "\n\tspff: {}\n\t^"},
		{"unknown inner key", good + "spf: {includes: x.example}\n", `p.yaml:6:7: unknown key "includes"; did you mean "include"?`},
		{"key twice", good + "title: Other\n", `p.yaml:6:1: `},
		{"wrong type", "name: own\ntitle: Own\nmx: [1]\n", "p.yaml:3:"},
		{"preference", "name: own\ntitle: Own\nmx:\n  records:\n    - {preference: many, host: mx.own.example}\n", "p.yaml:5:20: text where a number belongs"},
		{"no name", "title: Own\n", "p.yaml:1:1: name is one word"},
		{"no MX", "name: own\ntitle: Own\n", "mx has no records"},
		{"host", strings.Replace(good, "mx.own.example", "'mx own'", 1), "p.yaml:5:29: \"mx own\" is not a host name"},
		{"undeclared", strings.Replace(good, "mx.own.example", "'%mx%'", 1), "variable %mx% is not declared"},
		{"declared twice", good + "variables:\n  - {name: a, where: x}\n  - {name: a, where: x}\n", "declared twice"},
		{"builtin", good + "variables:\n  - {name: domain, where: x}\n", "cannot be the name"},
		{"pattern", good + "variables:\n  - {name: a, where: x, pattern: '('}\n", "p.yaml:7:34: not a regular expression"},
		{"terminal", good + "spf: {include: x.example, terminal: +all}\n", "terminal is one of"},
		{"type", good + "dkim:\n  records:\n    - {name: a, type: MX, value: x}\n", "p.yaml:8:23: type is one of"},
		{"port", good + "imap: {host: x.example, port: 99999, tls: implicit}\n", "port is a number"},
		{"attribute", good + "mailboxes: {names: {Sent: Sent}}\n", "special-use"},
		{"date", good + "spf: {include: x.example, checked: yesterday}\n", "checked is a date"},
		{"anchor", good + "dmarc: &a {hint: x}\n", "anchors"},
		{"alias", good + "dmarc: {hint: &a x}\nsmtp: {host: *a}\n", "anchors"},
		{"control character", good + "dmarc: {hint: \"\x1b[31m\"}\n", "control character"},
		{"two documents", good + "---\n" + good, "one YAML document"},
		{"empty", "", "one YAML document"},
		{"too large", strings.Repeat("# x\n", 20000), "larger than"},
		{"syntax", "name: [\n", "p.yaml:1:"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := provider.Parse("p.yaml", []byte(tt.text))
			e, ok := errors.AsType[*provider.FileError](err)
			if !ok {
				t.Fatalf("Parse = %v, %v, want a *FileError", p, err)
			}
			if !strings.Contains(e.Error(), tt.want) {
				t.Errorf("Parse = %v, want %q", e, tt.want)
			}
		})
	}
	if _, err := provider.Parse("p.yaml", []byte(good)); err != nil {
		t.Errorf("the good file is refused: %v", err)
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	p, err := provider.Parse("p.yaml", []byte(`
name: own
title: Own
mx:
  records:
    - {preference: 5, host: "%mx%"}
dkim:
  records:
    - {name: "%selector%._domainkey", type: TXT, value: "%key%"}
    - {name: fixed._domainkey, type: CNAME, value: "fixed.%domain_dashed%.%domain%.Dkim.Own.example"}
discovery:
  records:
    - {name: _imaps._tcp, type: SRV, value: "0 1 993 %domain%."}
variables:
  - {name: mx, where: console, list: true, required: true}
  - {name: selector, where: console, list: true}
  - {name: key, where: console, list: true, after_verification: true}
`))
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Expand("Sub.Example.org.", provider.Vars{"mx": {"b.own.example", "a.own.example.", "1 C.own.example"}, "selector": {"s1", "s2"}, "key": {"k one", "k two"}, "rua": {"x@example.net"}})
	if err != nil {
		t.Fatal(err)
	}
	if want := []provider.Exchange{{Preference: 5, Host: "b.own.example."}, {Preference: 15, Host: "a.own.example."}, {Preference: 1, Host: "c.own.example."}}; !slices.Equal(r.MX, want) {
		t.Errorf("MX = %v, want %v", r.MX, want)
	}
	want := []provider.Record{
		{Name: "s1._domainkey.sub.example.org.", Type: "TXT", Value: "k one"},
		{Name: "s2._domainkey.sub.example.org.", Type: "TXT", Value: "k two"},
		{Name: "fixed._domainkey.sub.example.org.", Type: "CNAME", Value: "fixed.sub-example-org.sub.example.org.dkim.own.example."},
	}
	if !slices.Equal(r.DKIM, want) {
		t.Errorf("DKIM = %v, want %v", r.DKIM, want)
	}
	r, err = p.Expand("example.org", provider.Vars{"mx": {"a.own.example"}, "selector": {"s1"}})
	if err != nil || len(r.Missing) != 1 || r.Missing[0].Name != "key" || len(r.DKIM) != 1 {
		t.Errorf("before verification: %+v, %v, want key missing and one DKIM record", r, err)
	}
}

func TestExpandRefuses(t *testing.T) {
	t.Parallel()
	google, err := provider.Load("google")
	if err != nil {
		t.Fatal(err)
	}
	generic, err := provider.Load("generic")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		p    *provider.Provider
		vars provider.Vars
		want []string
	}{
		{"missing", google, nil, []string{"verify: missing; find it in: Admin console"}},
		{"form", google, provider.Vars{"verify": {"abc123"}}, []string{"verify: ", "does not have the form"}},
		{"all at once", google, provider.Vars{"verify": {"x"}, "dkim": {"y"}, "dkmi": {"z"}}, []string{"verify: ", "dkim: ", `dkmi: not a variable of google; did you mean "dkim"?`}},
		{"two values", google, provider.Vars{"verify": {"google-site-verification=a", "google-site-verification=b"}}, []string{"takes one value, has 2"}},
		{"escape sequence", google, provider.Vars{"verify": {"google-site-verification=\x1b[31m"}}, []string{"printable"}},
		{"line break", generic, provider.Vars{"mx": {"a.example"}, "verify": {"a\nb"}}, []string{"printable"}},
		{"not a host", generic, provider.Vars{"mx": {"a b.example"}}, []string{"not a preference"}},
		{"not a host either", generic, provider.Vars{"mx": {"10 a_b..example"}}, []string{"not a host name"}},
		{"tag in an address", generic, provider.Vars{"mx": {"a.example"}, "rua": {"a@b.example; p=reject"}}, []string{"rua: "}},
		{"SPF as verification", generic, provider.Vars{"mx": {"a.example"}, "verify": {"V=spf1 include:a.example -all"}}, []string{"verify: ", "a policy of which a name has one only"}},
		{"empty", generic, provider.Vars{"mx": {""}}, []string{"mx: empty"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := tt.p.Expand("example.org", tt.vars)
			e, ok := errors.AsType[*provider.VariableError](err)
			if !ok {
				t.Fatalf("Expand = %v, want a *VariableError", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(e.Error(), want) {
					t.Errorf("Expand = %v, want %q", e, want)
				}
			}
			if strings.Contains(e.Error(), "\x1b") {
				t.Errorf("the error has an escape sequence: %q", e.Error())
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("catalogue/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("name: \"\\x\"\n? : -\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := provider.Parse("fuzz.yaml", text)
		if err != nil {
			if e, ok := errors.AsType[*provider.FileError](err); !ok || e.Line < 1 || strings.ContainsAny(e.Error(), "\x1b\r\x00") {
				t.Errorf("error %q is not a clean *FileError", err)
			}
			return
		}
		vars := make(provider.Vars)
		for _, v := range p.Variables {
			vars[v.Name] = []string{"x.example"}
		}
		r, err := p.Expand("example.org", vars)
		if err != nil {
			return
		}
		for _, x := range r.MX {
			if _, ok := dns.IsDomainName(x.Host); !ok || !strings.HasSuffix(x.Host, ".") {
				t.Errorf("MX host %q", x.Host)
			}
		}
	})
}
