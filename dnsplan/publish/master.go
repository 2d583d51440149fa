package publish

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

// A FileError says why a master file is not edited, with the place. Nothing
// was written.
type FileError struct {
	File string
	Line int // 0: the file as a whole
	Text string
	Fix  string
	Err  error // the cause, or nil
}

// Error returns one sentence.
func (e *FileError) Error() string {
	text := "publish: " + e.File
	if e.Line > 0 {
		text += ":" + strconv.Itoa(e.Line)
	}
	text += ": " + e.Text
	if e.Fix != "" {
		text += "; " + e.Fix
	}
	return text
}

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// A master is the text of a master file (RFC 1035, section 5) cut into its
// entries. What lies between them is comments and empty lines.
type master struct {
	text    string
	origin  string // at the end of the file
	entries []entry
}

// An entry is a record or a directive, which may go over several lines.
type entry struct {
	from, to int // the whole lines, the line break included
	line     int
	tokens   []token
	parens   []int // where they stand
	blank    bool  // the owner is that of the record before

	directive string // "$TTL", "$ORIGIN", or empty for a record
	value     uint32 // of $TTL
	origin    string // in effect
	owner     string
	set       zone.RRset // the one record
	typeAt    int        // the token that is the type
	ttlAt     int        // the token that is the TTL, or -1
}

// A token is a word or a quoted string.
type token struct {
	from, to int
}

func (m *master) token(t token) string { return m.text[t.from:t.to] }

// cutMaster cuts a text into entries. It returns a *FileError without the
// file's name.
func cutMaster(text, apex string) (*master, error) {
	m := &master{text: text, origin: apex}
	var owner string
	var ttl, directive *uint32
	for at, line := 0, 1; at < len(text); {
		e, err := m.entry(at, line)
		if err != nil {
			return nil, err
		}
		line += strings.Count(text[e.from:e.to], "\n")
		at = e.to
		if len(e.tokens) == 0 {
			continue
		}
		e.origin = m.origin
		if word := m.token(e.tokens[0]); !e.blank && word[0] == '$' {
			if err := m.direct(&e, strings.ToUpper(word)); err != nil {
				return nil, err
			}
			if e.directive == "$TTL" {
				directive = &e.value
			}
			m.entries = append(m.entries, e)
			continue
		}
		standing := ttl
		if directive != nil {
			standing = directive
		}
		if err := m.record(&e, owner, standing); err != nil {
			return nil, err
		}
		owner = e.owner
		if e.ttlAt >= 0 {
			ttl = &e.set.TTL
		}
		m.entries = append(m.entries, e)
	}
	return m, nil
}

// entry reads the tokens of the entry that begins at an offset.
func (m *master) entry(at, line int) (entry, error) {
	e := entry{from: at, line: line, blank: m.text[at] == ' ' || m.text[at] == '\t', ttlAt: -1}
	fail := func(text string) (entry, error) { return e, &FileError{Line: line, Text: text} }
	depth, i := 0, at
	for i < len(m.text) {
		switch c := m.text[i]; c {
		case '\n':
			i++
			if depth == 0 {
				e.to = i
				return e, nil
			}
		case ' ', '\t', '\r':
			i++
		case ';':
			for i < len(m.text) && m.text[i] != '\n' {
				i++
			}
		case '(', ')':
			e.parens = append(e.parens, i)
			depth++
			if c == ')' {
				depth -= 2
			}
			if depth < 0 {
				return fail("a parenthesis closes that was not opened")
			}
			i++
		default:
			end, ok := m.word(i)
			if !ok {
				return fail("a quoted text has no end in its line")
			}
			e.tokens = append(e.tokens, token{i, end})
			i = end
		}
	}
	e.to = i
	if depth > 0 {
		return fail("a parenthesis is not closed")
	}
	return e, nil
}

// word returns where the word or quoted string at an offset ends.
func (m *master) word(i int) (end int, ok bool) {
	quoted := m.text[i] == '"'
	if quoted {
		i++
	}
	for ; i < len(m.text); i++ {
		switch c := m.text[i]; {
		case c == '\\' && i+1 < len(m.text) && m.text[i+1] != '\n':
			i++
		case c == '\n':
			return i, !quoted
		case c == '"':
			if quoted {
				return i + 1, true
			}
			return i, true
		case !quoted && strings.IndexByte(" \t\r;()", c) >= 0:
			return i, true
		}
	}
	return i, !quoted
}

