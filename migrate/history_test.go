package migrate

import (
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

func mx(ttl uint32, data ...string) *zone.RRset {
	return &zone.RRset{Name: "example.org.", Type: dns.TypeMX, TTL: ttl, Data: data}
}

func TestInEffect(t *testing.T) {
	t.Parallel()
	lower := dnsplan.Change{Zone: "example.org.", Stage: dnsplan.Prepare, Action: dnsplan.Update, Before: mx(86400, "10 old."), After: mx(300, "10 old.")}
	sw := dnsplan.Change{Zone: "example.org.", Stage: dnsplan.Switch, Action: dnsplan.Update, Before: mx(300, "10 old."), After: mx(300, "1 new.")}
	tests := []struct {
		name    string
		history []dnsplan.Change
		want    []dnsplan.Change
	}{
		{"nothing", nil, nil},
		{"two in a row", []dnsplan.Change{lower, sw}, []dnsplan.Change{lower, sw}},
		{"a stage repeated after a crash", []dnsplan.Change{lower, lower, sw}, []dnsplan.Change{lower, sw}},
		{"switched and undone", []dnsplan.Change{lower, sw, sw.Reverse()}, []dnsplan.Change{lower}},
		{"undone and switched again", []dnsplan.Change{lower, sw, sw.Reverse(), sw}, []dnsplan.Change{lower, sw}},
		{"undone entirely", []dnsplan.Change{lower, sw, sw.Reverse(), lower.Reverse()}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := inEffect(tt.history)
			if len(got) != len(tt.want) {
				t.Fatalf("inEffect = %d changes %v, want %d", len(got), got, len(tt.want))
			}
			for i := range got {
				if !sameChange(got[i], tt.want[i]) {
					t.Errorf("change %d = %v, want %v", i, got[i], tt.want[i])
				}
			}
		})
	}
}

