package dnsplan_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/dnsplan/spf"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

var update = flag.Bool("update", false, "rewrite want.txt and want.json of the stories")

var made = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// A story is one case of testdata/plan: a zone, a provider, and the plan that
// is right for them.
type story struct {
	archive *txtar.Archive
	inputs  []dnsplan.Input
}

// TestStories plans every story. Files of a story:
//
//	*.zone        the zone of each domain, the first one is the domain
//	*.domain      optional, for a zone of that name: the mail domain in it
//	world         records outside of the zone as a master file; without it
//	              nothing can be looked up
//	provider      a name of the catalogue, or provider.yaml, or provider.json
//	vars          name = value, repeated for lists
//	options       coverage, ttl, ttl_floor
//	policy        the MTA-STS policy as served
//	no_policy     what the policy host answered in its place
//	served/TIME/ID  an MTA-STS policy seen before under that id
//	applied       the last stage that was applied: the plan is the one after it
//	want.txt      the plan as text, or the error
//	want.json     optional, the plan as JSON
func TestStories(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../testdata/plan/*.txtar")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d stories, err %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			s := readStory(t, file)
			p, err := dnsplan.Build(s.inputs, made)
			var text bytes.Buffer
			switch e, isVars := errors.AsType[*provider.VariableError](err); {
			case isVars:
				fmt.Fprintf(&text, "error: %v\n", e)
			case err != nil:
				t.Fatal(err)
			default:
				if err := dnsplan.Text(&text, p, dnsplan.TextOptions{}); err != nil {
					t.Fatal(err)
				}
				checkStages(t, s.inputs, p)
			}
			s.compare(t, file, "want.txt", text.Bytes())
			if n := bytes.Count(text.Bytes(), []byte("\n")); strings.Contains(file, "clean_domain") && n > 15 {
				t.Errorf("the plan of a clean domain has %d lines, want one screen", n)
			}
			if s.file("want.json") != nil {
				s.compare(t, file, "want.json", indented(t, p))
			}
		})
	}
}

func (s story) file(name string) []byte {
	for _, f := range s.archive.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

func (s story) compare(t *testing.T, file, name string, got []byte) {
	t.Helper()
	if want := s.file(name); bytes.Equal(want, got) {
		return
	} else if !*update {
		t.Errorf("%s of %s =\n%s\nwant\n%s", name, filepath.Base(file), got, want)
		return
	}
	i := slices.IndexFunc(s.archive.Files, func(f txtar.File) bool { return f.Name == name })
	if i < 0 {
		s.archive.Files = append(s.archive.Files, txtar.File{Name: name})
		i = len(s.archive.Files) - 1
	}
	s.archive.Files[i].Data = got
	if err := os.WriteFile(file, txtar.Format(s.archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

func indented(t *testing.T, p dnsplan.Plan) []byte {
	t.Helper()
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

func readStory(t *testing.T, file string) story {
	t.Helper()
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := story{archive: a}
	p := s.provider(t)
	options := pairs(t, s.file("options"))
	world := s.world(t)
	for _, f := range a.Files {
		origin, ok := strings.CutSuffix(f.Name, ".zone")
		if !ok {
			continue
		}
		z := mustZone(t, origin, string(f.Data))
		if c, ok := options["coverage"]; ok {
			z.Coverage = zone.Coverage(c[0])
		}
		in := dnsplan.Input{
			Domain: origin, Provider: p, Vars: pairs(t, s.file("vars")), Origin: z, Now: z.Clone(), Lookup: world,
			Policy: string(s.file("policy")), NoPolicy: strings.TrimSpace(string(s.file("no_policy"))), Served: s.served(t),
		}
		if d := s.file(origin + ".domain"); d != nil {
			in.Domain = strings.TrimSpace(string(d))
		}
		in.TTL, in.TTLFloor = number(t, options["ttl"]), number(t, options["ttl_floor"])
		s.inputs = append(s.inputs, in)
	}
	if len(s.inputs) == 0 {
		t.Fatal("no zone")
	}
	if stage := strings.TrimSpace(string(s.file("applied"))); stage != "" {
		s.apply(t, dnsplan.Stage(stage))
	}
	return s
}

// apply takes the story to the time after a stage.
func (s story) apply(t *testing.T, last dnsplan.Stage) {
	t.Helper()
	p, err := dnsplan.Build(s.inputs, made)
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.inputs {
		in := &s.inputs[i]
		for _, stage := range dnsplan.Stages {
			in.Now = dnsplan.Apply(in.Now, p.Stage(stage))
			in.Applied = append(in.Applied, p.Stage(stage)...)
			if stage == last {
				break
			}
		}
	}
}

// served reads the policies seen before.
func (s story) served(t *testing.T) []dnsplan.Served {
	t.Helper()
	var all []dnsplan.Served
	for _, f := range s.archive.Files {
		rest, ok := strings.CutPrefix(f.Name, "served/")
		if !ok {
			continue
		}
		at, id, _ := strings.Cut(rest, "/")
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, dnsplan.Served{ID: id, Text: string(f.Data), At: when})
	}
	return all
}

func (s story) provider(t *testing.T) *provider.Provider {
	t.Helper()
	for _, name := range []string{"provider.yaml", "provider.json"} {
		if own := s.file(name); own != nil {
			p, err := provider.Parse(name, own)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
	}
	p, err := provider.Load(strings.TrimSpace(string(s.file("provider"))))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// world answers like a resolver would: it follows CNAMEs, and knows the zones
// of the story unless the world says something else of a name.
func (s story) world(t *testing.T) spf.Lookup {
	t.Helper()
	text := s.file("world")
	if text == nil {
		return nil
	}
	z := mustZone(t, ".", string(text))
	for _, f := range s.archive.Files {
		if origin, ok := strings.CutSuffix(f.Name, ".zone"); ok {
			outside(&z, mustZone(t, origin, string(f.Data)))
		}
	}
	return func(name string, typ uint16) ([]string, error) {
		for range 8 {
			if set := z.Get(name, typ); set != nil {
				return set.Data, nil
			}
			c := z.Get(name, dns.TypeCNAME)
			if c == nil {
				break
			}
			name = c.Data[0]
		}
		return nil, nil
	}
}

// outside adds to the world what a zone shows of itself: nothing below its
// delegations, and no name that the world knows better.
func outside(world *zone.Zone, z zone.Zone) {
	known := make(map[string]bool)
	for _, set := range world.All() {
		known[set.Name] = true
	}
	for _, set := range z.All() {
		hidden := known[set.Name]
		for at := set.Name; at != z.Origin && at != "."; _, at, _ = strings.Cut(at, ".") {
			hidden = hidden || z.Get(at, dns.TypeNS) != nil
		}
		if !hidden {
			world.Put(set)
		}
	}
}

func pairs(t *testing.T, text []byte) provider.Vars {
	t.Helper()
	vars := make(provider.Vars)
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " = "); ok {
			vars[name] = append(vars[name], value)
		}
	}
	return vars
}

func number(t *testing.T, values []string) uint32 {
	t.Helper()
	if len(values) == 0 {
		return 0
	}
	n, err := strconv.ParseUint(values[0], 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(n)
}

func mustZone(t testing.TB, origin, text string) zone.Zone {
	t.Helper()
	z, err := zone.Read(strings.NewReader("$TTL 3600\n"+text), origin, origin+".zone")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// zoneFile reads a zone of testdata/zones.
func zoneFile(t *testing.T, name string) zone.Zone {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "testdata", "zones", name+".zone"))
	if err != nil {
		t.Fatal(err)
	}
	return mustZone(t, "example.org", string(text))
}
