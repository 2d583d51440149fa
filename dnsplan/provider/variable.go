package provider

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// checkVars refuses variables that nobody could fill in.
func (s source) checkVars(p *Provider) error {
	if len(p.Variables) > maxEntries {
		return s.at("variables", "too many entries")
	}
	seen := make(map[string]bool)
	for i, v := range p.Variables {
		at := fmt.Sprintf("variables[%d]", i)
		switch {
		case !varForm.MatchString(v.Name) || slices.Contains(builtin, v.Name):
			return s.at(at, fmt.Sprintf("%q cannot be the name of a variable", v.Name))
		case seen[v.Name]:
			return s.at(at, fmt.Sprintf("variable %s is declared twice", v.Name))
		case v.Where == "":
			return s.at(at, fmt.Sprintf("variable %s does not say where its value is found", v.Name))
		}
		if _, err := regexp.Compile(v.Pattern); err != nil {
			return s.at(at+".pattern", "not a regular expression")
		}
		if err := s.checkChoices(at, v, seen); err != nil {
			return err
		}
		if v.Default != "" && !varUse.MatchString(v.Default) && wrong(v, v.Default) != "" {
			return s.at(at+".default", "the default does not fit the pattern")
		}
		seen[v.Name] = true
	}
	for i, v := range p.Variables {
		for _, m := range varUse.FindAllStringSubmatch(v.Default, -1) {
			if !slices.Contains(builtin, m[1]) && !p.chosen(m[1]) {
				return s.at(fmt.Sprintf("variables[%d].default", i), "a default may use what a choice sets, and nothing else")
			}
		}
	}
	return nil
}

// choiceConfidence is no variable: it marks a choice whose variables rest on
// a weaker fact than the others.
const choiceConfidence = "confidence"

// checkChoices wants the same further variables of every choice: a record
// must not lack a part of its text in one region only.
func (s source) checkChoices(at string, v Var, seen map[string]bool) error {
	if len(v.Choices) == 0 {
		return nil
	}
	if v.List || v.Pattern != "" || len(v.Choices) > maxEntries {
		return s.at(at, "choices are few, and take one value and no pattern")
	}
	var names []string
	for _, value := range slices.Sorted(maps.Keys(v.Choices)) {
		set := slices.DeleteFunc(slices.Sorted(maps.Keys(v.Choices[value])), func(name string) bool { return name == choiceConfidence })
		if c := v.Choices[value][choiceConfidence]; c != "" && c != "low" {
			return s.at(at+".choices", "confidence is low, or left out")
		}
		if names == nil {
			names = set
		}
		if value == "" || !slices.Equal(names, set) {
			return s.at(at+".choices", "every choice sets the same variables")
		}
	}
	for _, name := range names {
		if !varForm.MatchString(name) || slices.Contains(builtin, name) || seen[name] || name == v.Name {
			return s.at(at+".choices", fmt.Sprintf("%q cannot be set by a choice", printable(name)))
		}
		seen[name] = true
	}
	return nil
}

// wrong says what is wrong with a value, or nothing.
func wrong(v Var, value string) string {
	switch {
	case value == "":
		return "empty"
	case len(value) > 4096:
		return "longer than 4096 octets"
	case printable(value) != value && len(value) <= 160, strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }):
		return "has characters other than printable ASCII"
	case len(v.Choices) > 0:
		if _, ok := v.Choices[value]; !ok {
			return fmt.Sprintf("%q is not one of %s", printable(value), strings.Join(slices.Sorted(maps.Keys(v.Choices)), ", "))
		}
		return ""
	case v.Pattern == "":
		return ""
	}
	if form, err := whole(v.Pattern); err != nil || !form.MatchString(value) {
		return fmt.Sprintf("%q does not have the form of the console's value", printable(value))
	}
	return ""
}

// whole compiles a pattern that is to match a whole value.
func whole(pattern string) (*regexp.Regexp, error) {
	return regexp.Compile(`^(?:` + pattern + `)$`)
}

// sameByForm reports whether two values mean the same by the groups of a
// pattern: Microsoft's names have an older and a newer form, and whoever has
// the one need not change to the other. A pattern without groups knows no
// second form.
func sameByForm(pattern, a, b string) bool {
	if pattern == "" {
		return false
	}
	form, err := whole(pattern)
	if err != nil || form.NumSubexp() == 0 {
		return false
	}
	ga := form.FindStringSubmatch(strings.TrimSuffix(a, "."))
	gb := form.FindStringSubmatch(strings.TrimSuffix(b, "."))
	return ga != nil && gb != nil && slices.EqualFunc(ga[1:], gb[1:], strings.EqualFold)
}

// Accepts reports whether value is as good as the record's own, because it
// is the same in another form that the provider still takes.
func (r Record) Accepts(value string) bool { return sameByForm(r.form, r.Value, value) }

// Accepts reports whether host is as good as the exchange's own, because it
// is the same in another form that the provider still takes.
func (x Exchange) Accepts(host string) bool { return sameByForm(x.form, x.Host, host) }
