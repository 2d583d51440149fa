package spf

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// The limits of RFC 7208, section 4.6.4.
const (
	MaxLookups   = 10
	MaxVoids     = 2
	MaxExchanges = 10
)

// A Lookup asks the DNS for the records of a name and type in presentation
// form; TXT may be in several strings. No records and no error means that
// there are none; an error means that it was not measured, never that there
// is nothing. A nil Lookup measures nothing.
type Lookup func(name string, typ uint16) (rrs []string, err error)

// ErrNotMeasured is wrapped when a count needs an answer that nobody gave.
var ErrNotMeasured = errors.New("spf: not measured")

// A Cost is what evaluating a record takes in the worst case, when no
// mechanism matches. The voids depend on the family of the sender's address:
// a host without AAAA costs one for mail that comes over IPv6 only.
type Cost struct {
	Lookups int
	Voids4  int
	Voids6  int
	Macros  bool     // a name depends on the message: the true cost may be higher
	Broken  []string // names that are included and have no single valid record
}

// Voids returns the worse count of the two families.
func (c Cost) Voids() int { return max(c.Voids4, c.Voids6) }

// stop bounds the work for a record that is far beyond the limits, and for
// one that includes itself.
const stop = 60

// Count returns the cost of the record r of a domain.
func Count(domain string, r Record, ask Lookup) (Cost, error) {
	if ask == nil {
		return Cost{}, ErrNotMeasured
	}
	c := counter{ask: ask}
	err := c.record(dns.Fqdn(domain), r)
	return c.cost, err
}

type counter struct {
	ask  Lookup
	cost Cost
}

// void counts an empty answer for one or both families.
func (c *counter) void(four, six bool) {
	if four {
		c.cost.Voids4++
	}
	if six {
		c.cost.Voids6++
	}
}

func (c *counter) lookup(name string, typ uint16) ([]string, error) {
	rrs, err := c.ask(dns.Fqdn(name), typ)
	if err != nil {
		return nil, fmt.Errorf("%w: %s %s: %w", ErrNotMeasured, name, dns.TypeToString[typ], err)
	}
	return rrs, nil
}

func (c *counter) record(domain string, r Record) error {
	_, ended := r.All()
	for _, t := range r.Terms {
		if !t.Modifier && t.Name == "all" {
			return nil
		}
		if t.Modifier && (t.Name != "redirect" || ended) {
			continue
		}
		if c.cost.Lookups >= stop {
			return nil
		}
		if err := c.term(domain, t); err != nil {
			return err
		}
	}
	return nil
}

func (c *counter) term(domain string, t Term) error {
	switch t.Name {
	case "ip4", "ip6":
		return nil
	}
	c.cost.Lookups++
	if t.Macro() {
		c.cost.Macros = true
		return nil
	}
	if t.Domain != "" {
		domain = t.Domain
	}
	switch t.Name {
	case "include", "redirect":
		return c.include(domain)
	case "a":
		return c.addresses(domain)
	case "mx":
		return c.exchanges(domain)
	case "exists":
		rrs, err := c.lookup(domain, dns.TypeA)
		if len(rrs) == 0 && err == nil {
			c.void(true, true)
		}
		return err
	}
	return nil // ptr depends on the sender
}

func (c *counter) include(name string) error {
	rrs, err := c.lookup(name, dns.TypeTXT)
	if err != nil {
		return err
	}
	if len(rrs) == 0 {
		c.void(true, true)
	}
	var found []string
	for _, rr := range rrs {
		if text := join(rr); Is(text) {
			found = append(found, text)
		}
	}
	if len(found) != 1 {
		c.cost.Broken = append(c.cost.Broken, name)
		return nil
	}
	r, err := Parse(found[0])
	if err != nil {
		c.cost.Broken = append(c.cost.Broken, name)
		return nil
	}
	return c.record(dns.Fqdn(name), r)
}

func (c *counter) addresses(host string) error {
	four, err := c.lookup(host, dns.TypeA)
	if err != nil {
		return err
	}
	six, err := c.lookup(host, dns.TypeAAAA)
	if err != nil {
		return err
	}
	c.void(len(four) == 0, len(six) == 0)
	return nil
}

// exchanges asks for the hosts of an MX set. Their addresses count as voids
// when empty, but not as lookups: they have a limit of their own.
func (c *counter) exchanges(domain string) error {
	rrs, err := c.lookup(domain, dns.TypeMX)
	if err != nil {
		return err
	}
	if len(rrs) == 0 {
		c.void(true, true)
	}
	for _, rr := range rrs[:min(len(rrs), 10)] {
		fields := strings.Fields(rr)
		if len(fields) != 2 || fields[1] == "." {
			continue
		}
		if err := c.addresses(fields[1]); err != nil {
			return err
		}
	}
	return nil
}

// join returns the text of a TXT record in presentation form, its escapes
// resolved.
func join(rr string) string {
	parsed, err := dns.NewRR(". 0 IN TXT " + strings.NewReplacer("\n", " ", "\r", " ").Replace(rr))
	if err != nil || parsed == nil {
		return rr
	}
	txt, ok := parsed.(*dns.TXT)
	if !ok {
		return rr
	}
	return unescape(strings.Join(txt.Txt, ""))
}

// unescape resolves \DDD and \X, which the library leaves in a string.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		if i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 10, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		i++
		b.WriteByte(s[i])
	}
	return b.String()
}
