package migrate_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/lab"
	"github.com/mxmove/mxmove/migrate/step"
)

// finish runs close and returns what it said.
func (h *home) finish(t *testing.T) string {
	t.Helper()
	var said []string
	h.o.Events = func(e migrate.Event) {
		if e.Type == migrate.Talk {
			said = append(said, e.Text)
		}
	}
	defer func() { h.o.Events = nil }()
	if err := h.open(t).Finish(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	return strings.Join(said, "\n")
}

// TestCloseNamesTheNextPolicy: the last close says what keeps the DMARC policy
// from getting stricter, and once a month of reports bears it out, the record.
// It never publishes it.
func TestCloseNamesTheNextPolicy(t *testing.T) {
	t.Parallel()
	h := startHome(t, lab.Options{Messages: 12, Attachment: 1 << 10, TTL: 1})
	const policy = `"v=DMARC1; p=none; sp=none; rua=mailto:info@example.org"`
	if err := h.DNS.Set(zone.RRset{Name: "_dmarc.example.org.", Type: dns.TypeTXT, TTL: 2, Data: []string{policy}}); err != nil {
		t.Fatal(err)
	}
	h.o.Accept = []migrate.Accept{{Code: finding.GateReports, Reason: "nothing else sends in the lab"}}
	if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{Until: step.Closed}); err != nil {
		t.Fatal(err)
	}
	h.clock.jump(31 * 24 * time.Hour)
	if said := h.finish(t); !strings.Contains(said, "in the way: no DMARC report covers the 30 d 0 h") || strings.Contains(said, "yours to publish") {
		t.Errorf("close without reports says\n%s\nwant what is in the way", said)
	}
	files, mails := t.TempDir(), t.TempDir()
	for day := range 31 {
		report := lastDay(h.clock.Now().AddDate(0, 0, -day), "198.51.100.25")
		for path, data := range map[string][]byte{
			filepath.Join(files, strconv.Itoa(day)+".xml"): report,
			filepath.Join(mails, strconv.Itoa(day)+".eml"): h.signed(t, mailed(t, report)),
		} {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := h.open(t).ReadReports(t.Context(), []string{files}); err != nil {
		t.Fatal(err)
	}
	if said := h.finish(t); !strings.Contains(said, "in the way: no DMARC report that its sender signed covers the 30 d 0 h") || strings.Contains(said, "yours to publish") {
		t.Errorf("close with reports that anybody may have written says\n%s\nwant that they cover nothing", said)
	}
	if _, err := h.open(t).ReadReports(t.Context(), []string{mails}); err != nil {
		t.Fatal(err)
	}
	said := h.finish(t)
	if want := "yours to publish: _dmarc.example.org. TXT v=DMARC1; p=quarantine; sp=none; rua=mailto:info@example.org"; !strings.Contains(said, want) || strings.Contains(said, "in the way") {
		t.Errorf("close with a month of reports says\n%s\nwant %q", said, want)
	}
	if got := strings.Join(h.DNS.Zone("example.org.").Get("_dmarc.example.org.", dns.TypeTXT).Data, ", "); got != policy {
		t.Errorf("the policy is %s after close, want %s: it is the owner's to publish", got, policy)
	}
}
