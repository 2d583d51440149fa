package provider

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Vars are values of variables by name; most have one value.
type Vars map[string][]string

// A MissingVar is a variable without a value or with a wrong one.
type MissingVar struct {
	Var
	Value  string // the wrong value, "" when there is none
	Reason string // what is wrong with it
}

// A VariableError lists every variable that a plan cannot be made without.
type VariableError struct {
	Provider string
	Domain   string
	Vars     []MissingVar
}

func (e *VariableError) Error() string {
	lines := make([]string, 0, len(e.Vars))
	for _, v := range e.Vars {
		line := fmt.Sprintf("%s: %s", v.Name, v.Reason)
		if v.Where != "" {
			line += "; find it in: " + v.Where
		}
		switch {
		case v.Reason == "missing" && len(v.Choices) > 0:
			line += " (one of " + strings.Join(slices.Sorted(maps.Keys(v.Choices)), ", ") + ")"
		case v.Example != "":
			line += " (like " + v.Example + ")"
		}
		if v.List && v.Reason != "missing" {
			line += "; several are written as a list, [one, two]"
		}
		lines = append(lines, line)
	}
	return fmt.Sprintf("variables of %s for %s: %s", e.Provider, e.Domain, strings.Join(lines, "\n\t"))
}

// Records are what one domain needs in its zone, all variables filled in.
// Names are absolute and in lower case.
type Records struct {
	MX        []Exchange
	Also      [][]Exchange
	Include   string   // SPF, "" when the provider has none
	Rules     []string // SPF, further mechanisms
	Redirect  bool
	Terminal  string
	DKIM      []Record
	Verify    []Record
	Sending   []Record
	Discovery []Record
	Offers    []Offer
	Missing   []Var    // values that the console has not shown yet; their records are left out
	Notes     []string // what of a Domain Connect template is not applied, and why
	Weak      []string // what rests on weak facts, as in Provider.Weak, the choice of a region included
}

// common are variables that every provider takes. A comma or semicolon in an
// address would be read as the beginning of something else in the record.
var common = []Var{{Name: "rua", Title: "address for DMARC reports", List: true, Pattern: `(?:mailto:)?[^\s;,!"@:]+@[A-Za-z0-9.-]+`, Example: "mailto:dmarc@example.org"}}

// Expand fills in the variables for a domain. Required values that are
// missing, values of the wrong form and names that the provider does not know
// are all told in one *VariableError.
func (p *Provider) Expand(domain string, vars Vars) (Records, error) {
	domain = strings.TrimSuffix(strings.ToLower(domain), ".")
	p, err := p.selected(vars["groups"])
	if err != nil {
		return Records{}, err
	}
	e := expander{p: p, domain: domain, vars: maps.Clone(vars), err: &VariableError{Provider: p.Name, Domain: domain}}
	if e.vars == nil {
		e.vars = make(Vars)
	}
	e.vars["domain"] = []string{domain}
	e.vars["domain_dashed"] = []string{strings.ReplaceAll(domain, ".", "-")}
	e.complete()
	e.check(vars)
	if len(e.err.Vars) > 0 {
		return Records{}, e.err
	}
	r := Records{
		MX:   e.exchanges(p.MX.Records),
		Weak: p.Weak(), Notes: p.Notes,
		Redirect: p.SPF.Redirect, Terminal: cmp.Or(p.SPF.Terminal, "~all"),
		DKIM: e.records(p.DKIM), Verify: e.records(p.Verify),
		Sending: e.records(p.Sending), Discovery: e.records(p.Discovery), Offers: e.offers(),
	}
	for _, v := range p.Variables {
		if values := e.vars[v.Name]; len(values) == 1 && v.Choices[values[0]][choiceConfidence] == "low" {
			r.Weak = append(r.Weak, v.Name+" "+values[0]+": by the same rule as the others, not seen itself")
		}
	}
	for _, set := range p.MX.Also {
		r.Also = append(r.Also, e.exchanges(set))
	}
	if include := e.fill(p.SPF.Include); len(include) > 0 {
		r.Include = include[0]
	}
	for _, rule := range p.SPF.Rules {
		r.Rules = append(r.Rules, e.fill(rule)...)
	}
	if len(e.err.Vars) > 0 {
		return Records{}, e.err
	}
	for _, v := range p.Variables {
		if v.AfterVerification && len(e.vars[v.Name]) == 0 {
			r.Missing = append(r.Missing, v)
		}
	}
	return r, nil
}

// Theirs reports whether a host is an exchange of the provider, in any of the
// forms that are right.
func (r Records) Theirs(host string) bool {
	host = absolute(host)
	return slices.ContainsFunc(append([][]Exchange{r.MX}, r.Also...), func(set []Exchange) bool {
		return slices.ContainsFunc(set, func(x Exchange) bool { return x.Host == host || x.Accepts(host) })
	})
}

// Located returns the provider with the hosts of its servers filled in, where
// they depend on a variable such as the region. A host that still lacks a
// value is left empty: it is not known.
func (p *Provider) Located(vars Vars) *Provider {
	e := expander{p: p, vars: maps.Clone(vars)}
	if e.vars == nil {
		e.vars = make(Vars)
	}
	e.complete()
	located := *p
	for _, host := range []*string{&located.IMAP.Host, &located.SMTP.Host} {
		if hosts := e.fill(*host); len(hosts) == 1 && hostName(hosts[0]) {
			*host = hosts[0]
		} else if varUse.MatchString(*host) {
			*host = ""
		}
	}
	return &located
}

type expander struct {
	p      *Provider
	domain string
	vars   Vars
	err    *VariableError
}

// complete adds what the choices set, and the defaults.
func (e *expander) complete() {
	for _, v := range e.p.Variables {
		if len(e.vars[v.Name]) == 0 && v.Default != "" && !varUse.MatchString(v.Default) {
			e.vars[v.Name] = []string{v.Default}
		}
		if values := e.vars[v.Name]; len(values) == 1 {
			for name, value := range v.Choices[values[0]] {
				e.vars[name] = []string{value}
			}
		}
	}
	for _, v := range e.p.Variables {
		if len(e.vars[v.Name]) == 0 {
			if text := e.fill(v.Default); len(text) > 0 {
				e.vars[v.Name] = text
			}
		}
	}
}

func (e *expander) refuse(v Var, value, format string, args ...any) {
	e.err.Vars = append(e.err.Vars, MissingVar{Var: v, Value: value, Reason: fmt.Sprintf(format, args...)})
}

// check compares what was given with what is declared.
func (e *expander) check(given Vars) {
	for _, v := range slices.Concat(e.p.Variables, common) {
		values := given[v.Name]
		if len(values) == 0 && v.Required && !v.AfterVerification {
			e.refuse(v, "", "missing")
		}
		if len(values) > 1 && !v.List {
			e.refuse(v, "", "takes one value, has %d", len(values))
		}
		for _, value := range values {
			if reason := wrong(v, value); reason != "" {
				e.refuse(v, value, "%s", reason)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		var known []string
		for _, v := range slices.Concat(e.p.Variables, common) {
			known = append(known, v.Name)
		}
		if slices.Contains(known, name) {
			continue
		}
		reason := "not a variable of " + e.p.Name
		if near := nearest(name, known); near != "" {
			reason += fmt.Sprintf("; did you mean %q?", near)
		}
		e.refuse(Var{Name: printable(name)}, "", "%s", reason)
	}
}
