package spf

import "strings"

// The letters of macros (RFC 7208, section 7.2). What is only known when a
// message is refused may not stand in a name that is asked for.
const (
	domainLetters = "slodiphv"
	textLetters   = domainLetters + "crt"
)

// isDomainSpec reports whether s is a domain-spec (RFC 7208, section 7.1):
// macros and text that ends in a macro or in a label below another one, since
// nobody sends mail as a name of one label.
func isDomainSpec(s string) bool {
	if s == "" || len(s) > 255 || !isMacroString(s, domainLetters) {
		return false
	}
	if i := strings.LastIndexByte(s, '%'); i >= 0 && i+macroLen(s[i:], domainLetters) == len(s) {
		return true
	}
	s = strings.TrimSuffix(s, ".")
	i := strings.LastIndexByte(s, '.')
	return i >= 0 && isTopLabel(s[i+1:])
}

// isMacroString reports whether every percent sign in s begins a macro with
// one of the letters.
func isMacroString(s, letters string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			continue
		}
		n := macroLen(s[i:], letters)
		if n == 0 {
			return false
		}
		i += n - 1
	}
	return true
}

// macroLen returns the length of the macro that s begins with, or 0.
func macroLen(s, letters string) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '%', '_', '-':
		return 2
	case '{':
	default:
		return 0
	}
	end := strings.IndexByte(s, '}')
	if end < 3 || !strings.ContainsRune(letters, rune(s[2]|0x20)) {
		return 0
	}
	rest := strings.TrimLeft(s[3:end], "0123456789")
	if rest != "" && rest[0]|0x20 == 'r' {
		rest = rest[1:]
	}
	if strings.Trim(rest, ".-+,/_=") != "" {
		return 0
	}
	return end + 1
}

// isTopLabel reports whether s may end a name: letters, digits and dashes, not
// digits alone, and no dash at either end.
func isTopLabel(s string) bool {
	if s == "" || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	letter := false
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z', c == '-':
			letter = true
		case '0' <= c && c <= '9':
		default:
			return false
		}
	}
	return letter
}
