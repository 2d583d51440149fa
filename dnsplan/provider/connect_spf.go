package provider

import (
	"fmt"
	"slices"
	"strings"
)

func (t *template) addSPFM(p *Provider, r templateRecord) error {
	rules, err := t.text(r.jsonValue, "spfRules")
	if err != nil {
		return err
	}
	if r.host != "@" {
		t.note(p, r, "SPF of another name than the domain's")
		return nil
	}
	return t.addRules(p, r, "spfRules", rules)
}

// addRules takes the terms of an SPF record apart. They are merged into the
// one record that the domain has.
func (t *template) addRules(p *Provider, r templateRecord, member, rules string) error {
	words := strings.Fields(rules)
	for _, word := range words {
		lower := strings.ToLower(strings.TrimPrefix(word, "+"))
		plain := varUse.ReplaceAllString(lower, "x")
		name, include := strings.CutPrefix(lower, "include:")
		target, redirect := strings.CutPrefix(lower, "redirect=")
		switch {
		case terminalForm.MatchString(lower):
			p.SPF.Terminal = lower
		case lower == "all":
			t.note(p, r, "+all would let everybody send")
		case lower == "a" || lower == "mx" || strings.HasPrefix(lower, "mx/") || strings.HasPrefix(lower, "a/"):
			t.note(p, r, word+" means the old server until the switch, and is left out")
		case include && p.SPF.Include == "" && hostName(strings.TrimPrefix(plain, "include:")):
			p.SPF.Include = keepCase(word, name)
		case redirect && p.SPF.Include == "" && hostName(strings.TrimPrefix(plain, "redirect=")):
			p.SPF.Include, p.SPF.Redirect = keepCase(word, target), len(words) == 1
		case ruleForm.MatchString(plain):
			if rule := strings.TrimPrefix(word, "+"); !slices.Contains(p.SPF.Rules, rule) && !strings.EqualFold(rule, "include:"+p.SPF.Include) {
				p.SPF.Rules = append(p.SPF.Rules, rule)
			}
		default:
			return t.offset(r.get(member).at, fmt.Sprintf("%q is not a mechanism such as include:spf.example.net", printable(word)))
		}
	}
	return nil
}

// keepCase returns the part of word that lower is, since names of variables
// know capitals.
func keepCase(word, lower string) string { return word[len(word)-len(lower):] }
