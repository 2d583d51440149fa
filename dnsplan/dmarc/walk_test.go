package dmarc_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
)

var errDNS = errors.New("server failure")

// A tree holds the DMARC records by domain; "!" is a domain that is not
// answered.
type tree map[string]string

// with returns the tree with one domain changed.
func (tr tree) with(domain, text string) tree {
	other := maps.Clone(tr)
	other[domain] = text
	return other
}

// lookup returns a Lookup over the tree and the names that it was asked for.
func (tr tree) lookup() (dmarc.Lookup, *[]string) {
	var asked []string
	return func(name string) ([]string, error) {
		asked = append(asked, name)
		domain := strings.TrimSuffix(strings.TrimPrefix(name, "_dmarc."), ".")
		switch txt := tr[domain]; txt {
		case "":
			return nil, nil
		case "!":
			return nil, errDNS
		default:
			return strings.Split(txt, "|"), nil
		}
	}, &asked
}

func TestTreeWalk(t *testing.T) {
	t.Parallel()
	const none, psdY, psdN = "v=DMARC1; p=none", "v=DMARC1; p=none; psd=y", "v=DMARC1; p=none; psd=n"
	tests := []struct {
		name  string
		tree  tree
		start string
		org   string
		asked string // domains, in order
	}{
		{"record at the domain", tree{"example.com": none}, "example.com", "example.com", "example.com com"},
		{"record above", tree{"example.com": none}, "a.mail.example.com", "example.com", "a.mail.example.com mail.example.com example.com com"},
		{"no record at all", tree{}, "mail.example.com", "mail.example.com", "mail.example.com example.com com"},
		{"fewest labels win", tree{"mail.example.com": none, "example.com": none}, "mail.example.com", "example.com", "mail.example.com example.com com"},
		{"record at an intermediate label only", tree{"b.example.com": none}, "a.b.example.com", "b.example.com", "a.b.example.com b.example.com example.com com"},
		{"public suffix with a record", tree{"com": psdY}, "a.mail.example.com", "example.com", "a.mail.example.com mail.example.com example.com com"},
		{"public suffix of two labels", tree{"bank.example": psdY, "x.giant.bank.example": none}, "y.x.giant.bank.example", "giant.bank.example",
			"y.x.giant.bank.example x.giant.bank.example giant.bank.example bank.example"},
		{"psd=y at the start does not count there", tree{"bank.example": psdY}, "bank.example", "bank.example", "bank.example"},
		{"psd=n ends the walk", tree{"sub.example.com": psdN, "example.com": none}, "a.sub.example.com", "sub.example.com", "a.sub.example.com sub.example.com"},
		{"psd=n at the start", tree{"sub.example.com": psdN, "example.com": none}, "sub.example.com", "sub.example.com", "sub.example.com"},
		{"several records are none", tree{"mail.example.com": none + "|" + psdN, "example.com": none}, "mail.example.com", "example.com", "mail.example.com example.com com"},
		{"other text beside the record", tree{"example.com": "v=spf1 -all|" + none + "|v=dmarc1; p=none"}, "example.com", "example.com", "example.com com"},
		{"eight labels are cut to seven", tree{"d.e.f.g.example.com": none}, "a.b.c.d.e.f.g.example.com", "d.e.f.g.example.com",
			"a.b.c.d.e.f.g.example.com c.d.e.f.g.example.com d.e.f.g.example.com e.f.g.example.com f.g.example.com g.example.com example.com com"},
		{"many labels, eight queries", tree{"com": psdY}, strings.Repeat("x.", 40) + "example.com", "example.com",
			strings.Repeat("x.", 40) + "example.com x.x.x.x.x.example.com x.x.x.x.example.com x.x.x.example.com x.x.example.com x.example.com example.com com"},
		{"names between are not asked", tree{"b.c.d.e.f.g.example.com": none}, "a.b.c.d.e.f.g.example.com", "a.b.c.d.e.f.g.example.com",
			"a.b.c.d.e.f.g.example.com c.d.e.f.g.example.com d.e.f.g.example.com e.f.g.example.com f.g.example.com g.example.com example.com com"},
		{"case and final dot", tree{"example.com": none}, "Mail.Example.COM.", "example.com", "mail.example.com example.com com"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			lookup, asked := tt.tree.lookup()
			w, err := dmarc.TreeWalk(tt.start, lookup)
			if err != nil {
				t.Fatal(err)
			}
			if w.OrgDomain != tt.org {
				t.Errorf("TreeWalk(%q).OrgDomain = %q, want %q", tt.start, w.OrgDomain, tt.org)
			}
			var want []string
			for d := range strings.FieldsSeq(tt.asked) {
				want = append(want, "_dmarc."+d+".")
			}
			if !slices.Equal(*asked, want) {
				t.Errorf("asked %q, want %q", *asked, want)
			}
		})
	}
}

