package inventory

import (
	"io"
	"strings"
)

// Bounds of the expansion of parameters: a=$b$b, b=$c$c and so on doubles
// with every line.
const (
	maxDepth     = 32
	maxExpansion = 4 << 20
	maxSteps     = 20_000
)

// defaults are Postfix's own, as far as addresses depend on them (postconf(5)).
var defaults = map[string]string{
	"alias_maps":            "hash:/etc/aliases",
	"config_directory":      PostfixDir,
	"data_directory":        "/var/lib/postfix",
	"default_database_type": "hash",
	"local_recipient_maps":  "proxy:unix:passwd.byname $alias_maps",
	"meta_directory":        PostfixDir,
	"mydestination":         "$myhostname, localhost.$mydomain, localhost",
	"myorigin":              "$myhostname",
	"queue_directory":       "/var/spool/postfix",
	"virtual_alias_domains": "$virtual_alias_maps",
	"virtual_alias_maps":    "$virtual_maps",
	"virtual_mailbox_base":  "/",
}

// A parameter is one line of main.cf.
type parameter struct {
	value string
	line  int
}

// A mainCF is a main.cf. The last definition of a parameter wins.
type mainCF struct {
	parameters map[string]parameter
	system     map[string]string // what the system says: myhostname, mydomain
}

// parseMainCF reads a main.cf. Lines without "=" mean nothing to Postfix and
// are passed over.
func parseMainCF(r io.Reader) (*mainCF, error) {
	m := &mainCF{parameters: make(map[string]parameter), system: make(map[string]string)}
	err := logical(r, func(n int, line string) error {
		if name, value, ok := strings.Cut(line, "="); ok {
			m.parameters[strings.TrimSpace(name)] = parameter{strings.TrimSpace(value), n}
		}
		return nil
	})
	return m, err
}

// line returns where a parameter stands, or 0 for one that is not there.
func (m *mainCF) line(name string) int { return m.parameters[name].line }

// get returns a parameter with everything in it expanded.
func (m *mainCF) get(name string) string {
	e := &expander{conf: m, steps: maxSteps, octets: maxExpansion}
	return strings.TrimSpace(e.parameter(name, 0))
}

// raw returns a parameter as it is written, and whether there is one.
func (m *mainCF) raw(name string) (string, bool) {
	if p, ok := m.parameters[name]; ok {
		return p.value, true
	}
	if s, ok := m.system[name]; ok {
		return s, true
	}
	s, ok := defaults[name]
	return s, ok
}

// An expander replaces parameters by their values.
type expander struct {
	conf          *mainCF
	steps, octets int
}

func (e *expander) parameter(name string, depth int) string {
	value, _ := e.conf.raw(name)
	return e.expand(value, depth)
}

// expand replaces $name, ${name}, $(name), ${name?text}, ${name:text} and
// ${name?{text}:{text}}. What goes beyond the bounds is left out.
func (e *expander) expand(text string, depth int) string {
	if depth > maxDepth {
		return ""
	}
	var b strings.Builder
	for text != "" {
		i := strings.IndexByte(text, '$')
		if i < 0 {
			i = len(text)
		}
		if e.octets -= i; e.octets < 0 {
			return b.String()
		}
		b.WriteString(text[:i])
		if text = text[i:]; text == "" {
			break
		}
		if e.steps--; e.steps < 0 {
			return b.String()
		}
		var value string
		value, text = e.reference(text[1:], depth)
		b.WriteString(value)
	}
	return b.String()
}

// reference reads what follows a dollar sign.
func (e *expander) reference(text string, depth int) (value, rest string) {
	if text == "" {
		return "", ""
	}
	switch text[0] {
	case '$':
		return "$", text[1:]
	case '{', '(':
		inner, rest := braced(text)
		return e.conditional(inner, depth), rest
	}
	n := 0
	for n < len(text) && word(text[n]) {
		n++
	}
	return e.parameter(text[:n], depth+1), text[n:]
}

func (e *expander) conditional(inner string, depth int) string {
	n := 0
	for n < len(inner) && word(inner[n]) {
		n++
	}
	name, rest := inner[:n], strings.TrimSpace(inner[n:])
	if rest == "" {
		return e.parameter(name, depth+1)
	}
	set := strings.TrimSpace(e.parameter(name, depth+1)) != ""
	if rest[0] != '?' && rest[0] != ':' {
		return "" // a comparison, which no list of domains needs
	}
	want := rest[0] == '?'
	rest = strings.TrimSpace(rest[1:])
	then, otherwise := rest, ""
	if strings.HasPrefix(rest, "{") {
		then, rest = braced(rest)
		if rest = strings.TrimSpace(rest); strings.HasPrefix(rest, ":") {
			otherwise = strings.TrimSpace(rest[1:])
			if strings.HasPrefix(otherwise, "{") {
				otherwise, _ = braced(otherwise)
			}
		}
	}
	if set == want {
		return e.expand(then, depth+1)
	}
	return e.expand(otherwise, depth+1)
}

// braced returns what stands between the bracket that a text begins with and
// its counterpart, and what follows. Without a counterpart all is inside.
func braced(text string) (inner, rest string) {
	opening, closing := text[0], byte('}')
	if opening == '(' {
		closing = ')'
	}
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case opening:
			depth++
		case closing:
			if depth--; depth == 0 {
				return text[1:i], text[i+1:]
			}
		}
	}
	return text[1:], ""
}

func word(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// list splits a value at commas and white space; what stands in braces stays
// together, as in inline:{ {a = b} }.
func list(value string) []string {
	var items []string
	depth, from := 0, 0
	for i := 0; i <= len(value); i++ {
		ends := i == len(value)
		if !ends {
			switch value[i] {
			case '{':
				depth++
			case '}':
				depth = max(0, depth-1)
			case ' ', '\t', ',', '\n', '\r':
				ends = depth == 0
			}
		}
		if ends {
			if item := strings.TrimSpace(value[from:i]); item != "" {
				items = append(items, item)
			}
			from = i + 1
		}
	}
	return items
}
