package spf

import (
	"net/netip"
	"slices"
	"strings"
)

// all returns the index of the first all mechanism, or -1. What stands behind
// it is never reached.
func (r Record) all() int {
	return slices.IndexFunc(r.Terms, func(t Term) bool { return !t.Modifier && t.Name == "all" })
}

// All returns the qualifier of the all mechanism, and false when there is
// none: such a record ends as neutral, unless it is redirected.
func (r Record) All() (Qualifier, bool) {
	if i := r.all(); i >= 0 {
		return r.Terms[i].Qualifier, true
	}
	return Neutral, false
}

// Redirect returns the target of redirect=, or "".
func (r Record) Redirect() string {
	for _, t := range r.Terms {
		if t.Modifier && t.Name == "redirect" {
			return t.Domain
		}
	}
	return ""
}

// Has reports whether the record has a term equal to t, whatever its
// qualifier, in a place where it is reached.
func (r Record) Has(t Term) bool {
	reached := r.Terms
	if i := r.all(); i >= 0 && !t.Modifier {
		reached = r.Terms[:i]
	}
	return slices.ContainsFunc(reached, func(u Term) bool {
		u.Qualifier = t.Qualifier
		return u.Equal(t)
	})
}

// Include returns the term include:domain.
func Include(domain string) Term {
	return Term{Qualifier: Pass, Name: "include", Domain: strings.TrimSuffix(domain, "."), Mask4: -1, Mask6: -1}
}

// Address returns the term ip4 or ip6 for a range of addresses.
func Address(p netip.Prefix) Term {
	t := Term{Qualifier: Pass, Name: "ip6", Net: p.Masked(), Mask4: -1, Mask6: -1}
	if p.Addr().Is4() {
		t.Name = "ip4"
	}
	return t
}

// Insert returns the record with t before the end: before all and before the
// modifiers that follow the mechanisms. A term that is there already is not
// put in twice.
func (r Record) Insert(t Term) Record {
	if r.Has(t) {
		return r
	}
	at := r.all()
	if at < 0 {
		at = len(r.Terms)
		for at > 0 && r.Terms[at-1].Modifier {
			at--
		}
	}
	return Record{slices.Insert(slices.Clone(r.Terms), at, t)}
}

// Dedupe returns the record without the mechanisms that say again what stands
// before them.
func (r Record) Dedupe() Record {
	var d Record
	for _, t := range r.Terms {
		if !slices.ContainsFunc(d.Terms, t.Equal) {
			d.Terms = append(d.Terms, t)
		}
	}
	return d
}

// Without returns the record without the terms that drop names.
func (r Record) Without(drop func(Term) bool) Record {
	return Record{slices.DeleteFunc(slices.Clone(r.Terms), drop)}
}

// strictness orders qualifiers from the most permissive.
func strictness(q Qualifier) int { return strings.IndexByte("+?~-", byte(q)) }

// Stricter reports whether q refuses more than p.
func (q Qualifier) Stricter(p Qualifier) bool { return strictness(q) > strictness(p) }

// WithAll returns the record ended by all with that qualifier. A record that
// has none gets one behind its mechanisms.
func (r Record) WithAll(q Qualifier) Record {
	w := Record{slices.Clone(r.Terms)}
	if i := w.all(); i >= 0 {
		w.Terms[i].Qualifier = q
		return w
	}
	return w.Insert(Term{Qualifier: q, Name: "all", Mask4: -1, Mask6: -1})
}

// Relax returns the record with -all made ~all; every other end is left as it
// is. A record that already ends softer is never tightened.
func (r Record) Relax() Record {
	if q, ok := r.All(); !ok || q != Fail {
		return r
	}
	return r.WithAll(SoftFail)
}

// Unredirect returns the record with redirect=X made include:X and an end of
// its own, q: what X itself ends with. A record with all ignores its redirect
// (RFC 7208, section 6.1), and is returned without it.
func (r Record) Unredirect(q Qualifier) Record {
	target := r.Redirect()
	if target == "" {
		return r
	}
	plain := r.Without(func(t Term) bool { return t.Modifier && t.Name == "redirect" })
	if _, ok := plain.All(); ok {
		return plain
	}
	return plain.Insert(Include(target)).WithAll(q)
}

// Union returns one record that authorises what any of the records does: the
// mechanisms in order, once each, and the most permissive end. It repairs a
// domain with several SPF records, which receivers treat as an error.
func Union(records []Record) Record {
	var u Record
	end := Fail
	for _, r := range records {
		r = r.Unredirect(Neutral)
		q, _ := r.All()
		if end.Stricter(q) {
			end = q
		}
		for _, t := range r.Terms {
			switch {
			case !t.Modifier && t.Name == "all":
			case !t.Modifier:
				u = u.Insert(t)
			case !slices.ContainsFunc(u.Terms, func(v Term) bool { return v.Modifier && v.Name == t.Name }):
				u.Terms = append(u.Terms, t)
			}
		}
	}
	return u.WithAll(end)
}

// Addresses resolves a host to its addresses. An error means that it was not
// measured.
type Addresses func(host string) ([]netip.Addr, error)

// Freeze returns the record with the mechanisms that match reports replaced
// by the addresses they stand for today, at the same place: mx and a mean
// whatever the zone says at the time, and the zone is about to change. hosts
// names the hosts of a mechanism (the exchanges of mx, the name itself of a).
// The terms that could not be measured are kept and returned.
func (r Record) Freeze(match func(Term) bool, hosts func(Term) ([]string, error), addrs Addresses) (Record, []Term) {
	var f Record
	var kept []Term
	for _, t := range r.Terms {
		if t.Modifier || t.Macro() || t.Name != "mx" && t.Name != "a" || !match(t) {
			f.Terms = append(f.Terms, t)
			continue
		}
		frozen, err := freeze(t, hosts, addrs)
		if err != nil {
			f.Terms = append(f.Terms, t)
			kept = append(kept, t)
			continue
		}
		f.Terms = append(f.Terms, frozen...)
	}
	return f.Dedupe(), kept
}

func freeze(t Term, hosts func(Term) ([]string, error), addrs Addresses) ([]Term, error) {
	names, err := hosts(t)
	if err != nil {
		return nil, err
	}
	var frozen []Term
	for _, name := range names {
		as, err := addrs(name)
		if err != nil {
			return nil, err
		}
		for _, a := range as {
			f := Address(netip.PrefixFrom(a, t.length(a)))
			f.Qualifier = t.Qualifier
			frozen = append(frozen, f)
		}
	}
	return frozen, nil
}

// length returns the prefix length that the term sets for an address.
func (t Term) length(a netip.Addr) int {
	switch {
	case a.Is4() && t.Mask4 >= 0:
		return t.Mask4
	case a.Is6() && t.Mask6 >= 0:
		return t.Mask6
	}
	return a.BitLen()
}
