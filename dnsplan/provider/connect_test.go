package provider_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/mxmove/mxmove/dnsplan/provider"
)

var update = flag.Bool("update", false, "rewrite want.txt of the templates")

// TestTemplates reads Domain Connect templates and writes down what comes of
// them for example.org.
func TestTemplates(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../testdata/provider/*.txtar")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d templates, err %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text, vars, want := parts(a)
			p, err := provider.Parse("template.json", text)
			if err != nil {
				t.Fatal(err)
			}
			if pinned, err := provider.Parse("provider.yaml", p.Raw); err != nil || pinned.Name != p.Name {
				t.Errorf("pinned as another file it is not read: %v", err)
			}
			got := describeTemplate(t, p, vars)
			if !*update && !bytes.Equal(got, want.Data) {
				t.Errorf("got\n%s\nwant\n%s", got, want.Data)
			}
			if want.Data = got; *update {
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func parts(a *txtar.Archive) (text []byte, vars provider.Vars, want *txtar.File) {
	vars = make(provider.Vars)
	for i, f := range a.Files {
		switch f.Name {
		case "template.json":
			text = f.Data
		case "want.txt":
			want = &a.Files[i]
		case "vars":
			for line := range strings.Lines(string(f.Data)) {
				if name, value, ok := strings.Cut(strings.TrimSpace(line), " = "); ok {
					vars[name] = append(vars[name], value)
				}
			}
		}
	}
	return text, vars, want
}

func describeTemplate(t *testing.T, p *provider.Provider, vars provider.Vars) []byte {
	t.Helper()
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s: %s\n", p.Name, p.Title)
	for _, v := range p.Variables {
		fmt.Fprintf(&b, "variable %s required %v later %v\n", v.Name, v.Required, v.AfterVerification)
	}
	r, err := p.Expand("example.org", vars)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range r.MX {
		fmt.Fprintf(&b, "MX %d %s\n", x.Preference, x.Host)
	}
	fmt.Fprintf(&b, "SPF include %q redirect %v rules %q terminal %s\n", r.Include, r.Redirect, r.Rules, r.Terminal)
	for _, s := range []struct {
		word    string
		records []provider.Record
	}{{"verify", r.Verify}, {"dkim", r.DKIM}, {"sending", r.Sending}, {"discovery", r.Discovery}} {
		for _, x := range s.records {
			fmt.Fprintf(&b, "%s %s %s %s\n", s.word, x.Name, x.Type, x.Value)
		}
	}
	for _, o := range r.Offers {
		fmt.Fprintf(&b, "offer %s: %s\n", o.Name, o.Text)
		for _, x := range o.Records {
			fmt.Fprintf(&b, "\t%s %s %s\n", x.Name, x.Type, x.Value)
		}
	}
	for _, v := range r.Missing {
		fmt.Fprintf(&b, "missing %s\n", v.Name)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note %s\n", n)
	}
	return b.Bytes()
}

func TestTemplateErrors(t *testing.T) {
	t.Parallel()
	const mx = `{"type": "MX", "host": "@", "pointsTo": "mx.mail.example", "priority": 10}`
	template := func(records ...string) string {
		return "{\"providerId\": \"mail.example\", \"providerName\": \"Mail\",\n\"serviceId\": \"mail\", \"records\": [\n" + strings.Join(records, ",\n") + "\n]}"
	}
	tests := []struct{ name, text, want string }{
		{"no template", `{"name": "own"}`, "t.json:1:1: not a Domain Connect template: it has no providerId"},
		{"no records", `{"providerId": "a", "serviceId": "b", "providerName": "c"}`, "it has no list of records"},
		{"no MX", template(), "there is nowhere to move to"},
		{"syntax", "{\n  \"providerId\": }", "t.json:2:17: not JSON"},
		{"cut off", "{", "t.json:1:"},
		{"two documents", template(mx) + "{}", "t.json:4:3: something follows"},
		{"member twice", template(strings.Replace(mx, `"host"`, `"type"`, 1)), `t.json:3:16: "type" is there twice`},
		{"NS", template(mx, `{"type": "NS", "host": "_domainkey", "pointsTo": "ns.mail.example"}`), "t.json:4:1: an NS record hands part of the zone"},
		{"no type", template(`{"host": "@"}`), "t.json:3:1: a record without a type"},
		{"text for a record", template(`"MX"`), "t.json:3:1: text where a record belongs"},
		{"list for a name", template(strings.Replace(mx, `"@"`, `["@"]`, 1)), "t.json:3:24: a list where text belongs"},
		{"no priority", template(`{"type": "MX", "host": "@", "pointsTo": "mx.mail.example"}`), "MX record without priority"},
		{"priority", template(strings.Replace(mx, "10", `"%prio%"`, 1)), "priority is a number"},
		{"priority too large", template(strings.Replace(mx, "10", "65536", 1)), "priority is a number"},
		{"no host", template(`{"type": "MX", "host": "@", "priority": 10}`), "t.json:3:1: MX record without a host name in pointsTo"},
		{"not a host", template(strings.Replace(mx, "mx.mail.example", "mx mail", 1)), "t.json:3:41: MX record without a host name"},
		{"outside", template(mx, `{"type": "TXT", "host": "example.net.", "data": "x"}`), "t.json:4:25: a name outside of the domain"},
		{"not a name", template(mx, `{"type": "TXT", "host": "a b", "data": "x"}`), `"a b" is not a name`},
		{"empty TXT", template(mx, `{"type": "TXT", "host": "@"}`), "TXT record without data"},
		{"escape sequence", template(mx, `{"type": "TXT", "host": "@", "data": "\u001b[31m"}`), "t.json:4:38: has characters other than printable ASCII"},
		{"variable", template(mx, `{"type": "TXT", "host": "@", "data": "%a b%"}`), "%a b% cannot be the name of a variable"},
		{"our own variable", template(mx, `{"type": "TXT", "host": "@", "data": "%groups%"}`), "%groups% cannot be the name of a variable"},
		{"rules", template(mx, `{"type": "SPFM", "host": "@", "spfRules": "include:a.example exists:%{i}.b.example"}`), "t.json:4:"},
		{"critical record", template(strings.Replace(mx, "{", `{"crit": ["vnd.x"], "vnd.x": 1, `, 1)), `the template depends on "vnd.x"`},
		{"critical template", strings.Replace(template(mx), "{", `{"crit": ["vnd.x"], "vnd.x": 1, `, 1), `t.json:1:11: the template depends on "vnd.x"`},
		{"newer specification", strings.Replace(template(mx), "{", `{"templateSpecVersion": "2", `, 1), "newer specification"},
		{"deep", template(strings.Repeat("[", 20) + strings.Repeat("]", 20)), "more values, or levels"},
		{"many records", template(slices.Repeat([]string{mx}, 200)...), "too many records"},
		{"many exchanges", template(slices.Repeat([]string{mx}, 100)...), "too many records of one kind"},
		{"large", template(mx) + strings.Repeat(" ", 70000), "larger than 64 KiB"},
		{"SRV", template(mx, `{"type": "SRV", "name": "@", "service": "_imaps", "protocol": "_tcp", "target": "a.example", "priority": 0, "weight": 1}`), "SRV record without port"},
		{"nameless", `{"providerId": "\u00fc", "serviceId": "-", "providerName": "c", "records": []}`, "no name that can be shown"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := provider.Parse("t.json", []byte(tt.text))
			e, ok := errors.AsType[*provider.FileError](err)
			if !ok {
				t.Fatalf("Parse = %+v, %v, want a *FileError", p, err)
			}
			if !strings.Contains(e.Error(), tt.want) || len(e.Error()) > 1000 {
				t.Errorf("Parse = %v, want %q", e, tt.want)
			}
		})
	}
}

func TestTemplateGroups(t *testing.T) {
	t.Parallel()
	a, err := txtar.ParseFile("../../testdata/provider/groups.txtar")
	if err != nil {
		t.Fatal(err)
	}
	text, vars, _ := parts(a)
	p, err := provider.Parse("template.json", text)
	if err != nil {
		t.Fatal(err)
	}
	for group, want := range map[string]string{
		"Web":  "groups: these groups alone are not enough to receive mail",
		"Mial": `"Mial" does not have the form`,
	} {
		vars["groups"] = []string{group}
		if group == "Mial" {
			vars["groups"] = []string{"Mail", "Verification", group}
		}
		_, err := p.Expand("example.org", vars)
		if _, ok := errors.AsType[*provider.VariableError](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("group %s: Expand = %v, want %q", group, err, want)
		}
	}
	delete(vars, "groups")
	if _, err := p.Expand("example.org", vars); err == nil || !strings.Contains(err.Error(), "loginTenant: missing") {
		t.Errorf("all groups: Expand = %v, want loginTenant missing", err)
	}
}

func FuzzTemplate(f *testing.F) {
	files, err := filepath.Glob("../../testdata/provider/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		text, _, _ := parts(a)
		f.Add(text)
	}
	f.Add([]byte(`{"a":{"b":[1,true,null,"\ud800"]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := provider.Parse("fuzz.json", text)
		if err != nil {
			if e, ok := errors.AsType[*provider.FileError](err); !ok || e.Line < 1 || strings.ContainsAny(e.Error(), "\x1b\r\x00") {
				t.Errorf("error %q is not a clean *FileError", err)
			}
			return
		}
		vars := make(provider.Vars)
		for _, v := range p.Variables {
			if v.Name != "groups" {
				vars[v.Name] = []string{"x"}
			}
		}
		r, err := p.Expand("example.org", vars)
		if err != nil {
			if _, ok := errors.AsType[*provider.VariableError](err); !ok {
				t.Errorf("Expand = %v, want a *VariableError", err)
			}
			return
		}
		for _, x := range slices.Concat(r.DKIM, r.Verify, r.Sending, r.Discovery) {
			if !strings.HasSuffix(x.Name, ".example.org.") && x.Name != "example.org." {
				t.Errorf("%s %s lies outside of the domain", x.Name, x.Type)
			}
			if x.Name == "_dmarc.example.org." && x.Type == "CNAME" || strings.HasPrefix(strings.ToLower(x.Value), "v=spf1") {
				t.Errorf("%+v would stand beside the owner's own", x)
			}
		}
		again, err := provider.Parse("pinned.yaml", p.Raw)
		if err != nil {
			t.Fatalf("Raw cannot be read again: %v", err)
		}
		if s, err := again.Expand("example.org", vars); err != nil || fmt.Sprint(s) != fmt.Sprint(r) {
			t.Errorf("read again = %v, %v, want %v", s, err, r)
		}
	})
}
