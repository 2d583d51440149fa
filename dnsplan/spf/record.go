// Package spf reads, writes and merges SPF records (RFC 7208) for planning.
// It does not evaluate them: it counts what an evaluation would cost.
package spf

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// A Qualifier is what a match of a mechanism means.
type Qualifier byte

// The qualifiers (RFC 7208, section 4.6.2).
const (
	Pass     Qualifier = '+'
	Neutral  Qualifier = '?'
	SoftFail Qualifier = '~'
	Fail     Qualifier = '-'
)

// A Term is a mechanism or a modifier. Names are in lower case; domains are
// kept as written, since macros are sensitive to case.
type Term struct {
	Modifier  bool // name=value instead of name:value
	Qualifier Qualifier
	Name      string // all include a mx ptr ip4 ip6 exists; redirect exp and unknown ones
	Domain    string // domain-spec, or the value of a modifier
	Net       netip.Prefix
	Mask4     int // prefix length of a and mx, -1 when absent
	Mask6     int
}

// A Record is an SPF record: its terms in order, without the version.
type Record struct{ Terms []Term }

// maxRecord bounds a record; 64 terms and 4096 octets are far above what can
// be evaluated.
const (
	maxRecord = 4096
	maxTerms  = 256
)

// ErrSyntax is wrapped by every error of Parse.
var ErrSyntax = errors.New("spf: syntax")

// Is reports whether text is an SPF record: the version in any case, then a
// space or the end (RFC 7208, section 4.5).
func Is(text string) bool {
	if len(text) < 6 || !strings.EqualFold(text[:6], "v=spf1") {
		return false
	}
	return len(text) == 6 || text[6] == ' '
}

// Parse reads a record from its joined text.
func Parse(text string) (Record, error) {
	if !Is(text) {
		return Record{}, fmt.Errorf("%w: not a v=spf1 record", ErrSyntax)
	}
	if len(text) > maxRecord {
		return Record{}, fmt.Errorf("%w: longer than %d octets", ErrSyntax, maxRecord)
	}
	var r Record
	seen := make(map[string]bool)
	for word := range strings.SplitSeq(text[6:], " ") {
		if word == "" {
			continue
		}
		t, err := parseTerm(word)
		if err != nil {
			return Record{}, err
		}
		if t.Modifier && (t.Name == "redirect" || t.Name == "exp") {
			if seen[t.Name] {
				return Record{}, fmt.Errorf("%w: %s stands there twice", ErrSyntax, t.Name)
			}
			seen[t.Name] = true
		}
		if r.Terms = append(r.Terms, t); len(r.Terms) > maxTerms {
			return Record{}, fmt.Errorf("%w: more than %d terms", ErrSyntax, maxTerms)
		}
	}
	return r, nil
}

func parseTerm(word string) (Term, error) {
	for _, c := range []byte(word) {
		if c <= ' ' || c > '~' {
			return Term{}, fmt.Errorf("%w: %.80q is not printable ASCII", ErrSyntax, word)
		}
	}
	end := strings.IndexAny(word, ":/=")
	if end > 0 && word[end] == '=' {
		return parseModifier(word[:end], word[end+1:])
	}
	t := Term{Qualifier: Pass, Mask4: -1, Mask6: -1}
	if strings.IndexByte("+?~-", word[0]) >= 0 {
		t.Qualifier = Qualifier(word[0])
		word = word[1:]
		end--
	}
	if end < 0 {
		end = len(word)
	}
	t.Name = strings.ToLower(word[:end])
	return t.arguments(word, word[end:])
}

func parseModifier(name, value string) (Term, error) {
	if !isName(name) {
		return Term{}, fmt.Errorf("%w: %.80q is not the name of a modifier", ErrSyntax, name)
	}
	t := Term{Modifier: true, Name: strings.ToLower(name), Domain: value, Mask4: -1, Mask6: -1}
	if (t.Name == "redirect" || t.Name == "exp") && !isDomainSpec(value) || !isMacroString(value, textLetters) {
		return Term{}, fmt.Errorf("%w: %s=%.80q names no domain", ErrSyntax, name, value)
	}
	return t, nil
}

// A badTerm is a term with wrong arguments. Its text is made when somebody
// reads it, since most terms are good.
type badTerm string

func (e badTerm) Error() string { return fmt.Sprintf("%v: %.80q", ErrSyntax, string(e)) }

func (badTerm) Unwrap() error { return ErrSyntax }

