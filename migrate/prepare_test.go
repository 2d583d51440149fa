package migrate

import (
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

func TestRestarts(t *testing.T) {
	t.Parallel()
	set := func(name string, typ uint16, ttl uint32, data string) *zone.RRset {
		return &zone.RRset{Name: name, Type: typ, TTL: ttl, Data: []string{data}}
	}
	lowered := dnsplan.Change{Zone: "example.org.", Before: set("example.org.", dns.TypeMX, 3600, "10 a."), After: set("example.org.", dns.TypeMX, 300, "10 a.")}
	sender := dnsplan.Change{Zone: "example.org.", Before: set("example.org.", dns.TypeTXT, 3600, `"v=spf1 mx -all"`), After: set("example.org.", dns.TypeTXT, 3600, `"v=spf1 ~all"`)}
	key := dnsplan.Change{Zone: "example.org.", After: set("s._domainkey.example.org.", dns.TypeTXT, 3600, `"v=DKIM1; p="`)}
	mx := dnsplan.Change{Zone: "example.org.", Stage: dnsplan.Switch, Before: lowered.After, After: set("example.org.", dns.TypeMX, 300, "10 b.")}
	plan := dnsplan.Plan{Changes: []dnsplan.Change{mx}}
	tests := []struct {
		name            string
		changes, before []dnsplan.Change
		want            bool
	}{
		{"nothing", nil, nil, false},
		{"a TTL lowered", []dnsplan.Change{lowered}, nil, true},
		{"the same again", []dnsplan.Change{lowered}, []dnsplan.Change{lowered}, false},
		{"a record changed", []dnsplan.Change{sender}, []dnsplan.Change{lowered}, true},
		{"a key that came later", []dnsplan.Change{lowered, key}, []dnsplan.Change{lowered}, false},
	}
	for _, tt := range tests {
		if got := restarts(plan, tt.changes, tt.before); got != tt.want {
			t.Errorf("%s: restarts = %v, want %v", tt.name, got, tt.want)
		}
	}
}
