package migrate_test

import (
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/step"
)

// TestCloseWarnsOfWhatElseTheOldBoxDoes closes a move whose old mail server
// also serves the zone, or the MTA-STS policy.
func TestCloseWarnsOfWhatElseTheOldBoxDoes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, address string       // of the old mail server
		code          finding.Code // of the gate that refuses; empty: none does
	}{
		{"nothing", "192.0.2.10", ""},
		{"a name server", "192.0.2.53", finding.NameServerOld},
		{"the policy", "192.0.2.81", finding.STSHostOld},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := startHome(t, small)
			both := policyText + "mx: *.provider.example\n"
			servePolicy(t, h).Store(&both)
			if err := h.DNS.Set(zone.RRset{Name: "mail.example.org.", Type: dns.TypeA, TTL: 1, Data: []string{tt.address}}); err != nil {
				t.Fatal(err)
			}
			h.o.Accept = []migrate.Accept{{Code: finding.GateReports, Reason: "nothing else sends in the lab"}}
			if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{}); err != nil {
				t.Fatal(err)
			}
			h.clock.jump(6 * 24 * time.Hour)
			err := h.open(t).Finish(t.Context(), "")
			if tt.code == "" {
				if err != nil {
					t.Errorf("close = %v, want it to pass", err)
				}
				return
			}
			if got := refusedBy(t, err); got != "old-box" {
				t.Errorf("close was refused by %q, want old-box alone", got)
			}
			if got := h.phase(t); got != step.Settled {
				t.Errorf("the phase is %s, want settled", got)
			}
			h.o.Accept = append(h.o.Accept, migrate.Accept{Code: tt.code, Reason: "the machine stays"})
			if err := h.open(t).Finish(t.Context(), ""); err != nil {
				t.Errorf("close on a person's word = %v", err)
			}
		})
	}
}