// arguments reads what follows the name of a mechanism.
func (t Term) arguments(word, rest string) (Term, error) {
	var bad error = badTerm(word)
	colon := strings.HasPrefix(rest, ":")
	switch t.Name {
	case "all":
		if rest != "" {
			return Term{}, bad
		}
		return t, nil
	case "ip4", "ip6":
		return t.address(rest, bad)
	case "include", "exists":
		if !colon || !isDomainSpec(rest[1:]) {
			return Term{}, bad
		}
		t.Domain = rest[1:]
		return t, nil
	case "ptr":
		if rest != "" && (!colon || !isDomainSpec(rest[1:])) {
			return Term{}, bad
		}
		t.Domain = strings.TrimPrefix(rest, ":")
		return t, nil
	case "a", "mx":
		return t.masks(rest, bad)
	}
	return Term{}, fmt.Errorf("%w: unknown mechanism %.80q", ErrSyntax, t.Name)
}

func (t Term) address(rest string, bad error) (Term, error) {
	text, ok := strings.CutPrefix(rest, ":")
	if !ok {
		return Term{}, bad
	}
	addr, err := netip.ParseAddr(text)
	if err == nil {
		t.Net = netip.PrefixFrom(addr, addr.BitLen())
	} else if t.Net, err = netip.ParsePrefix(text); err != nil {
		return Term{}, bad
	}
	if t.Net.Addr().Is4() != (t.Name == "ip4") || t.Net.Addr().Zone() != "" {
		return Term{}, bad
	}
	return t, nil
}

// masks reads [":" domain-spec] ["/" ip4-length] ["//" ip6-length].
func (t Term) masks(rest string, bad error) (Term, error) {
	var err error
	if i := strings.LastIndex(rest, "//"); i >= 0 {
		if t.Mask6, err = mask(rest[i+2:], 128); err != nil {
			return Term{}, bad
		}
		rest = rest[:i]
	}
	// A slash may stand inside of a domain too, such as %{d2/}: the mask is
	// digits to the end, and where no domain could end so it is a wrong one.
	if i := strings.LastIndexByte(rest, '/'); i >= 0 && (rest[0] != ':' || !isDomainSpec(rest[1:])) {
		if t.Mask4, err = mask(rest[i+1:], 32); err != nil {
			return Term{}, bad
		}
		rest = rest[:i]
	}
	if rest == "" {
		return t, nil
	}
	if rest[0] != ':' || !isDomainSpec(rest[1:]) {
		return Term{}, bad
	}
	t.Domain = rest[1:]
	return t, nil
}

func mask(text string, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most || strconv.Itoa(n) != text {
		return 0, ErrSyntax
	}
	return n, nil
}

func isName(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		letter := 'a' <= c && c <= 'z'
		if !letter && (i == 0 || !('0' <= s[i] && s[i] <= '9' || s[i] == '-' || s[i] == '_' || s[i] == '.')) {
			return false
		}
	}
	return s != ""
}

// String returns the record as the text of a TXT record.
func (r Record) String() string {
	var b strings.Builder
	b.WriteString("v=spf1")
	for _, t := range r.Terms {
		b.WriteByte(' ')
		b.WriteString(t.String())
	}
	return b.String()
}

// String returns the term in its shortest form.
func (t Term) String() string {
	if t.Modifier {
		return t.Name + "=" + t.Domain
	}
	s := t.Name
	// +all is written out: it is too far-reaching to be overlooked.
	if t.Qualifier != Pass || t.Name == "all" {
		s = string(rune(t.Qualifier)) + s
	}
	switch t.Name {
	case "ip4", "ip6":
		if t.Net.IsSingleIP() {
			return s + ":" + t.Net.Addr().String()
		}
		return s + ":" + t.Net.String()
	}
	if t.Domain != "" {
		s += ":" + t.Domain
	}
	if t.Mask4 >= 0 {
		s += "/" + strconv.Itoa(t.Mask4)
	}
	if t.Mask6 >= 0 {
		s += "//" + strconv.Itoa(t.Mask6)
	}
	return s
}

// Macro reports whether the term's domain depends on the message.
func (t Term) Macro() bool { return strings.Contains(t.Domain, "%") }

// Equal reports whether two terms say the same.
func (t Term) Equal(u Term) bool {
	if t.Name == "ip4" || t.Name == "ip6" {
		return t.Name == u.Name && t.Qualifier == u.Qualifier && t.Net.Masked() == u.Net.Masked()
	}
	domain := func(d string) string {
		if strings.Contains(d, "%") {
			return d
		}
		return strings.ToLower(strings.TrimSuffix(d, "."))
	}
	t.Domain, u.Domain = domain(t.Domain), domain(u.Domain)
	return t == u
}
