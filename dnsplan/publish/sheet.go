package publish

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

// sheet writes what a person has to type. Panels complete names in three
// manners, and a name in the wrong one ends with the domain twice.
func sheet(apex string, due []live) string {
	var b strings.Builder
	fmt.Fprintf(&b, "What to change in the panel of %s. Panels want names in one of three notations;\n", bare(apex))
	b.WriteString("look how the records that are there are written, and type the new ones alike.\n")
	for i, l := range due {
		set := l.RRset()
		fmt.Fprintf(&b, "\n%d. %s %s: %s\n", i+1, bare(set.Name), set.TypeName(), task(l))
		row(&b, "name", notations(set.Name, apex))
		if l.After != nil {
			row(&b, "TTL", fmt.Sprint(l.After.TTL))
		}
		for _, data := range gone(l.now, l.After) {
			row(&b, "take out", plainData(set.Type, data))
		}
		for _, data := range gone(l.After, l.now) {
			typed(&b, apex, set.Type, data)
		}
	}
	return b.String()
}

// task says in a few words what becomes of an RRset.
func task(l live) string {
	switch {
	case l.After == nil:
		return "remove"
	case l.now == nil:
		return "create"
	case zone.Equal(l.now, l.After):
		return fmt.Sprintf("change the TTL from %d, nothing else", l.now.TTL)
	}
	return "change"
}

// typed writes one record as the fields of a panel.
func typed(b *strings.Builder, apex string, typ uint16, data string) {
	fields := strings.Fields(data)
	n := len(fields) - 1
	switch {
	case typ == dns.TypeTXT:
		row(b, "put in", plainData(typ, data))
		b.WriteString("             (one line, without quotes around it; some panels want it in quotes)\n")
	case typ == dns.TypeMX && n == 1:
		row(b, "put in", "priority "+fields[0])
		row(b, "  server", notations(fields[1], apex))
	case typ == dns.TypeSRV && n == 3:
		row(b, "put in", fmt.Sprintf("priority %s, weight %s, port %s", fields[0], fields[1], fields[2]))
		row(b, "  target", notations(fields[3], apex))
	case (typ == dns.TypeCNAME || typ == dns.TypeNS) && n == 0:
		row(b, "put in", notations(fields[0], apex))
	default:
		row(b, "put in", plainData(typ, data))
	}
}

func row(b *strings.Builder, word, text string) {
	fmt.Fprintf(b, "   %-10s%s\n", word, text)
}

// notations returns a name as panels want it: with the final dot, without it,
// and, below the apex, relative to it.
func notations(name, apex string) string {
	if name == "." {
		return "."
	}
	full := zone.Canonical(name)
	text := full + "  or  " + bare(full)
	if zone.Within(full, apex) {
		text += "  or  " + relative(full, apex, "@ (or an empty field)")
	}
	return text
}

// plainData returns the text of a TXT record, in which nothing is escaped that
// a person would have to type.
func plainData(typ uint16, data string) string {
	text, err := zone.JoinTXT(data)
	if typ != dns.TypeTXT || err != nil || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return data
	}
	return text
}

// gone returns the records of a that b lacks.
func gone(a, b *zone.RRset) []string {
	var all []string
	if a == nil {
		return nil
	}
	for _, data := range a.Data {
		if b == nil || !slices.ContainsFunc(b.Data, func(d string) bool { return zone.EqualData(a.Type, d, data) }) {
			all = append(all, data)
		}
	}
	return all
}
