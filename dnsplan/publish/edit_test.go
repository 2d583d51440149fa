package publish

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// TestEditEndsAndBreaks edits files with line breaks of their own kind, and
// without one at the end.
func TestEditEndsAndBreaks(t *testing.T) {
	t.Parallel()
	dos := "$TTL 60\r\n@ SOA a b 7 1 1 1 1\r\n@ MX 10 mail\r\nwww A 192.0.2.1"
	m, z, err := understand(dos, "example.org.", "zone")
	if err != nil {
		t.Fatal(err)
	}
	mx := &zone.RRset{Name: "example.org.", Type: 15, TTL: 30, Data: []string{"1 a.example.", "2 b.example."}}
	txt := &zone.RRset{Name: "new.example.org.", Type: 16, TTL: 30, Data: []string{`"a;b"`}}
	changes := []dnsplan.Change{{Before: z.Get("example.org.", 15), After: mx}, {After: txt}}
	got, err := m.edit([]live{{changes[0], changes[0].Before}, {changes[1], nil}}, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	want := "$TTL 60\r\n@ SOA a b 8 1 1 1 1\r\n@ 30 MX 1 a.example.\r\n@\t30\tIN\tMX\t2 b.example.\r\nwww A 192.0.2.1\r\nnew\t30\tIN\tTXT\t\"a;b\"\r\n"
	if got != want {
		t.Errorf("edit = %q, want %q", got, want)
	}
	if err := proves(got, z, changes, "zone"); err != nil {
		t.Error(err)
	}
}

// FuzzEdit edits whatever can be read: the text then says what it shall and
// nothing else, but for what only a change of TTL or data could hide.
func FuzzEdit(f *testing.F) {
	archives, err := filepath.Glob("../../testdata/publish/edit/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, archive := range archives {
		if a, err := txtar.ParseFile(archive); err == nil {
			f.Add(string(a.Files[0].Data), uint8(0))
			f.Add(string(a.Files[0].Data), uint8(1))
		}
	}
	f.Add("@ 1 SOA a b 1 1 1 1 1\n@ ( 60 IN MX 10 mail )\n 30 TXT a;b\n$ORIGIN sub\n TXT \"\\\"\" ( \";\" ; c\n)\n", uint8(2))
	f.Fuzz(func(t *testing.T, text string, which uint8) {
		if len(text) > 1<<14 {
			return
		}
		m, z, err := understand(text, "example.org.", "zone")
		if err != nil {
			return
		}
		var changes []dnsplan.Change
		var due []live
		for i, s := range z.All() {
			c := dnsplan.Change{Before: &s}
			after := s
			switch (i + int(which)) % 4 {
			case 0:
				after.TTL = 77
				c.After = &after
			case 1: // it goes
			case 2:
				after.Data = append(after.Data[1:len(after.Data):len(after.Data)], after.Data[0])
				after.TTL++
				c.After = &after
			default:
				continue
			}
			if s.TypeName() == "SOA" || after.TTL > 1<<31-1 {
				continue // its serial moves
			}
			changes, due = append(changes, c), append(due, live{c, &s})
		}
		got, err := m.edit(due, time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		if err := proves(got, z, changes, "zone"); err != nil && !strings.Contains(err.Error(), "CNAME beside") {
			t.Errorf("%v\nbefore:\n%s\nafter:\n%s", err, text, got)
		}
	})
}
