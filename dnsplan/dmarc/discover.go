package dmarc

import "fmt"

// A Discovery is the policy that applies to a domain in the From header. The
// zero Record with an empty Domain means that there is none.
type Discovery struct {
	Domain  string   // where the record stands; empty: no record
	Record  Record   // as found
	Own     bool     // it stands at the From domain itself
	Several []string // names with more than one record, which counts as none
}

// Found reports whether there is a policy record.
func (d Discovery) Found() bool { return d.Domain != "" }

// Discover finds the policy of a From domain as RFC 9989, section 4.10.1,
// says: its own record, else the organizational domain's, else that of the
// public suffix above it, if that has one. An error means that nobody knows,
// never that there is no policy.
func (w *Walker) Discover(from string) (Discovery, error) {
	from = Canonical(from)
	if !ValidName(from) {
		return Discovery{}, fmt.Errorf("%w: %s", ErrName, clip(from))
	}
	own, several, err := At(from, w.ask)
	if err != nil {
		return Discovery{}, err
	}
	if own != nil {
		return Discovery{Domain: from, Record: *own, Own: true}, nil
	}
	d := Discovery{}
	if several {
		d.Several = []string{from}
	}
	walk, err := w.Walk(from)
	if err != nil {
		return d, err
	}
	d.Several = walk.Several
	if r := walk.at(walk.OrgDomain); r != nil {
		d.Domain, d.Record = walk.OrgDomain, *r
		return d, nil
	}
	for _, f := range walk.Found {
		if f.Record.PSD == "y" {
			d.Domain, d.Record = f.Domain, f.Record
		}
	}
	return d, nil
}

// DiscoverSuffix finds the policy as receivers of RFC 7489 do: the domain's
// own record, else that of the organizational domain by the public suffix
// list.
func (w *Walker) DiscoverSuffix(from string) (Discovery, error) {
	from = Canonical(from)
	if !ValidName(from) {
		return Discovery{}, fmt.Errorf("%w: %s", ErrName, clip(from))
	}
	d := Discovery{}
	for _, at := range []string{from, SuffixOrg(from)} {
		r, several, err := At(at, w.ask)
		if err != nil {
			return d, err
		}
		if r != nil {
			d.Domain, d.Record, d.Own = at, *r, at == from
			return d, nil
		}
		if several && (len(d.Several) == 0 || d.Several[0] != at) {
			d.Several = append(d.Several, at)
		}
		if at == SuffixOrg(from) {
			break
		}
	}
	return d, nil
}
