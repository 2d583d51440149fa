package dmarc

import (
	"golang.org/x/net/publicsuffix"
)

// An OrgFunc finds the organizational domain of a name. RFC 9989 walks up the
// DNS to find it, RFC 7489 looked into the public suffix list; receivers of
// both kinds will be around for years, so the caller says which one it means.
// It returns nothing where the domain could not be found out.
type OrgFunc func(name string) string

// SuffixOrg finds the organizational domain in the public suffix list that
// this program was built with. The list is used whole, private section
// included, as most receivers do. A name that is itself a public suffix is
// its own organizational domain.
func SuffixOrg(name string) string {
	name = Canonical(name)
	if !ValidName(name) {
		return ""
	}
	org, err := publicsuffix.EffectiveTLDPlusOne(name)
	if err != nil {
		return name
	}
	return org
}

// A Walker walks for many names and asks each of the DNS once. It is not safe
// for more than one goroutine.
type Walker struct {
	Lookup Lookup

	answers map[string]answer
	walks   map[string]Walk
	errs    map[string]error
}

type answer struct {
	txts []string
	err  error
}

// Walk is TreeWalk with a memory: the second call for a name asks nothing.
func (w *Walker) Walk(name string) (Walk, error) {
	name = Canonical(name)
	if _, done := w.walks[name]; !done {
		if w.walks == nil {
			w.walks, w.errs = map[string]Walk{}, map[string]error{}
		}
		w.walks[name], w.errs[name] = TreeWalk(name, w.ask)
	}
	return w.walks[name], w.errs[name]
}

// Org is an [OrgFunc] by the tree walk. Where it returns nothing, Err says
// why.
func (w *Walker) Org(name string) string {
	walk, _ := w.Walk(name)
	return walk.OrgDomain
}

// Err returns what kept the walk from a name from its end.
func (w *Walker) Err(name string) error {
	_, err := w.Walk(name)
	return err
}

// ask remembers answers, errors among them: one message is judged by one view
// of the DNS.
func (w *Walker) ask(name string) ([]string, error) {
	a, ok := w.answers[name]
	if !ok {
		a.txts, a.err = w.Lookup(name)
		if w.answers == nil {
			w.answers = map[string]answer{}
		}
		w.answers[name] = a
	}
	return a.txts, a.err
}
