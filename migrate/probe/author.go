package probe

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
)

// errFrom is why a From header names no one domain.
var errFrom = errors.New("the From header is unusable")

// author returns the domain in the From header. Anything but one header with
// one domain is an error: receivers disagree about whom such a message is
// from, and forgers know it.
func (m message) author() (string, error) {
	values := m.all("From")
	if len(values) != 1 {
		return "", fmt.Errorf("%w: the message has %d of them, and must have one", errFrom, len(values))
	}
	domain := ""
	for _, address := range addresses(unfold(values[0])) {
		at := strings.LastIndexByte(address, '@')
		d := dmarc.Canonical(strings.TrimSpace(address[at+1:]))
		switch {
		case at < 0:
			return "", fmt.Errorf("%w: %q has no domain", errFrom, printable(address, 64))
		case !dmarc.ValidName(d):
			return "", fmt.Errorf("%w: %q is no domain", errFrom, printable(d, 64))
		case domain != "" && domain != d:
			return "", fmt.Errorf("%w: it names %s and %s", errFrom, domain, d)
		}
		domain = d
	}
	if domain == "" {
		return "", fmt.Errorf("%w: it holds no address", errFrom)
	}
	return domain, nil
}

// addresses returns what stands between angle brackets, or where there are
// none, between commas. Comments and quoted strings are passed over, because
// a display name may hold another address.
func addresses(value string) []string {
	var angled, plain []string
	var word strings.Builder
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '(':
			i = closing(value, i, ')')
		case '"':
			end := closing(value, i, '"')
			if strings.HasPrefix(value[min(end+1, len(value)):], "@") {
				word.WriteString("quoted") // a local part in quotes
			}
			i = end
		case '<':
			end := closing(value, i, '>')
			angled = append(angled, strings.TrimSpace(value[i+1:end]))
			i = end
		case ',', ';':
			plain = append(plain, word.String())
			word.Reset()
		default:
			word.WriteByte(value[i])
		}
	}
	if len(angled) > 0 {
		return angled
	}
	var list []string
	for _, p := range append(plain, word.String()) {
		if p = strings.TrimSpace(p); p != "" && !strings.HasSuffix(p, ":") {
			list = append(list, p)
		}
	}
	return list
}

// closing returns the index of the character that ends what begins at i, with
// backslashes heeded and comments nested; the end of the value if it is never
// closed.
func closing(value string, i int, end byte) int {
	depth := 0
	for i++; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\' && end != '>':
			i++
		case c == '"' && end == '>':
			// The local part may quote a closing bracket.
			i = closing(value, i, '"')
		case c == '(' && end == ')':
			depth++
		case c == end && depth > 0:
			depth--
		case c == end:
			return i
		}
	}
	return len(value)
}
