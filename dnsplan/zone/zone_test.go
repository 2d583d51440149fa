package zone_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
)

func TestFromRRs(t *testing.T) {
	t.Parallel()
	var rrs []dns.RR
	for _, line := range []string{
		"Example.ORG. 300 IN TXT \"b\"",
		"example.org. 200 IN TXT \"a\" \"c\"",
		"example.org. 100 IN TXT \"b\"",
		"example.org. 60 IN MX 10 Mail.Example.org.",
		"a.example.org. 60 IN A 192.0.2.1",
	} {
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		rrs = append(rrs, rr)
	}
	got := zone.FromRRs(rrs)
	want := []zone.RRset{
		{Name: "example.org.", Type: dns.TypeMX, TTL: 60, Data: []string{"10 Mail.Example.org."}},
		{Name: "example.org.", Type: dns.TypeTXT, TTL: 100, Data: []string{`"b"`, `"a" "c"`}},
		{Name: "a.example.org.", Type: dns.TypeA, TTL: 60, Data: []string{"192.0.2.1"}},
	}
	if !slices.EqualFunc(got, want, func(a, b zone.RRset) bool {
		return a.Key() == b.Key() && a.TTL == b.TTL && slices.Equal(a.Data, b.Data)
	}) {
		t.Errorf("FromRRs = %v, want %v", got, want)
	}
	back, err := want[1].RRs()
	if err != nil || len(back) != 2 || back[1].String() != "example.org.\t100\tIN\tTXT\t\"a\" \"c\"" {
		t.Errorf("RRs = %v, %v, want the records again", back, err)
	}
}

func TestRRsRefusesSmuggledRecords(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"192.0.2.1\nwww.example.org. 60 IN A 192.0.2.66", "", "not an address", "192.0.2.1 ; comment\r\n"} {
		if rrs, err := set(dns.TypeA, 60, data).RRs(); err == nil {
			t.Errorf("RRs of %q = %v, want an error", data, rrs)
		}
	}
}

func TestZone(t *testing.T) {
	t.Parallel()
	z := zone.New("Example.org", zone.File)
	z.Put(zone.RRset{Name: "WWW.example.org", Type: dns.TypeA, TTL: 60, Data: []string{"192.0.2.1"}})
	z.Put(zone.RRset{Name: "*.example.org.", Type: dns.TypeA, TTL: 60, Data: []string{"192.0.2.2"}})
	copied := z.Clone()
	got := z.Get("www.example.org.", dns.TypeA)
	if got == nil || got.Name != "www.example.org." {
		t.Fatalf("Get = %v", got)
	}
	got.Data[0] = "changed"
	if again := z.Get("www.EXAMPLE.org", dns.TypeA); again.Data[0] != "192.0.2.1" {
		t.Errorf("a change of what Get returned reached the zone: %v", again)
	}
	if other := z.Get("ftp.example.org.", dns.TypeA); other != nil {
		t.Errorf("Get is not exact: %v", other)
	}
	z.Remove("www.example.org", dns.TypeA)
	z.Put(zone.RRset{Name: "*.example.org.", Type: dns.TypeA})
	if z.Len() != 0 || copied.Len() != 2 {
		t.Errorf("lengths = %d and %d of the clone, want 0 and 2", z.Len(), copied.Len())
	}
	var empty zone.Zone
	empty.Put(*set(dns.TypeA, 1, "192.0.2.1"))
	if empty.Len() != 1 {
		t.Errorf("a zero Zone takes no RRset")
	}
}