func TestTakenBack(t *testing.T) {
	t.Parallel()
	lower := dnsplan.Change{Zone: "example.org.", Stage: dnsplan.Prepare, Action: dnsplan.Update, Before: mx(86400, "10 old."), After: mx(300, "10 old.")}
	sw := dnsplan.Change{Zone: "example.org.", Stage: dnsplan.Switch, Action: dnsplan.Update, Before: mx(300, "10 old."), After: mx(300, "1 new.")}
	for _, tt := range []struct {
		name          string
		history, want []dnsplan.Change
	}{
		{"nothing", nil, nil},
		{"switched", []dnsplan.Change{lower, sw}, nil},
		{"switched and undone", []dnsplan.Change{lower, sw, sw.Reverse()}, []dnsplan.Change{sw.Reverse()}},
		{"undone twice, the first time cut short", []dnsplan.Change{lower, sw, sw.Reverse(), sw.Reverse()}, []dnsplan.Change{sw.Reverse()}},
		{"undone entirely", []dnsplan.Change{lower, sw, sw.Reverse(), lower.Reverse()}, []dnsplan.Change{lower.Reverse()}},
		{"undone, and another switch came", []dnsplan.Change{lower, sw, sw.Reverse(), {Zone: "example.org.", Stage: dnsplan.Switch, Before: mx(300, "10 old."), After: mx(300, "1 third.")}}, nil},
	} {
		got := takenBack(tt.history)
		if len(got) != len(tt.want) || len(got) > 0 && !sameChange(got[0], tt.want[0]) {
			t.Errorf("%s: takenBack = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestRemembered(t *testing.T) {
	t.Parallel()
	lower := dnsplan.Change{Zone: "example.org.", Stage: dnsplan.Prepare, Action: dnsplan.Update, Before: mx(86400, "10 old."), After: mx(300, "10 old.")}
	sw := dnsplan.Change{Zone: "example.org.", Stage: dnsplan.Switch, Action: dnsplan.Update, Before: mx(300, "10 old."), After: mx(300, "1 new.")}
	file := []dnsplan.Change{lower, sw}
	for _, tt := range []struct {
		name         string
		stored, want []dnsplan.Change
	}{
		{"all is stored", []dnsplan.Change{lower, sw}, []dnsplan.Change{lower, sw}},
		{"the switch was cut short", []dnsplan.Change{lower}, []dnsplan.Change{lower, sw}},
		{"the database is lost", nil, []dnsplan.Change{lower, sw}},
		{"lost, and undone since", []dnsplan.Change{sw.Reverse(), lower.Reverse()}, []dnsplan.Change{lower, sw, sw.Reverse(), lower.Reverse()}},
		{"lost, and half undone since", []dnsplan.Change{sw.Reverse()}, []dnsplan.Change{sw, sw.Reverse(), lower}},
	} {
		got := remembered(tt.stored, file)
		if !slices.EqualFunc(got, tt.want, sameChange) {
			t.Errorf("%s: remembered = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestOnlyWhatTheSwitchChangesRestartsTheWait(t *testing.T) {
	t.Parallel()
	lower := dnsplan.Change{Zone: "example.org.", Stage: dnsplan.Prepare, Action: dnsplan.Update, Before: mx(86400, "10 old."), After: mx(300, "10 old.")}
	sw := dnsplan.Change{Zone: "example.org.", Stage: dnsplan.Switch, Action: dnsplan.Update, Before: mx(300, "10 old."), After: mx(300, "1 new.")}
	key := &zone.RRset{Name: "s1._domainkey.example.org.", Type: dns.TypeTXT, TTL: 300, Data: []string{`"v=DKIM1; p=AA=="`}}
	dkim := dnsplan.Change{Zone: "example.org.", Stage: dnsplan.Prepare, Action: dnsplan.Create, After: key}
	plan := dnsplan.Plan{Changes: []dnsplan.Change{lower, dkim, sw}}
	for _, tt := range []struct {
		name            string
		changes, before []dnsplan.Change
		want            bool
	}{
		{"first time", []dnsplan.Change{lower, dkim}, nil, true},
		{"repeated", []dnsplan.Change{lower, dkim}, []dnsplan.Change{lower, dkim}, false},
		{"a key came later", []dnsplan.Change{dkim}, []dnsplan.Change{lower}, false},
		{"the TTL was raised by somebody and lowered again", []dnsplan.Change{lower}, []dnsplan.Change{dkim}, true},
	} {
		if got := restarts(plan, tt.changes, tt.before); got != tt.want {
			t.Errorf("%s: restarts = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestReversedGoesNewestFirst(t *testing.T) {
	t.Parallel()
	a := dnsplan.Change{Zone: "a.", Before: mx(1, "1 a."), After: mx(2, "1 a."), Action: dnsplan.Update}
	b := dnsplan.Change{Zone: "b.", After: mx(2, "1 b."), Action: dnsplan.Create}
	got := reversed([]dnsplan.Change{a, b})
	if got[0].Zone != "b." || got[0].Action != dnsplan.Delete || got[1].Zone != "a." || got[1].After.TTL != 1 {
		t.Errorf("reversed = %+v, want b deleted first and a back at its TTL", got)
	}
}

func TestNotBefore(t *testing.T) {
	t.Parallel()
	plan := dnsplan.Plan{Waits: []dnsplan.Wait{
		{Stage: dnsplan.Switch, Length: time.Hour, Because: "short"},
		{Stage: dnsplan.Switch, Length: 26 * time.Hour, Because: "long"},
		{Stage: dnsplan.Retire, Length: 240 * time.Hour, Because: "other"},
	}}
	at, because := notBefore(plan, dnsplan.Switch, shown{All: noon})
	if !at.Equal(noon.Add(26*time.Hour)) || because != "long" {
		t.Errorf("notBefore = %s because %q, want the longest wait of the stage", at, because)
	}
	if at, _ := notBefore(plan, dnsplan.Switch, shown{}); !at.IsZero() {
		t.Errorf("notBefore of a stage never seen = %s, want no time", at)
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0:                                "0 s",
		1500 * time.Millisecond:          "2 s",
		90 * time.Second:                 "1 min 30 s",
		26*time.Hour + 24*time.Minute:    "26 h 24 min",
		14*24*time.Hour + 30*time.Minute: "14 d 0 h",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%v) = %q, want %q", d, got, want)
		}
	}
}

func providerRecords() provider.Records {
	return provider.Records{
		MX:   []provider.Exchange{{Preference: 1, Host: "smtp.provider.example."}},
		Also: [][]provider.Exchange{{{Preference: 1, Host: "aspmx.provider.example."}}},
	}
}

func TestMXOf(t *testing.T) {
	t.Parallel()
	records := providerRecords()
	tests := []struct {
		name string
		set  *zone.RRset
		want mxState
	}{
		{"no MX at all", nil, mxOld},
		{"old", mx(300, "10 mail.example.org."), mxOld},
		{"new", mx(300, "1 SMTP.provider.example."), mxNew},
		{"new in a legacy form", mx(300, "1 aspmx.provider.example."), mxNew},
		{"split delivery", mx(300, "1 smtp.provider.example.", "20 mail.example.org."), mxMixed},
	}
	for _, tt := range tests {
		if got := mxOf(tt.set, records); got != tt.want {
			t.Errorf("mxOf(%s) = %s, want %s", tt.name, got, tt.want)
		}
	}
	for _, tt := range []struct {
		states []mxState
		want   mxState
	}{
		{nil, mxUnknown},
		{[]mxState{mxOld, mxOld}, mxOld},
		{[]mxState{mxOld, mxNew}, mxMixed},
	} {
		if got := joined(tt.states); got != tt.want {
			t.Errorf("joined(%v) = %s, want %s", tt.states, got, tt.want)
		}
	}
}
