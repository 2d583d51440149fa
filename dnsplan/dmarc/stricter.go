package dmarc

// Stricter returns the record that asks for one level more than r, and whether
// there is one: none becomes quarantine, quarantine becomes reject, each with
// every other tag as its owner wrote it. A test (t=y) of quarantine comes to
// its end first, since it asks receivers to apply one level less (RFC 9989).
// Nothing is stricter than reject, and a record that receivers stumble
// over has to be mended before anybody can tell what it asks for.
func (r Record) Stricter() (Record, bool) {
	if p, tag := r.Effective(true, true); tag == "default" || p == Reject || len(r.Problems) > 0 {
		return r, false
	}
	switch {
	case r.Policy == NoAction:
		return r.Set("p", string(Quarantine)), true
	case r.Test:
		return r.Set("t", ""), true
	}
	return r.Set("p", string(Reject)), true
}
