package spf_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/mxmove/mxmove/dnsplan/spf"
)

func parse(t *testing.T, text string) spf.Record {
	t.Helper()
	r, err := spf.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEdits(t *testing.T) {
	t.Parallel()
	insert := func(r spf.Record) spf.Record { return r.Insert(spf.Include("New.example.")) }
	relax := func(r spf.Record) spf.Record { return r.Relax() }
	unredirect := func(r spf.Record) spf.Record { return r.Unredirect(spf.SoftFail) }
	dedupe := func(r spf.Record) spf.Record { return r.Dedupe() }
	tests := []struct {
		name     string
		edit     func(spf.Record) spf.Record
		from, to string
	}{
		{"before all", insert, "v=spf1 mx -all", "v=spf1 mx include:New.example -all"},
		{"before redirect", insert, "v=spf1 mx redirect=x.example", "v=spf1 mx include:New.example redirect=x.example"},
		{"before all and exp", insert, "v=spf1 mx ~all exp=x.example", "v=spf1 mx include:New.example ~all exp=x.example"},
		{"at the end", insert, "v=spf1 mx", "v=spf1 mx include:New.example"},
		{"there already", insert, "v=spf1 include:NEW.example. -all", "v=spf1 include:NEW.example. -all"},
		{"there, but never reached", insert, "v=spf1 -all include:new.example", "v=spf1 include:New.example -all include:new.example"},
		{"relax", relax, "v=spf1 mx -all", "v=spf1 mx ~all"},
		{"never tighten", relax, "v=spf1 mx ?all", "v=spf1 mx ?all"},
		{"keep what allows all", relax, "v=spf1 +all", "v=spf1 +all"},
		{"no end", relax, "v=spf1 mx", "v=spf1 mx"},
		{"redirect", unredirect, "v=spf1 mx redirect=x.example", "v=spf1 mx include:x.example ~all"},
		{"redirect without effect", unredirect, "v=spf1 mx -all redirect=x.example", "v=spf1 mx -all"},
		{"no redirect", unredirect, "v=spf1 mx -all", "v=spf1 mx -all"},
		{"dedupe", dedupe, "v=spf1 mx A a MX ip4:192.0.2.1 ip4:192.0.2.1/32 -all", "v=spf1 mx a ip4:192.0.2.1 -all"},
		{"dedupe keeps qualifiers apart", dedupe, "v=spf1 ~mx mx -all", "v=spf1 ~mx mx -all"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			from := parse(t, tt.from)
			if got := tt.edit(from).String(); got != tt.to {
				t.Errorf("%s = %s, want %s", tt.from, got, tt.to)
			}
			if again := tt.edit(tt.edit(from)).String(); again != tt.to {
				t.Errorf("%s edited twice = %s, want %s", tt.from, again, tt.to)
			}
			if from.String() != parse(t, tt.from).String() {
				t.Errorf("the edit changed the record itself: %s", from)
			}
		})
	}
}

func TestUnion(t *testing.T) {
	t.Parallel()
	tests := []struct{ a, b, want string }{
		{"v=spf1 mx -all", "v=spf1 include:x.example ~all", "v=spf1 mx include:x.example ~all"},
		{"v=spf1 mx -all", "v=spf1 mx a -all", "v=spf1 mx a -all"},
		{"v=spf1 mx -all", "v=spf1 a", "v=spf1 mx a ?all"},
		{"v=spf1 redirect=x.example", "v=spf1 mx -all", "v=spf1 include:x.example mx ?all"},
		{"v=spf1 +all", "v=spf1 -all", "v=spf1 +all"},
		{"v=spf1 a exp=e.example -all", "v=spf1 mx exp=f.example -all", "v=spf1 a mx -all exp=e.example"},
	}
	for _, tt := range tests {
		if got := spf.Union([]spf.Record{parse(t, tt.a), parse(t, tt.b)}).String(); got != tt.want {
			t.Errorf("Union(%s, %s) = %s, want %s", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestFreeze(t *testing.T) {
	t.Parallel()
	hosts := map[string][]netip.Addr{
		"mail.": {netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("2001:db8::10")},
		"gone.": nil,
	}
	addrs := func(host string) ([]netip.Addr, error) {
		as, ok := hosts[host]
		if !ok {
			return nil, errors.New("no answer")
		}
		return as, nil
	}
	tests := []struct {
		record, host, want string
		kept               int
	}{
		{"v=spf1 mx -all", "mail.", "v=spf1 ip4:192.0.2.10 ip6:2001:db8::10 -all", 0},
		{"v=spf1 ~mx/24//64 -all", "mail.", "v=spf1 ~ip4:192.0.2.0/24 ~ip6:2001:db8::/64 -all", 0},
		{"v=spf1 a mx ip4:192.0.2.10 include:x.example", "mail.", "v=spf1 ip4:192.0.2.10 ip6:2001:db8::10 include:x.example", 0},
		{"v=spf1 mx -all", "gone.", "v=spf1 -all", 0},
		{"v=spf1 mx include:x.example -all", "silent.", "v=spf1 mx include:x.example -all", 1},
		{"v=spf1 a:%{d}.example -all", "mail.", "v=spf1 a:%{d}.example -all", 0},
	}
	for _, tt := range tests {
		got, kept := parse(t, tt.record).Freeze(
			func(spf.Term) bool { return true },
			func(spf.Term) ([]string, error) { return []string{tt.host}, nil },
			addrs)
		if got.String() != tt.want || len(kept) != tt.kept {
			t.Errorf("Freeze(%s) of %s = %s, kept %v, want %s", tt.record, tt.host, got, kept, tt.want)
		}
	}
}
