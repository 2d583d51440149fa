package export_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/export"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

func TestTerraform(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s story, stage dnsplan.Stage) {
		got := readTerraform(t, write(t, export.Terraform, s, stage))
		stay, gone := after(s, stage)
		same(t, "the resources", got.zone, stay)
		imports := 0
		for _, c := range s.plan.Stage(stage) {
			if c.Before == nil || c.After == nil {
				continue
			}
			imports++
			if k := c.After.Key(); !got.imports[k] {
				t.Errorf("%s is there and is not imported", k)
			}
		}
		if len(got.imports) != imports {
			t.Errorf("%d imports, want %d", len(got.imports), imports)
		}
		for _, set := range gone {
			if want := "#- " + set.Name + " "; !strings.Contains(got.text, want) {
				t.Errorf("%s is not shown as going", set.Key())
			}
		}
	})
}

func TestTerraformTellsThatATTLReplaces(t *testing.T) {
	t.Parallel()
	before := rrset("a.example.org.", dns.TypeTXT, `"a" "b"`)
	before.TTL = 3600
	// Deleted as a set, so the strings of the text do not matter.
	got := write(t, export.Terraform, story{"ttl", one(before, rrset("a.example.org.", dns.TypeTXT, `"c"`)), read(t, awkwardZone)}, dnsplan.Prepare)
	if !strings.Contains(got, "3600 -> 300") {
		t.Errorf("nothing says that the set is absent for a moment:\n%s", got)
	}
}

// A configuration is what a strict reader of the little that we write
// understands; anything else fails.
type configuration struct {
	text    string
	zone    zone.Zone
	imports map[zone.Key]bool
}

var (
	resourceLine = regexp.MustCompile(`^resource "([a-z_]+)" "([a-zA-Z_][a-zA-Z0-9_-]*)" \{$`)
	toLine       = regexp.MustCompile(`^  to = ([a-z_]+)\.([a-zA-Z_][a-zA-Z0-9_-]*)$`)
	pairLine     = regexp.MustCompile(`^ {2,4}([a-z]+) *= (".*"|[0-9]+)$`)
	openLine     = regexp.MustCompile(`^  ([a-z]+) (= \[|\{)$`)
	itemLine     = regexp.MustCompile(`^    (".*"),$`)
)

var terraformTypes = map[string]uint16{
	"dns_a_record_set": dns.TypeA, "dns_aaaa_record_set": dns.TypeAAAA, "dns_ns_record_set": dns.TypeNS,
	"dns_cname_record": dns.TypeCNAME, "dns_ptr_record": dns.TypePTR, "dns_txt_record_set": dns.TypeTXT,
	"dns_mx_record_set": dns.TypeMX, "dns_srv_record_set": dns.TypeSRV,
}

func readTerraform(t *testing.T, text string) configuration {
	t.Helper()
	conf := configuration{text: text, zone: zone.New("example.org.", zone.File), imports: make(map[zone.Key]bool)}
	addresses := make(map[string]string)
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		switch line := lines[i]; {
		case line == "" || line[0] == '#':
		case line == "import {":
			to, id := toLine.FindStringSubmatch(lines[i+1]), pairLine.FindStringSubmatch(lines[i+2])
			if to == nil || id == nil || id[1] != "id" || lines[i+3] != "}" {
				t.Fatalf("import at line %d:\n%s", i+1, text)
			}
			conf.imports[zone.Key{Name: unquote(t, id[2]), Type: terraformTypes[to[1]]}] = true
			addresses[to[1]+"."+to[2]] = unquote(t, id[2])
			i += 3
		case resourceLine.MatchString(line):
			m := resourceLine.FindStringSubmatch(line)
			end := i + 1
			for lines[end] != "}" {
				end++
			}
			set := readResource(t, terraformTypes[m[1]], lines[i+1:end])
			if id, ok := addresses[m[1]+"."+m[2]]; ok && id != set.Name {
				t.Errorf("%s is imported as %s", set.Name, id)
			}
			conf.zone.Put(set)
			i = end
		default:
			t.Fatalf("line %d is not understood: %q", i+1, line)
		}
	}
	return conf
}

func readResource(t *testing.T, typ uint16, lines []string) zone.RRset {
	t.Helper()
	set := zone.RRset{Type: typ}
	fields := map[string]string{}
	inside := false
	for _, line := range lines {
		pair, open, item := pairLine.FindStringSubmatch(line), openLine.FindStringSubmatch(line), itemLine.FindStringSubmatch(line)
		switch {
		case line == "":
		case line == "  ]" && inside, line == "  }" && inside:
			inside = false
			if line == "  }" {
				set.Data = append(set.Data, blockData(typ, fields))
			}
		case open != nil && !inside:
			inside = true
		case item != nil && inside:
			set.Data = append(set.Data, itemData(t, typ, unquote(t, item[1])))
		case pair != nil && pair[2][0] == '"':
			fields[pair[1]] = unquote(t, pair[2])
		case pair != nil:
			fields[pair[1]] = pair[2]
		default:
			t.Fatalf("not understood: %q", line)
		}
	}
	set.Name = fields["zone"]
	if name, ok := fields["name"]; ok {
		set.Name = name + "." + fields["zone"]
	}
	if target := fields["cname"] + fields["ptr"]; target != "" {
		set.Data = append(set.Data, target)
	}
	ttl, err := strconv.ParseUint(fields["ttl"], 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	set.TTL = uint32(ttl)
	return set
}

// itemData reads a text as the provider does: between quotes, by a parser of
// master files.
func itemData(t *testing.T, typ uint16, value string) string {
	t.Helper()
	if typ != dns.TypeTXT {
		return value
	}
	rr, err := dns.NewRR(fmt.Sprintf(`. 0 TXT "%s"`, value))
	if err != nil {
		t.Fatalf("text %q: %v", value, err)
	}
	return strings.TrimPrefix(rr.String(), rr.Header().String())
}

func blockData(typ uint16, f map[string]string) string {
	if typ == dns.TypeMX {
		return f["preference"] + " " + f["exchange"]
	}
	return strings.Join([]string{f["priority"], f["weight"], f["port"], f["target"]}, " ")
}

// unquote reads a quoted string of HCL; a template in it is a failure.
func unquote(t *testing.T, quoted string) string {
	t.Helper()
	if strings.Contains(quoted, "${") || strings.Contains(quoted, "%{") {
		t.Fatalf("%s holds a template", quoted)
	}
	text, err := strconv.Unquote(quoted)
	if err != nil {
		t.Fatalf("%s is not a string: %v", quoted, err)
	}
	return text
}
