package publish

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

// An edition is what becomes of one entry.
type edition struct {
	gone   bool
	ttl    uint32
	data   string       // in place of what is there; empty: kept
	serial string       // of the SOA
	after  []zone.RRset // records that follow
}

// edit returns the text with changes made. Everything else keeps its place
// and its form: comments, blank owners, parentheses, the order of the lines.
func (m *master) edit(due []live, now time.Time) (string, error) {
	eds := make([]edition, len(m.entries))
	for i, e := range m.entries {
		eds[i].ttl = e.set.TTL
		if e.directive == "" && e.set.Type == dns.TypeSOA {
			rrs, err := e.set.RRs()
			if err != nil {
				return "", err
			}
			eds[i].serial = strconv.FormatUint(uint64(nextSerial(rrs[0].(*dns.SOA).Serial, now)), 10)
		}
	}
	var last []zone.RRset // at the end of the file
	for _, l := range due {
		if at, more := m.mark(eds, l); len(more.Data) > 0 && at < 0 {
			last = append(last, more)
		} else if len(more.Data) > 0 {
			eds[at].after = append(eds[at].after, more)
		}
	}
	return m.write(eds, last), nil
}

// mark enters one change into the editions of its RRset. It returns the
// records that have no line yet, and after which entry they belong; a negative
// number when the name has none.
func (m *master) mark(eds []edition, l live) (int, zone.RRset) {
	set := l.RRset()
	var want []string
	if l.After != nil {
		want = slices.Clone(l.After.Data)
	}
	var drop []int
	at, neighbour := -1, -1
	for i, e := range m.entries {
		if e.directive != "" {
			continue
		}
		if e.owner == set.Name {
			neighbour = i
		}
		if e.set.Key() != set.Key() {
			continue
		}
		k := slices.IndexFunc(want, func(d string) bool { return zone.EqualData(set.Type, d, e.set.Data[0]) })
		if k < 0 {
			drop = append(drop, i)
			continue
		}
		at, eds[i].ttl = i, set.TTL
		want = slices.Delete(want, k, k+1)
	}
	for _, i := range drop {
		if len(want) == 0 || !m.entries[i].plain() {
			eds[i].gone = true
			continue
		}
		at, eds[i].data, eds[i].ttl = max(at, i), want[0], set.TTL
		want = want[1:]
	}
	switch {
	case at < 0 && len(drop) > 0:
		at = drop[len(drop)-1]
	case at < 0:
		at = neighbour
	}
	set.Data = want
	return at, set
}

// plain reports whether the data can be exchanged without touching what
// stands before it.
func (e entry) plain() bool {
	return !slices.ContainsFunc(e.parens, func(at int) bool { return at < e.tokens[e.typeAt].from })
}

// A standing is what a record without an owner or a TTL of its own gets.
type standing struct {
	owner     string
	ttl       uint32
	directive bool // the TTL is that of $TTL
}

// write puts the text together.
func (m *master) write(eds []edition, last []zone.RRset) string {
	var b strings.Builder
	var s standing
	from := 0
	for i, e := range m.entries {
		b.WriteString(m.text[from:e.from])
		from = e.to
		if e.directive != "" {
			if e.directive == "$TTL" {
				s.ttl, s.directive = e.value, true
			}
			b.WriteString(m.text[e.from:e.to])
			continue
		}
		if !eds[i].gone {
			b.WriteString(m.line(e, eds[i], &s))
		}
		for _, set := range eds[i].after {
			m.insert(&b, e, set, &s)
		}
	}
	b.WriteString(m.text[from:])
	for _, set := range last {
		m.insert(&b, entry{owner: set.Name, origin: m.origin}, set, &s)
	}
	return b.String()
}

// line returns the lines of an entry with what has to change in them.
func (m *master) line(e entry, ed edition, s *standing) string {
	type splice struct {
		from, to int
		text     string
	}
	var splices []splice
	first := e.tokens[0] // of what follows the owner
	if !e.blank {
		first = e.tokens[1]
	} else if s.owner != e.owner {
		// The record that lent its name is gone.
		splices = append(splices, splice{e.from, e.from, shortName(e.owner, e.origin)})
	}
	switch {
	case e.ttlAt >= 0 && e.set.TTL != ed.ttl:
		t := e.tokens[e.ttlAt]
		splices = append(splices, splice{t.from, t.to, fmt.Sprint(ed.ttl)})
	case e.ttlAt < 0 && s.ttl != ed.ttl:
		splices = append(splices, splice{first.from, first.from, fmt.Sprint(ed.ttl) + " "})
	}
	if e.ttlAt >= 0 || s.ttl != ed.ttl {
		s.states(ed.ttl)
	}
	s.owner = e.owner
	if ed.data != "" {
		from, to := e.data()
		splices = append(splices, splice{from, to, ed.data})
	}
	if ed.serial != "" {
		t := e.tokens[e.typeAt+3]
		splices = append(splices, splice{t.from, t.to, ed.serial})
	}
	var b strings.Builder
	at := e.from
	for _, x := range splices {
		b.WriteString(m.text[at:x.from])
		b.WriteString(x.text)
		at = x.to
	}
	b.WriteString(m.text[at:e.to])
	return b.String()
}

// data returns where the data stands, its parentheses included.
func (e entry) data() (from, to int) {
	from, to = e.tokens[e.typeAt+1].from, e.tokens[len(e.tokens)-1].to
	for _, at := range e.parens {
		from, to = min(from, at), max(to, at+1)
	}
	return from, to
}

// insert writes records after an entry, in its manner.
func (m *master) insert(b *strings.Builder, e entry, set zone.RRset, s *standing) {
	end := "\n"
	if i := strings.IndexByte(m.text, '\n'); i > 0 && m.text[i-1] == '\r' {
		end = "\r\n"
	}
	if text := b.String(); text != "" && !strings.HasSuffix(text, "\n") {
		b.WriteString(end)
	}
	name := shortName(e.owner, e.origin)
	if len(e.tokens) > 0 {
		name = m.text[e.from:e.tokens[0].from]
		if !e.blank {
			name = m.token(e.tokens[0])
		} else if s.owner != e.owner {
			name = shortName(e.owner, e.origin)
		}
	}
	for _, data := range set.Data {
		fmt.Fprintf(b, "%s\t%d\tIN\t%s\t%s%s", name, set.TTL, set.TypeName(), data, end)
	}
	s.owner = e.owner
	s.states(set.TTL)
}

// states notes a TTL that a record states for itself: without $TTL it holds
// for those after it.
func (s *standing) states(ttl uint32) {
	if !s.directive {
		s.ttl = ttl
	}
}

// shortName returns a name as it is written under an origin.
func shortName(name, origin string) string {
	if !zone.Within(name, origin) || origin == "." {
		return name
	}
	return relative(name, origin, "@")
}
