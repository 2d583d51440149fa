package inventory

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// Bounds of what is kept.
const (
	maxSources = 8   // of one address
	maxTargets = 200 // that one alias leads to
	maxDomains = 10_000
)

// A builder collects a Set from many files.
type builder struct {
	moved     []string
	addresses map[string]*Address
	wild      map[string]*Wildcard
	classes   map[string][]string
	missed    []Unlisted
	delimiter string
}

func newBuilder(domains []string) *builder {
	return &builder{moved: domains, addresses: make(map[string]*Address), wild: make(map[string]*Wildcard), classes: make(map[string][]string)}
}

// moves reports whether a domain is one of those that move.
func (b *builder) moves(domain string) bool { return slices.Contains(b.moved, domain) }

// add notes an address of a domain that moves.
func (b *builder) add(address string, kind Kind, to []string, source string, system bool) {
	address, ok := canonical(address)
	if !ok || !b.moves(domainOf(address)) || len(b.addresses) >= maxEntries {
		return
	}
	a := b.addresses[address]
	if a == nil {
		a = &Address{Address: address, Kind: kind, System: system}
		b.addresses[address] = a
	}
	a.System = a.System && system
	a.Stored = a.Stored || kind == Mailbox
	// An alias is stronger than a mailbox of the same name: Postfix rewrites
	// before it looks for the mailbox. A program is what people overlook.
	if kind == Program || kind == Alias && a.Kind != Program || kind == Mailbox && a.Kind == Relayed {
		a.Kind = kind
	}
	for _, t := range to {
		if t = printable(t); t != "" && len(a.To) < maxTargets && !slices.Contains(a.To, t) {
			a.To = append(a.To, t)
		}
	}
	if len(a.Sources) < maxSources && !slices.Contains(a.Sources, source) {
		a.Sources = append(a.Sources, source)
	}
}

// catchAll notes that every address of a domain is accepted.
func (b *builder) catchAll(domain, source string) {
	if !b.moves(domain) {
		return
	}
	w := b.wild[domain]
	if w == nil {
		w = &Wildcard{Domain: domain}
		b.wild[domain] = w
	}
	if len(w.Sources) < maxSources && !slices.Contains(w.Sources, source) {
		w.Sources = append(w.Sources, source)
	}
}

// domain notes a domain and the parameter that names it.
func (b *builder) domain(name, parameter string) {
	if len(b.classes) < maxDomains && !slices.Contains(b.classes[name], parameter) {
		b.classes[name] = append(b.classes[name], parameter)
	}
}

// unlisted notes what could not be listed, once.
func (b *builder) unlisted(what, why, fix string) {
	u := Unlisted{What: printable(what), Why: printable(why), Fix: printable(fix)}
	if !slices.Contains(b.missed, u) && len(b.missed) < 1000 {
		b.missed = append(b.missed, u)
	}
}

func (b *builder) set() *Set {
	s := &Set{Unlisted: b.missed, Domains: slices.Sorted(maps.Keys(b.classes)), Classes: b.classes, Delimiter: b.delimiter}
	for _, name := range slices.Sorted(maps.Keys(b.addresses)) {
		s.Configured = append(s.Configured, *b.addresses[name])
	}
	for _, name := range slices.Sorted(maps.Keys(b.wild)) {
		s.CatchAll = append(s.CatchAll, *b.wild[name])
	}
	slices.SortStableFunc(s.Unlisted, func(a, b Unlisted) int { return cmp.Compare(a.What, b.What) })
	return s
}

// canonical returns an address in lower case, since Postfix folds its keys,
// and whether it can be one.
func canonical(address string) (string, bool) {
	at := strings.LastIndexByte(address, '@')
	if at < 1 || at > 64 || len(address) > 320 || at == len(address)-1 {
		return "", false
	}
	local, domain := address[:at], strings.TrimSuffix(address[at+1:], ".")
	bad := func(r rune) bool {
		return !unicode.IsGraphic(r) || unicode.IsSpace(r) || r == unicode.ReplacementChar || strings.ContainsRune(`<>(),;:"\[]@`, r)
	}
	if strings.ContainsFunc(local, bad) || !hostName(domain) {
		return "", false
	}
	return strings.ToLower(local + "@" + domain), true
}

// hostName reports whether a text can be a domain, as an A-label.
func hostName(s string) bool {
	if s == "" || len(s) > 253 || s[0] == '.' || s[0] == '-' {
		return false
	}
	for _, c := range []byte(s) {
		if c != '.' && c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

func domainOf(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

// Base returns an address without its extension, by the characters of
// recipient_delimiter, and whether it had one.
func Base(address, delimiter string) (string, bool) {
	at := strings.LastIndexByte(address, '@')
	if at < 1 || delimiter == "" {
		return address, false
	}
	// Postfix splits at the first of them; one that leads is no delimiter.
	i := strings.IndexAny(address[1:at], delimiter)
	if i < 0 {
		return address, false
	}
	return address[:i+1] + address[at:], true
}

// printable bounds outside text and makes it fit for a terminal.
func printable(s string) string {
	const most = 300
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
