package spf

import (
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// A Result is what a receiver makes of a sender (RFC 7208, section 2.6).
// There is no temperror: what could not be asked is an error.
type Result string

// The results.
const (
	ResultPass      Result = "pass"
	ResultFail      Result = "fail"
	ResultSoftFail  Result = "softfail"
	ResultNeutral   Result = "neutral"
	ResultNone      Result = "none"      // no record
	ResultPermError Result = "permerror" // a record that receivers give up on
)

// An Outcome is a result and what it took.
type Outcome struct {
	Result  Result
	Lookups int
	Voids   int
	Macros  bool // a term depends on the message; it was taken as no match
}

// Check evaluates the record of a domain for mail from one address, as far as
// that can be done without the message: terms with macros, and ptr, match
// nobody. An error means that an answer was not there.
func Check(domain string, r Record, from netip.Addr, ask Lookup) (Outcome, error) {
	return (&Checker{Ask: ask}).Check(domain, r, from)
}

// A Checker checks many addresses and reads each record of the DNS once. It is
// not safe for more than one goroutine. Ask has to give the same answer to the
// same question.
type Checker struct {
	Ask Lookup

	read map[string]reading
}

// A reading is what stands at a name: one record, or why there is none.
type reading struct {
	record Record
	other  Result // "" where there is a record
}

// maxRead bounds what a Checker remembers.
const maxRead = 1000

// Check is the function of this name.
func (k *Checker) Check(domain string, r Record, from netip.Addr) (Outcome, error) {
	if k.Ask == nil {
		return Outcome{}, ErrNotMeasured
	}
	if k.read == nil {
		k.read = make(map[string]reading)
	}
	c := checker{counter: counter{ask: k.Ask}, from: from.Unmap(), read: k.read}
	result, err := c.record(dns.Fqdn(domain), r)
	return c.outcome(result), err
}

// CheckDomain is Check for the record that stands in the DNS.
func CheckDomain(domain string, from netip.Addr, ask Lookup) (Outcome, error) {
	if ask == nil {
		return Outcome{}, ErrNotMeasured
	}
	c := checker{counter: counter{ask: ask}, from: from.Unmap()}
	rrs, err := c.lookup(domain, dns.TypeTXT)
	if err != nil {
		return Outcome{}, err
	}
	result, err := c.found(domain, rrs)
	return c.outcome(result), err
}

// A checker is one evaluation. It counts as the counter does, but stops at
// the first match and at the limits.
type checker struct {
	counter
	from  netip.Addr
	depth int
	read  map[string]reading // may be nil
}

func (c *checker) outcome(r Result) Outcome {
	o := Outcome{Result: r, Lookups: c.cost.Lookups, Voids: c.voids(), Macros: c.cost.Macros}
	if c.exceeded() {
		o.Result = ResultPermError
	}
	return o
}

func (c *checker) voids() int {
	if c.from.Is4() {
		return c.cost.Voids4
	}
	return c.cost.Voids6
}

func (c *checker) exceeded() bool { return c.cost.Lookups > MaxLookups || c.voids() > MaxVoids }

// found evaluates the one record among the texts of a name.
func (c *checker) found(domain string, rrs []string) (Result, error) {
	r, ok := c.read[domain]
	if !ok {
		r = readOne(rrs)
		if c.read != nil && len(c.read) < maxRead {
			c.read[domain] = r
		}
	}
	if r.other != "" {
		return r.other, nil
	}
	return c.record(dns.Fqdn(domain), r.record)
}

// readOne reads the one record among texts.
func readOne(rrs []string) reading {
	var records []string
	for _, rr := range rrs {
		if text := join(rr); Is(text) {
			records = append(records, text)
		}
	}
	switch {
	case len(records) == 0:
		return reading{other: ResultNone}
	case len(records) > 1:
		return reading{other: ResultPermError}
	}
	r, err := Parse(records[0])
	if err != nil {
		return reading{other: ResultPermError}
	}
	return reading{record: r}
}

func (c *checker) record(domain string, r Record) (Result, error) {
	for _, t := range r.Terms {
		if t.Modifier {
			continue
		}
		matched, err := c.matches(domain, t)
		switch {
		case err != nil:
			return "", err
		case c.exceeded() || matched == broken:
			return ResultPermError, nil
		case matched == yes:
			return t.Qualifier.result(), nil
		}
	}
	target := r.Redirect()
	if target == "" {
		return ResultNeutral, nil
	}
	return c.redirect(target)
}

// redirect evaluates another domain's record in place of the rest. One that
// does not exist is an error (RFC 7208, section 6.1).
func (c *checker) redirect(target string) (Result, error) {
	c.cost.Lookups++
	if strings.Contains(target, "%") {
		c.cost.Macros = true
		return ResultNeutral, nil
	}
	result, err := c.other(target)
	if result == ResultNone {
		result = ResultPermError
	}
	return result, err
}

func (q Qualifier) result() Result {
	switch q {
	case Fail:
		return ResultFail
	case SoftFail:
		return ResultSoftFail
	case Neutral:
		return ResultNeutral
	}
	return ResultPass
}

// A match is whether a mechanism is the sender's.
type match int

const (
	no match = iota
	yes
	broken // the evaluation ends here
)

func is(b bool) match {
	if b {
		return yes
	}
	return no
}

func (c *checker) matches(domain string, t Term) (match, error) {
	switch t.Name {
	case "all":
		return yes, nil
	case "ip4", "ip6":
		return is(t.Net.Contains(c.from)), nil
	}
	if c.cost.Lookups++; c.exceeded() {
		return broken, nil
	}
	if t.Macro() {
		c.cost.Macros = true
		return no, nil
	}
	if t.Domain != "" {
		domain = t.Domain
	}
	switch t.Name {
	case "include":
		return c.included(domain)
	case "a":
		return c.address(t, domain)
	case "mx":
		return c.exchange(t, domain)
	case "exists":
		rrs, err := c.lookup(domain, dns.TypeA)
		c.void(len(rrs) == 0, len(rrs) == 0)
		return is(len(rrs) > 0), err
	}
	return no, nil // ptr depends on names that nobody but the sender decides
}

// included turns the result of another record into a match (RFC 7208, section
// 5.2).
func (c *checker) included(name string) (match, error) {
	switch result, err := c.other(name); {
	case err != nil:
		return no, err
	case result == ResultNone || result == ResultPermError:
		return broken, nil
	default:
		return is(result == ResultPass), nil
	}
}

// other evaluates the record of another name.
func (c *checker) other(name string) (Result, error) {
	// The limit of lookups ends every loop; the depth only keeps the stack.
	if c.depth++; c.depth > MaxLookups+1 {
		return ResultPermError, nil
	}
	defer func() { c.depth-- }()
	rrs, err := c.lookup(name, dns.TypeTXT)
	if err != nil {
		return "", err
	}
	c.void(len(rrs) == 0, len(rrs) == 0)
	return c.found(name, rrs)
}

// address asks for the addresses of the sender's family only.
func (c *checker) address(t Term, host string) (match, error) {
	addrs, err := c.hosts(host)
	return is(t.holds(addrs, c.from)), err
}

func (c *checker) hosts(host string) ([]netip.Addr, error) {
	typ := dns.TypeAAAA
	if c.from.Is4() {
		typ = dns.TypeA
	}
	rrs, err := c.lookup(host, typ)
	c.void(len(rrs) == 0, len(rrs) == 0)
	var addrs []netip.Addr
	for _, rr := range rrs {
		if a, err := netip.ParseAddr(rr); err == nil {
			addrs = append(addrs, a.Unmap())
		}
	}
	return addrs, err
}

// exchange asks for the hosts of an MX set; more than ten are an error (RFC
// 7208, section 4.6.4).
func (c *checker) exchange(t Term, domain string) (match, error) {
	rrs, err := c.lookup(domain, dns.TypeMX)
	if err != nil {
		return no, err
	}
	c.void(len(rrs) == 0, len(rrs) == 0)
	if len(rrs) > MaxExchanges {
		return broken, nil
	}
	for _, rr := range rrs {
		fields := strings.Fields(rr)
		if len(fields) != 2 || fields[1] == "." {
			continue
		}
		if m, err := c.address(t, fields[1]); m != no || err != nil {
			return m, err
		}
	}
	return no, nil
}

// holds reports whether an address lies in the range that a term makes of
// others.
func (t Term) holds(addrs []netip.Addr, from netip.Addr) bool {
	for _, a := range addrs {
		if a.Is4() != from.Is4() {
			continue
		}
		if p, err := a.Prefix(t.length(a)); err == nil && p.Contains(from) {
			return true
		}
	}
	return false
}
