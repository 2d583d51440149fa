package dmarc

import (
	"errors"
	"fmt"
	"strings"
)

// A Lookup returns the TXT records at a name, each with its strings joined.
// No records and no error mean that the DNS has said so. An error is never
// taken for absence: whoever hands in a Lookup must not turn one into the
// other.
type Lookup func(name string) (txts []string, err error)

// ErrName is returned for a name that cannot stand in the DNS.
var ErrName = errors.New("dmarc: not a domain name")

// Bounds of the walk (RFC 9989, section 4.10): eight queries at most, and a
// name with more labels is cut to its last seven after the first.
const (
	maxQueries = 8
	cutLabels  = 7
)

// A Found is a record and the domain it stands at.
type Found struct {
	Domain string
	Record Record
}

// A Walk is what was found on the way from a name up to the top of the DNS.
type Walk struct {
	Start     string   // canonical: lower case, no final dot
	Found     []Found  // from the longest name to the shortest
	Several   []string // names with more than one record, which counts as none
	Queries   int
	OrgDomain string
}

// TreeWalk walks from a name up the DNS and finds its organizational domain.
// The walk ends early at a record that says psd=y or psd=n. On an error of
// the lookup the walk so far is returned with it; its OrgDomain is empty,
// because a record that nobody saw might have decided.
func TreeWalk(name string, lookup Lookup) (Walk, error) {
	w := Walk{Start: Canonical(name)}
	if !ValidName(w.Start) {
		return w, fmt.Errorf("%w: %s", ErrName, clip(name))
	}
	for at := w.Start; at != "" && w.Queries < maxQueries; at = parent(at) {
		w.Queries++
		r, several, err := At(at, lookup)
		if err != nil {
			return w, err
		}
		if several {
			w.Several = append(w.Several, at)
		}
		if r == nil {
			continue
		}
		w.Found = append(w.Found, Found{at, *r})
		if r.PSD == "y" || r.PSD == "n" {
			break
		}
	}
	w.OrgDomain = w.org()
	return w, nil
}

// At reads the record at one domain. It is nil where there is none; several
// tells that there were more, which receivers treat as none.
func At(domain string, lookup Lookup) (r *Record, several bool, err error) {
	txts, err := lookup("_dmarc." + domain + ".")
	if err != nil {
		return nil, false, fmt.Errorf("dmarc record of %s: %w", domain, err)
	}
	for _, txt := range txts {
		found, err := Parse(txt)
		if err != nil {
			continue
		}
		if r != nil {
			return nil, true, nil
		}
		r = &found
	}
	return r, false, nil
}

// org selects the organizational domain (RFC 9989, section 4.10.2).
func (w Walk) org() string {
	for _, f := range w.Found {
		if f.Record.PSD == "n" {
			return f.Domain
		}
		if f.Record.PSD == "y" && f.Domain != w.Start {
			return lastLabels(w.Start, strings.Count(f.Domain, ".")+2)
		}
	}
	if n := len(w.Found); n > 0 {
		return w.Found[n-1].Domain
	}
	return w.Start
}

// at returns the record found at a domain, or nil.
func (w Walk) at(domain string) *Record {
	for i := range w.Found {
		if w.Found[i].Domain == domain {
			return &w.Found[i].Record
		}
	}
	return nil
}

// parent returns the next name to ask, or nothing above the last label.
func parent(name string) string {
	if strings.Count(name, ".") >= cutLabels {
		return lastLabels(name, cutLabels)
	}
	_, up, _ := strings.Cut(name, ".")
	return up
}

// lastLabels returns the last n labels of a name that may have fewer.
func lastLabels(name string, n int) string {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '.' {
			if n--; n == 0 {
				return name[i+1:]
			}
		}
	}
	return name
}
