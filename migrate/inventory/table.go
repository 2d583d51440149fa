package inventory

import (
	"io"
	"path"
	"strings"
)

// A pair is one line of a table.
type pair struct {
	key, value string
	source     string
}

// A table is what could be listed of one "type:name".
type table struct {
	pairs   []pair
	aliases bool   // its values are those of aliases(5)
	always  bool   // it answers to every key
	source  string // the evidence for that
	why     string // why it could not be listed; empty: it could
	fix     string
}

// compiled are the types that postmap makes from a text of the same name.
var compiled = []string{"btree", "cdb", "dbm", "hash", "lmdb", "sdbm", "texthash"}

// A grammar is how the text of a table is read.
type grammar func(r io.Reader, shown string, add func(pair)) error

// table reads what a "type:name" holds. The text is parsed by read, since
// alias files have a grammar of their own.
func (p *postfix) table(spec, parameter string, read grammar) table {
	kind, name, ok := strings.Cut(spec, ":")
	if !ok {
		kind, name = "texthash", spec // a bare path names the text itself
	}
	switch {
	case kind == "proxy":
		return p.table(name, parameter, read)
	case kind == "inline":
		return inline(name, p.place(parameter))
	case kind == "static":
		return table{always: true, source: p.place(parameter)}
	case kind == "fail":
		return table{}
	case kind == "unix" && strings.HasPrefix(name, "passwd"):
		return p.passwd()
	}
	for _, k := range compiled {
		if k == kind {
			return p.text(kind, name, read)
		}
	}
	return p.listed(kind, name)
}

// text reads the source text of a compiled table.
func (p *postfix) text(kind, name string, read grammar) table {
	if !path.IsAbs(name) {
		name = path.Join(PostfixDir, name)
	}
	f, shown, err := p.files.open(name)
	if err != nil {
		t := p.listed(kind, name)
		if t.why != "" {
			t.why = "its text " + shown + " cannot be read: " + reason(err)
			t.fix = "copy " + name + " from the old server, or write the output of postmap -s " + kind + ":" + name + " to " + shown + ".list"
		}
		return t
	}
	defer f.Close()
	var t table
	if err := read(f, shown, func(e pair) { p.take(&t, e) }); err != nil {
		t.why, t.fix = shown+" cannot be read: "+reason(err), "look at the file"
	}
	return t
}

// take adds a pair while the bound of all tables together allows it.
func (p *postfix) take(t *table, e pair) {
	if p.left--; p.left >= 0 {
		t.pairs = append(t.pairs, e)
	} else if t.why == "" {
		t.why, t.fix = "the tables have more lines than are read", "split the move by domains"
	}
}

// listed reads the listing that a person put beside the description of a table
// that cannot be listed: name.list, in the form of postmap -s.
func (p *postfix) listed(kind, name string) table {
	if i := strings.IndexByte(name, '{'); i >= 0 {
		name = name[:i] // what follows may hold a password
	}
	t := table{
		why: "a table of the type " + kind + " cannot be listed from its file",
		fix: "write its keys, one a line, as text beside it",
	}
	if !path.IsAbs(name) || len(name) > 1024 {
		return t
	}
	t.fix = "write its keys, one a line, to " + name + ".list in the copy"
	f, shown, err := p.files.open(name + ".list")
	if err != nil {
		return t
	}
	defer f.Close()
	t.why, t.fix = "", ""
	if err := readTable(f, shown, func(e pair) { p.take(&t, e) }); err != nil {
		t.why, t.fix = shown+" cannot be read: "+reason(err), "look at the file"
	}
	return t
}

// readTable reads the text form of postmap(1): a key, white space, a value. A
// key with blanks in it stands in quotation marks.
func readTable(r io.Reader, shown string, add func(pair)) error {
	return logical(r, func(n int, line string) error {
		key, value := line, ""
		if strings.HasPrefix(line, `"`) {
			key, value = quoted(line)
		} else if i := strings.IndexAny(line, " \t"); i >= 0 {
			key, value = line[:i], line[i+1:]
		}
		if key != "" {
			add(pair{key: strings.ToLower(key), value: strings.TrimSpace(value), source: place(shown, n)})
		}
		return nil
	})
}

// quoted reads a text that begins with a quotation mark. A backslash takes the
// next character as it is.
func quoted(line string) (text, rest string) {
	var b strings.Builder
	for i := 1; i < len(line); i++ {
		switch line[i] {
		case '\\':
			if i++; i < len(line) {
				b.WriteByte(line[i])
			}
		case '"':
			return b.String(), line[i+1:]
		default:
			b.WriteByte(line[i])
		}
	}
	return b.String(), ""
}

// inline reads inline:{ key = value, { key = value with blanks } }.
func inline(text, source string) table {
	inner := text
	if strings.HasPrefix(text, "{") {
		inner, _ = braced(text)
	}
	var t table
	// Blanks around "=" would be taken for the end of an item.
	for _, item := range list(tighten(inner)) {
		if strings.HasPrefix(item, "{") {
			item, _ = braced(item)
		}
		key, value, _ := strings.Cut(item, "=")
		if key = strings.ToLower(strings.TrimSpace(key)); key != "" && len(t.pairs) < maxTargets*100 {
			t.pairs = append(t.pairs, pair{key, strings.TrimSpace(value), source})
		}
	}
	return t
}

// tighten removes the blanks around every "=".
func tighten(s string) string {
	parts := strings.Split(s, "=")
	for i := range parts {
		if i > 0 {
			parts[i] = strings.TrimLeft(parts[i], " \t")
		}
		if i < len(parts)-1 {
			parts[i] = strings.TrimRight(parts[i], " \t")
		}
	}
	return strings.Join(parts, "=")
}

// reason says why a file could not be read, without the path of this machine.
func reason(err error) string {
	if missing(err) {
		return "it is not there"
	}
	return unwrapped(err).Error()
}
