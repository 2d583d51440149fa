package dmarc_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
)

// An example is one of RFC 9989, appendix B: a DNS, and what holds in it.
type example struct {
	name   string
	tree   tree
	from   string
	claims [][]string
}

// examples reads testdata/dmarc/rfc9989.txt.
func examples(t *testing.T) []*example {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "dmarc", "rfc9989.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var all []*example
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		if word == "example" {
			all = append(all, &example{name: rest, tree: tree{}})
			continue
		}
		switch e := all[len(all)-1]; word {
		case "record":
			domain, record, _ := strings.Cut(rest, " ")
			e.tree[domain] = record
		case "from":
			e.from = rest
		default:
			e.claims = append(e.claims, strings.Fields(line))
		}
	}
	return all
}

func TestExamplesOfRFC9989(t *testing.T) {
	t.Parallel()
	all := examples(t)
	if len(all) != 15 {
		t.Errorf("%d examples, want all of appendix B", len(all))
	}
	for _, e := range all {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			for domain, text := range e.tree {
				if r, err := dmarc.Parse(text); err != nil || len(r.Problems) > 0 || len(r.Removed) > 0 {
					t.Errorf("record of %s: %v, problems %q, removed %v", domain, err, r.Problems, r.Removed)
				}
			}
			for _, claim := range e.claims {
				switch claim[0] {
				case "spf", "dkim":
					e.aligned(t, claim[1], claim[2])
				case "walk":
					e.walked(t, claim[1], claim[2], claim[3:])
				case "policy":
					e.applied(t, claim[1], claim[2])
				case "tag":
					e.says(t, claim[1], claim[2], claim[3:])
				default:
					t.Errorf("%q is no claim", claim)
				}
			}
		})
	}
}

// aligned asks both ways. In the tree of a bank the suffix list knows nothing
// of the bank: only what the walk finds is an example of the RFC.
func (e *example) aligned(t *testing.T, domain, how string) {
	lookup, _ := e.tree.lookup()
	ways := map[string]dmarc.OrgFunc{"walk": (&dmarc.Walker{Lookup: lookup}).Org}
	if !strings.HasSuffix(domain, ".bank.example") {
		ways["list"] = dmarc.SuffixOrg
	}
	for way, org := range ways {
		if got, want := dmarc.Aligned(e.from, domain, dmarc.Strict, org), how == "strict"; got != want {
			t.Errorf("%s with %s by %s, strict: aligned %v, want %v", e.from, domain, way, got, want)
		}
		if got, want := dmarc.Aligned(e.from, domain, dmarc.Relaxed, org), how != "none"; got != want {
			t.Errorf("%s with %s by %s, relaxed: aligned %v, want %v", e.from, domain, way, got, want)
		}
	}
}

func (e *example) walked(t *testing.T, start, org string, names []string) {
	lookup, asked := e.tree.lookup()
	w, err := dmarc.TreeWalk(start, lookup)
	if err != nil || w.OrgDomain != org {
		t.Errorf("TreeWalk(%s) = %s, %v, want %s", start, w.OrgDomain, err, org)
	}
	for i, name := range names {
		names[i] = "_dmarc." + name + "."
	}
	if !slices.Equal(*asked, names) {
		t.Errorf("TreeWalk(%s) asks %q, want %q", start, *asked, names)
	}
}

func (e *example) applied(t *testing.T, domain, policy string) {
	lookup, _ := e.tree.lookup()
	d, err := (&dmarc.Walker{Lookup: lookup}).Discover(e.from)
	if err != nil {
		t.Fatal(err)
	}
	if p, _ := d.Record.Effective(d.Own, true); d.Domain != domain || string(p) != policy {
		t.Errorf("policy of %s = %s at %s, want %s at %s", e.from, p, d.Domain, policy, domain)
	}
}

func (e *example) says(t *testing.T, domain, tag string, want []string) {
	r, err := dmarc.Parse(e.tree[domain])
	if err != nil {
		t.Fatal(err)
	}
	test := "n"
	if r.Test {
		test = "y"
	}
	got, ok := map[string][]string{"p": {string(r.Policy)}, "rua": r.Aggregate, "ruf": r.Failure, "t": {test}}[tag]
	if !ok || !slices.Equal(got, want) {
		t.Errorf("record of %s: %s = %q, want %q", domain, tag, got, want)
	}
}
