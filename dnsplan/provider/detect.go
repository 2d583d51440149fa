package provider

import (
	"cmp"
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
)

//go:embed fingerprints.yaml
var fingerprintFile []byte

// A Match is a service that a domain's records point to.
type Match struct {
	Name     string   // of the catalogue where the service is in it
	Title    string   // for people
	Gateway  bool     // filters mail and hands it on: the mailboxes are elsewhere
	Columns  int      // how many of MX, SPF and DKIM speak for it
	Evidence []string // the names that do, such as "MX smtp.google.com"
}

// Detect tells whose records a domain has: exchanges, the text of the SPF
// record and whatever DKIM records are known. Gateways come first, since mail
// passes there first, then by how much speaks for a service: an MX alone can
// mislead, and a newsletter service in the SPF record hosts no mailboxes.
func Detect(mx []string, spf string, selectors ...Record) []Match {
	var found []Match
	for _, f := range fingerprints() {
		m := Match{Name: f.Name, Title: f.Title, Gateway: f.Gateway}
		m.add("MX", f.exchanges(mx))
		m.add("SPF", f.senders(spf))
		m.add("DKIM", f.keys(selectors, m.Columns > 0))
		if m.Columns > 0 {
			found = append(found, m)
		}
	}
	slices.SortStableFunc(found, func(a, b Match) int {
		if a.Gateway != b.Gateway {
			if a.Gateway {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.Columns, a.Columns)
	})
	return found
}

// Gateway returns the name, for people, of the filtering service that an
// exchange belongs to, or "".
func Gateway(host string) string {
	for _, f := range fingerprints() {
		if f.Gateway && len(f.exchanges([]string{host})) > 0 {
			return f.Title
		}
	}
	return ""
}

func (m *Match) add(column string, names []string) {
	if len(names) == 0 {
		return
	}
	m.Columns++
	for _, n := range names {
		if len(m.Evidence) < maxEntries {
			m.Evidence = append(m.Evidence, column+" "+printable(n))
		}
	}
}

// A fingerprint is one service of the file.
type fingerprint struct {
	Name    string   `yaml:"name"`
	Title   string   `yaml:"title"`
	Gateway bool     `yaml:"gateway"`
	MX      []string `yaml:"mx"`
	SPF     []string `yaml:"spf"`
	DKIM    []struct {
		Selector string `yaml:"selector"`
		Target   string `yaml:"target"`
	} `yaml:"dkim"`

	forms map[string]*regexp.Regexp
}

// fingerprints reads the file once: it is part of the program, and a plan
// asks for every exchange.
var fingerprints = sync.OnceValue(func() []fingerprint {
	var file struct {
		Services []fingerprint `yaml:"services"`
	}
	if err := yaml.UnmarshalWithOptions(fingerprintFile, &file, yaml.Strict()); err != nil {
		panic(fmt.Sprintf("provider: fingerprints.yaml: %v", err)) // impossible: a test reads it
	}
	for i := range file.Services {
		f := &file.Services[i]
		f.forms = make(map[string]*regexp.Regexp)
		for _, glob := range slices.Concat(f.MX, f.SPF) {
			f.forms[glob] = globForm(glob)
		}
		for _, d := range f.DKIM {
			f.forms[d.Selector], f.forms[d.Target] = globForm(d.Selector), globForm(d.Target)
		}
	}
	return file.Services
})

// globForm compiles a name with stars and question marks.
func globForm(glob string) *regexp.Regexp {
	text, below := strings.CutPrefix(glob, "*.")
	text = regexp.QuoteMeta(text)
	text = strings.NewReplacer(`\*`, `[^.]*`, `\?`, `[^.]`).Replace(text)
	if below {
		text = `(?:[^.]+\.)+` + text
	}
	return regexp.MustCompile(`^(?i)` + text + `\.?$`)
}

func (f fingerprint) exchanges(hosts []string) []string {
	return slices.DeleteFunc(slices.Clone(hosts), func(host string) bool {
		return !slices.ContainsFunc(f.MX, func(glob string) bool { return f.forms[glob].MatchString(host) })
	})
}

// senders returns the names in the SPF record that are the service's.
func (f fingerprint) senders(spf string) []string {
	if len(spf) > maxFile {
		return nil
	}
	var names []string
	for _, word := range strings.Fields(spf) {
		word = strings.ToLower(strings.TrimLeft(word, "+-~?"))
		name, ok := strings.CutPrefix(word, "include:")
		if !ok {
			name, ok = strings.CutPrefix(word, "redirect=")
		}
		if ok && slices.ContainsFunc(f.SPF, func(glob string) bool { return f.forms[glob].MatchString(name) }) {
			names = append(names, word)
		}
	}
	return names
}

// keys returns the DKIM records that are the service's. A selector alone is a
// common word and counts only where something else speaks for the service.
func (f fingerprint) keys(records []Record, supported bool) []string {
	var names []string
	for _, r := range records {
		selector, _, _ := strings.Cut(r.Name, "._domainkey")
		for _, d := range f.DKIM {
			if d.Selector != "" && !f.forms[d.Selector].MatchString(selector) {
				continue
			}
			if d.Target == "" && supported {
				names = append(names, selector)
				break
			}
			if d.Target != "" && r.Type == "CNAME" && f.forms[d.Target].MatchString(r.Value) {
				names = append(names, selector+" -> "+r.Value)
				break
			}
		}
	}
	return names
}