// direct reads a directive.
func (m *master) direct(e *entry, word string) error {
	e.directive = word
	argument := ""
	if len(e.tokens) > 1 {
		argument = m.token(e.tokens[1])
	}
	switch word {
	case "$ORIGIN":
		m.origin = within(argument, m.origin)
		return nil
	case "$TTL":
		ttl, ok := parseTTL(argument)
		if !ok {
			return &FileError{Line: e.line, Text: "the TTL of $TTL cannot be read"}
		}
		e.value = ttl
		return nil
	}
	return &FileError{Line: e.line, Text: zone.Escape(word) + " is not edited: what it stands for is not in this file",
		Fix: "write the records out (named-checkzone -D prints them), or use another publisher"}
}

// record reads a record: owner, TTL and class in either order, type, data.
func (m *master) record(e *entry, owner string, ttl *uint32) error {
	fail := func(text string) error { return &FileError{Line: e.line, Text: text} }
	i := 0
	e.owner = owner
	if !e.blank {
		e.owner = within(m.token(e.tokens[0]), m.origin)
		i = 1
	}
	if e.owner == "" {
		return fail("the first record has no owner")
	}
	if ttl != nil {
		e.set.TTL = *ttl
	}
	for ; i < len(e.tokens); i++ {
		word := m.token(e.tokens[i])
		if strings.EqualFold(word, "IN") {
			continue
		}
		own, ok := parseTTL(word)
		if !ok {
			break
		}
		e.ttlAt, e.set.TTL = i, own
	}
	if i >= len(e.tokens)-1 {
		return fail("the record has no data")
	}
	typ, err := zone.ParseType(m.token(e.tokens[i]))
	if err != nil {
		return fail("the type of the record is not known")
	}
	e.typeAt = i
	var data []string
	for _, t := range e.tokens[i+1:] {
		data = append(data, m.token(t))
	}
	set, ok := parse(zone.Key{Name: e.owner, Type: typ}, e.set.TTL, strings.Join(data, " "), m.origin)
	if !ok {
		return fail("the data is no " + zone.RRset{Type: typ}.TypeName())
	}
	if e.ttlAt < 0 && ttl == nil {
		return fail("the record has no TTL, and there is no $TTL before it")
	}
	e.set = set
	return nil
}

// within completes a name of a master file by the origin.
func within(name, origin string) string {
	switch {
	case name == "@":
		return origin
	case strings.HasSuffix(name, ".") && !strings.HasSuffix(name, `\.`):
		return zone.Canonical(name)
	case origin == ".":
		return zone.Canonical(name + ".")
	}
	return zone.Canonical(name + "." + origin)
}

// parseTTL reads a TTL in seconds or in the units of BIND, as 1h30m.
func parseTTL(word string) (uint32, bool) {
	if word == "" || word[0] < '0' || word[0] > '9' {
		return 0, false
	}
	units := map[byte]uint64{'s': 1, 'm': 60, 'h': 3600, 'd': 86400, 'w': 604800}
	var total, n uint64
	digits := 0
	for i := range len(word) {
		c := word[i] | 0x20
		if c >= '0' && c <= '9' && word[i] == c {
			n, digits = n*10+uint64(c-'0'), digits+1
			if digits > 10 {
				return 0, false
			}
			continue
		}
		unit, ok := units[c]
		if !ok || digits == 0 {
			return 0, false
		}
		total, n, digits = total+n*unit, 0, 0
	}
	if total += n; total > 1<<31-1 {
		return 0, false
	}
	return uint32(total), true
}

// zone returns what the file says.
func (m *master) zone(apex string) zone.Zone {
	z := zone.New(apex, zone.File)
	for _, e := range m.entries {
		if e.directive != "" {
			continue
		}
		set := e.set
		if now := z.Get(set.Name, set.Type); now != nil {
			set.TTL = min(set.TTL, now.TTL)
			set.Data = append(now.Data, set.Data...)
		}
		z.Put(set)
	}
	return z
}

// same says what tells two zones apart, or nil. A type that is left out may
// differ.
func same(a, b zone.Zone, but uint16) error {
	if a.Len() != b.Len() {
		return fmt.Errorf("%d RRsets against %d", a.Len(), b.Len())
	}
	for _, s := range a.All() {
		if s.Type != but && !zone.Same(&s, b.Get(s.Name, s.Type)) {
			return fmt.Errorf("%s", s.Key())
		}
	}
	return nil
}