func TestWithin(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, parent string
		want         bool
	}{
		{"example.org.", "example.org.", true},
		{"www.Example.org", "example.ORG.", true},
		{"badexample.org.", "example.org.", false},
		{"org.", "example.org.", false},
		{"anything.", ".", true},
	}
	for _, tt := range tests {
		if got := zone.Within(tt.name, tt.parent); got != tt.want {
			t.Errorf("Within(%q, %q) = %v, want %v", tt.name, tt.parent, got, tt.want)
		}
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	z := mustRead(t, "postfix.zone")
	text, err := json.Marshal(z)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"name":"example.org.","type":"MX","ttl":86400,"data":["10 mail.example.org."]}`; !strings.Contains(string(text), want) {
		t.Errorf("JSON = %s, want %s in it", text, want)
	}
	var back zone.Zone
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if !sameZone(z, back) || back.Serial != z.Serial || back.Coverage != z.Coverage || back.Origin != z.Origin {
		t.Errorf("zone read back from JSON differs")
	}
	for _, bad := range []string{
		`{"origin":"example.org.","coverage":"guessed","serial":0,"rrsets":[]}`,
		`{"origin":"example.org.","coverage":"file","rrsets":[{"name":"other.example.","type":"A","ttl":1,"data":["192.0.2.1"]}]}`,
		`{"origin":"example.org.","coverage":"file","rrsets":[{"name":"example.org.","type":"NOPE","ttl":1,"data":["x"]}]}`,
		`{"origin":"example.org.","coverage":"file","rrsets":[{"name":"example.org.","type":"A","ttl":1,"data":["mail.example.org."]}]}`,
		`{"origin":"example.org.","coverage":"file","rrsets":[{"name":"a b.example.org.","type":"A","ttl":1,"data":["192.0.2.1"]}]}`,
	} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("Unmarshal(%s) succeeds", bad)
		}
	}
}

func sameZone(a, b zone.Zone) bool {
	return slices.EqualFunc(a.All(), b.All(), func(x, y zone.RRset) bool { return zone.Same(&x, &y) })
}

func mustRead(t *testing.T, name string) zone.Zone {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "testdata", "zones", name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := zone.Read(f, "example.org", name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestReadWrite(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../testdata/zones/*.zone")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d zones, %v", len(files), err)
	}
	for _, file := range files {
		z := mustRead(t, filepath.Base(file))
		var first, second strings.Builder
		if err := z.Write(&first); err != nil {
			t.Fatal(err)
		}
		again, err := zone.Read(strings.NewReader(first.String()), "example.org.", "again")
		if err != nil {
			t.Fatalf("%s: read what was written: %v", file, err)
		}
		if err := again.Write(&second); err != nil {
			t.Fatal(err)
		}
		if first.String() != second.String() || !sameZone(z, again) || again.Serial != z.Serial || z.Serial == 0 {
			t.Errorf("%s written and read =\n%s\nwant\n%s", file, second.String(), first.String())
		}
		if !strings.HasPrefix(first.String(), "example.org.\t") || !strings.Contains(strings.SplitN(first.String(), "\n", 2)[0], "\tSOA\t") {
			t.Errorf("%s: the SOA is not the first record", file)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"include", "$TTL 60\n@ A 192.0.2.1\n$INCLUDE other.zone\n", "z:3: $INCLUDE"},
		{"generate", "$TTL 60\n$generate 1-9 host$ A 192.0.2.$\n", "z:2: $generate"},
		{"outside", "$TTL 60\nwww.other.example. A 192.0.2.1\n", "lies outside"},
		{"other zone", "$TTL 60\nwww SOA ns. mail. 1 2 3 4 5\n", "the SOA is of"},
		{"no data", "$TTL 60\n@ SOA\n", "incomplete data"},
		{"class", "$TTL 60\n@ CH TXT \"x\"\n", "class IN"},
		{"syntax with line", "$TTL 60\n@ A 192.0.2.1\n@ A nonsense\n", "line: 3"},
		{"escape sequence", "$TTL 60\n@ A \x1b[31m\n", `x1b[31m`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := zone.Read(strings.NewReader(tt.text), "example.org.", "z")
			if !errors.Is(err, zone.ErrMaster) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Read = %v, want %q", err, tt.want)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{"@ 60 MX 10 mail\n", "$ORIGIN x.\n@ 1 A 192.0.2.1\n", "$TTL 1\n@ TXT ( \"a\"\n \"b\" )\n", "a 1 TYPE65280 \\# 1 00\n", "a 1 CAA 0 issue \"x\"\n", "@ 1 SOA a b 1 2 3 4 5\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		z, err := zone.Read(strings.NewReader(text), "example.org.", "fuzz")
		if err != nil {
			return
		}
		var b strings.Builder
		if err := z.Write(&b); err != nil {
			t.Fatal(err)
		}
		again, err := zone.Read(strings.NewReader(b.String()), "example.org.", "again")
		if err != nil {
			t.Fatalf("read what was written: %v\n%s", err, b.String())
		}
		if !sameZone(z, again) {
			t.Errorf("zone written and read differs:\n%s", b.String())
		}
	})
}

func FuzzRRsetJSON(f *testing.F) {
	f.Add(`{"name":"example.org.","type":"MX","ttl":60,"data":["10 mail.example.org."]}`)
	f.Add(`{"name":"example.org.","type":"TYPE65280","ttl":60,"data":["\\# 1 00"]}`)
	f.Add(`{"name":"example.org.","type":"TXT","ttl":60,"data":["\"a\" \"b\""]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var s, again zone.RRset
		if json.Unmarshal([]byte(text), &s) != nil {
			return
		}
		out, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(out, &again); err != nil {
			t.Fatalf("read %s: %v", out, err)
		}
		if !zone.Same(&s, &again) {
			t.Errorf("%v read back = %v", s, again)
		}
	})
}
