package export_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/export"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

func TestOctoDNS(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s story, stage dnsplan.Stage) {
		got := write(t, export.OctoDNS, s, stage)
		want := dnsplan.Outcome(s.plan, stage, s.zone)
		want.Remove("example.org.", dns.TypeSOA)
		same(t, "the zone", readOctoDNS(t, got), want)
	})
}

func TestOctoDNSKeysInNaturalOrder(t *testing.T) {
	t.Parallel()
	z := zone.New("example.org.", zone.AXFR)
	want := []string{"", "2._tcp", "10._tcp", "*", "_dmarc", "a", "a2", "a10", "a10b", "a-b", "ab"}
	for _, name := range want {
		z.Put(*rrset(strings.TrimPrefix(name+".example.org.", "."), dns.TypeA, "192.0.2.1"))
	}
	got := write(t, export.OctoDNS, story{"order", dnsplan.Plan{}, z}, dnsplan.Prepare)
	var keys []string
	for line := range strings.Lines(got) {
		if key, ok := strings.CutSuffix(line, ":\n"); ok && key[0] == '"' {
			keys = append(keys, strings.Trim(key, `"`))
		}
	}
	if !slices.Equal(keys, want) {
		t.Errorf("keys = %q, want %q", keys, want)
	}
}

func TestOctoDNSLeavesSignaturesOut(t *testing.T) {
	t.Parallel()
	z := read(t, "@ 60 SOA ns h 1 2 3 4 5\n@ 60 A 192.0.2.1\n@ 60 NSEC a.example.org. A NSEC\n@ 60 DNSKEY 257 3 13 AAAA\n")
	got := readOctoDNS(t, write(t, export.OctoDNS, story{"signed", dnsplan.Plan{}, z}, dnsplan.Prepare))
	if got.Len() != 1 || got.Get("example.org.", dns.TypeA) == nil {
		t.Errorf("zone = %v, want the address alone", got.All())
	}
}

// readOctoDNS reads a file the way octoDNS understands it.
func readOctoDNS(t *testing.T, text string) zone.Zone {
	t.Helper()
	var doc map[string][]map[string]any
	if err := yaml.UnmarshalWithOptions([]byte(text), &doc, yaml.Strict()); err != nil {
		t.Fatalf("not YAML: %v\n%s", err, text)
	}
	z := zone.New("example.org.", zone.File)
	for name, sets := range doc {
		for _, fields := range sets {
			typ, err := zone.ParseType(fmt.Sprint(fields["type"]))
			if err != nil {
				t.Fatal(err)
			}
			ttl, err := strconv.ParseUint(fmt.Sprint(fields["ttl"]), 10, 32)
			if err != nil {
				t.Fatal(err)
			}
			set := zone.RRset{Name: strings.TrimPrefix(name+".example.org.", "."), Type: typ, TTL: uint32(ttl)}
			values, ok := fields["values"].([]any)
			if !ok {
				values = []any{fields["value"]}
			}
			for _, v := range values {
				set.Data = append(set.Data, octoData(t, typ, v))
			}
			if z.Get(set.Name, typ) != nil {
				t.Errorf("%s stands there twice", set.Key())
			}
			z.Put(set)
		}
	}
	return z
}

// octoOrder are the keys of a value in the order of the RDATA.
var octoOrder = map[uint16][]string{
	dns.TypeMX:   {"preference", "exchange"},
	dns.TypeSRV:  {"priority", "weight", "port", "target"},
	dns.TypeTLSA: {"certificate_usage", "selector", "matching_type", "certificate_association_data"},
}

func octoData(t *testing.T, typ uint16, v any) string {
	t.Helper()
	switch v := v.(type) {
	case string:
		if typ == dns.TypeTXT {
			return zone.TXT(strings.ReplaceAll(v, `\;`, ";"))
		}
		return v
	case map[string]any:
		if typ == dns.TypeCAA {
			return fmt.Sprintf("%v %v %q", v["flags"], v["tag"], v["value"])
		}
		var fields []string
		for _, key := range octoOrder[typ] {
			fields = append(fields, fmt.Sprint(v[key]))
		}
		if len(v) != len(fields) {
			t.Errorf("%s has the keys %v", dns.TypeToString[typ], v)
		}
		return strings.Join(fields, " ")
	}
	t.Fatalf("%s has the value %v", dns.TypeToString[typ], v)
	return ""
}