func TestTreeWalkErrorIsNotAbsence(t *testing.T) {
	t.Parallel()
	for _, broken := range []string{"a.mail.example.com", "mail.example.com", "example.com", "com"} {
		tr := tree{"mail.example.com": "v=DMARC1; p=none", broken: "!"}
		lookup, _ := tr.lookup()
		w, err := dmarc.TreeWalk("a.mail.example.com", lookup)
		if !errors.Is(err, errDNS) || w.OrgDomain != "" {
			t.Errorf("TreeWalk with %s failing = %q, %v, want no domain and the error", broken, w.OrgDomain, err)
		}
	}
}

func TestTreeWalkNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", ".", "a..b", "-\x00.example", "a b.example", strings.Repeat("x", 64) + ".example", strings.Repeat("a.", 140) + "b", "ex\u202eample.org"} {
		lookup, asked := tree{}.lookup()
		if _, err := dmarc.TreeWalk(name, lookup); !errors.Is(err, dmarc.ErrName) || len(*asked) > 0 {
			t.Errorf("TreeWalk(%.20q) asked %q: %v, want ErrName and no question", name, *asked, err)
		}
	}
	lookup, _ := tree{"xn--bcher-kva.example": "v=DMARC1; p=none"}.lookup()
	if w, err := dmarc.TreeWalk("Mail.B\u00fccher.example", lookup); err != nil || w.OrgDomain != "xn--bcher-kva.example" {
		t.Errorf("TreeWalk of an internationalized name = %q, %v", w.OrgDomain, err)
	}
}

// Over generated trees the walk must agree with the definition read without
// its shortcuts: look at all names it may ask, then choose.
func TestTreeWalkProperties(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(9, 989))
	for n := range 5000 {
		labels := make([]string, 1+rnd.IntN(11))
		for i := range labels {
			labels[i] = fmt.Sprintf("l%d", i)
		}
		start := strings.Join(labels, ".")
		tr := tree{}
		for i := range labels {
			if rnd.IntN(3) == 0 {
				tr[strings.Join(labels[i:], ".")] = "v=DMARC1; p=none; psd=" + []string{"u", "u", "y", "n"}[rnd.IntN(4)]
			}
		}
		lookup, asked := tr.lookup()
		w, err := dmarc.TreeWalk(start, lookup)
		if err != nil {
			t.Fatal(err)
		}
		if want := defined(labels, tr); w.OrgDomain != want || len(*asked) > 8 {
			t.Errorf("tree %d %v: TreeWalk(%q) = %q with %d queries, want %q", n, tr, start, w.OrgDomain, len(*asked), want)
		}
		if w.OrgDomain != start && !strings.HasSuffix(start, "."+w.OrgDomain) {
			t.Errorf("tree %d: %q is not above %q", n, w.OrgDomain, start)
		}
	}
}

func defined(labels []string, tr tree) string {
	start, org := strings.Join(labels, "."), ""
	for i := range labels {
		if i > 0 && len(labels)-i > 7 {
			continue
		}
		name := strings.Join(labels[i:], ".")
		switch record := tr[name]; {
		case record == "":
		case strings.HasSuffix(record, "psd=n"):
			return name
		case strings.HasSuffix(record, "psd=y") && i > 0:
			return strings.Join(labels[i-1:], ".")
		case strings.HasSuffix(record, "psd=y"):
			return name
		default:
			org = name
		}
	}
	if org == "" {
		return start
	}
	return org
}

