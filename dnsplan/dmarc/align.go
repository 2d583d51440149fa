package dmarc

// A Method is how a domain was authenticated.
type Method string

// The methods that DMARC knows.
const (
	SPF  Method = "spf"
	DKIM Method = "dkim"
)

// An Identifier is a domain that SPF or DKIM looked at.
type Identifier struct {
	Method   Method
	Domain   string
	Selector string // DKIM only
	Result   string // the RFC 8601 word: pass, fail, temperror ...
	Aligned  bool   // the domain may speak for the From domain, whatever Result is
}

// Passes reports whether the identifier carries the message through: both
// authenticated and aligned.
func (i Identifier) Passes() bool { return i.Result == "pass" && i.Aligned }

// An Alignment is how the identifiers of a message stand to the domain in its
// From header, by one way to find the organizational domain.
type Alignment struct {
	From        string
	OrgDomain   string // empty: could not be found out
	Identifiers []Identifier
}

// Align fills Aligned of every identifier with the modes of a record.
func Align(from string, r Record, ids []Identifier, org OrgFunc) Alignment {
	a := Alignment{From: Canonical(from), OrgDomain: org(from)}
	for _, id := range ids {
		mode := r.SPF
		if id.Method == DKIM {
			mode = r.DKIM
		}
		id.Aligned = Aligned(from, id.Domain, mode, org)
		a.Identifiers = append(a.Identifiers, id)
	}
	return a
}

// Aligned reports whether an authenticated domain may speak for the domain in
// the From header. An empty authenticated domain, as in the envelope of a
// bounce, never does; nor does one whose organizational domain could not be
// found out.
func Aligned(from, authenticated string, mode Mode, org OrgFunc) bool {
	from, authenticated = Canonical(from), Canonical(authenticated)
	if from == "" || authenticated == "" {
		return false
	}
	// Identical names need no organizational domain: a domain that stands on
	// the public suffix list itself has none, and is aligned all the same.
	if mode == Strict || from == authenticated {
		return from == authenticated
	}
	o := org(from)
	return o != "" && o == org(authenticated)
}