// Over generated trees only the way from the name to the top matters: what
// stands beside it or is jumped over changes nothing, and what is not answered
// on it is never taken for absence.
func TestTreeWalkKeepsToItsWay(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(989, 9))
	records := []string{"v=DMARC1; p=none", "v=DMARC1; p=none; psd=y", "v=DMARC1; p=none; psd=n", "v=DMARC1; p=none|v=DMARC1; p=reject", "v=spf1 -all"}
	for n := range 500 {
		labels := make([]string, 1+rnd.IntN(14))
		for i := range labels {
			labels[i] = fmt.Sprintf("l%d", i)
		}
		start := strings.Join(labels, ".")
		tr := tree{}
		for i := range labels {
			if rnd.IntN(3) == 0 {
				tr[strings.Join(labels[i:], ".")] = records[rnd.IntN(len(records))]
			}
		}
		way := walkOf(t, tr, start)
		if len(way.asked) > 8 || way.err != nil {
			t.Fatalf("tree %d %v: %q asked, %v", n, tr, way.asked, way.err)
		}
		beside := []string{"x." + start, "x." + labels[len(labels)-1], "y"}
		for i := range labels {
			beside = append(beside, "x."+strings.Join(labels[i:], "."), strings.Join(labels[i:], "."))
		}
		for _, name := range beside {
			onWay := slices.Contains(way.asked, "_dmarc."+name+".")
			for _, text := range append([]string{"!"}, records...) {
				if onWay && text != "!" {
					continue
				}
				other := walkOf(t, tr.with(name, text), start)
				switch {
				case onWay && (!errors.Is(other.err, errDNS) || other.org != ""):
					t.Errorf("tree %d %v: %s with %s failing = %q, %v, want no domain and the error", n, tr, start, name, other.org, other.err)
				case !onWay && (other.org != way.org || !slices.Equal(other.asked, way.asked) || other.err != nil):
					t.Errorf("tree %d %v: %s with %q at %s = %q, %v, want %q as without it", n, tr, start, text, name, other.org, other.err, way.org)
				}
			}
		}
	}
}

// A walked is what came of a walk.
type walked struct {
	org   string
	asked []string
	err   error
}

// walkOf walks, and holds what is asked for to names on the way up, each once.
func walkOf(t *testing.T, tr tree, start string) walked {
	t.Helper()
	lookup, asked := tr.lookup()
	w, err := dmarc.TreeWalk(start, lookup)
	for i, name := range *asked {
		domain := strings.TrimSuffix(strings.TrimPrefix(name, "_dmarc."), ".")
		if domain != start && !strings.HasSuffix(start, "."+domain) || slices.Contains((*asked)[:i], name) {
			t.Errorf("TreeWalk(%s) asks for %q", start, *asked)
		}
	}
	return walked{w.OrgDomain, *asked, err}
}

func FuzzTreeWalk(f *testing.F) {
	f.Add("a.b.example.org", "v=DMARC1; p=none; psd=y")
	f.Add(strings.Repeat("a.", 126)+"b", "v=DMARC1")
	f.Add("..", "")
	f.Fuzz(func(t *testing.T, name, record string) {
		asked := 0
		w, err := dmarc.TreeWalk(name, func(string) ([]string, error) {
			if asked++; asked%3 == 0 {
				return []string{record}, nil
			}
			return nil, nil
		})
		if asked > 8 {
			t.Errorf("TreeWalk(%q) asked %d times", name, asked)
		}
		if err == nil && w.OrgDomain != w.Start && !strings.HasSuffix(w.Start, "."+w.OrgDomain) {
			t.Errorf("TreeWalk(%q).OrgDomain = %q, want one above %q", name, w.OrgDomain, w.Start)
		}
	})
}
