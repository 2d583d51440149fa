package migrate_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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

// lastDay is a report of the 24 hours until a time, with ten aligned messages
// from each address.
func lastDay(until time.Time, sources ...string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<feedback><report_metadata><org_name>Receiver</org_name><email>dmarc@receiver.example</email><report_id>1</report_id><date_range><begin>%d</begin><end>%d</end></date_range></report_metadata>
<policy_published><domain>example.org</domain><p>quarantine</p></policy_published>`, until.Add(-24*time.Hour).Unix(), until.Unix())
	for _, source := range sources {
		fmt.Fprintf(&b, `<record><row><source_ip>%s</source_ip><count>10</count><policy_evaluated><disposition>none</disposition><dkim>fail</dkim><spf>pass</spf></policy_evaluated></row>
<identifiers><header_from>example.org</header_from></identifiers><auth_results><spf><domain>example.org</domain><result>pass</result></spf></auth_results></record>`, source)
	}
	b.WriteString("</feedback>")
	return b.Bytes()
}

// mailed is a report as receivers send it.
func mailed(t *testing.T, report []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(report); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return fmt.Appendf(nil, "From: dmarc@receiver.example\r\nSubject: Report Domain: example.org\r\nContent-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n",
		base64.StdEncoding.EncodeToString(packed.Bytes()))
}

// signed is a message with the signature of receiver.example.
func (h *home) signed(t *testing.T, msg []byte) []byte {
	t.Helper()
	msg, err := h.SignReport(msg)
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

// reported delivers messages to the mailbox that the record names.
func (h *home) reported(t *testing.T, msgs ...[]byte) {
	t.Helper()
	for _, msg := range msgs {
		if err := h.Deliver(t.Context(), "dmarc@receiver.example", "info@example.org", msg); err != nil {
			t.Fatal(err)
		}
	}
}

// wantReports has reports sent to an account of the move.
func (h *home) wantReports(t *testing.T) {
	t.Helper()
	record := zone.RRset{Name: "_dmarc.example.org.", Type: dns.TypeTXT, TTL: 2, Data: []string{`"v=DMARC1; p=quarantine; rua=mailto:info@example.org"`}}
	if err := h.DNS.Set(record); err != nil {
		t.Fatal(err)
	}
}

// watchOnce delivers a signed report of the last day, and lets a sweep find it.
func (h *home) watchOnce(t *testing.T, sources ...string) {
	t.Helper()
	h.watchFor(t, h.signed(t, mailed(t, lastDay(h.clock.Now(), sources...))))
}

// watchFor delivers messages, and lets a sweep find them.
func (h *home) watchFor(t *testing.T, msgs ...[]byte) {
	t.Helper()
	h.reported(t, msgs...)
	h.New.ResetCommands()
	if err := h.open(t).Watch(t.Context(), migrate.WatchOptions{Once: true}); err != nil {
		t.Fatal(err)
	}
	if n := h.New.Count("STORE"); n != 0 {
		t.Errorf("the sweep stored %d flags; the reports stay as they are", n)
	}
}

// TestReportsDecideTheClose: as long as receivers see the old server send, its
// address stays in SPF; when they see everybody else, it goes.
func TestReportsDecideTheClose(t *testing.T) {
	t.Parallel()
	h := startHome(t, lab.Options{Messages: 12, Attachment: 1 << 10, TTL: 1})
	h.wantReports(t)
	if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{}); err != nil {
		t.Fatal(err)
	}
	h.edit(t, "mxmove.yaml", "quiet: 2s", "quiet: 20h") // what the reports have to cover
	h.clock.jump(6 * 24 * time.Hour)
	h.watchOnce(t, "198.51.100.25", "192.0.2.10")
	err := h.open(t).Finish(t.Context(), "")
	gate, ok := errors.AsType[*migrate.GateError](err)
	if !ok || len(gate.Refused()) != 1 {
		t.Fatalf("close while the old server sends = %v, want one gate to refuse", err)
	}
	if r := gate.Refused()[0]; r.Code != finding.GateReports || r.Outcome != step.Refused || !strings.Contains(strings.Join(r.Evidence, " "), "192.0.2.10 (ip4:192.0.2.10): 10 messages") {
		t.Errorf("the gate says %+v, want the old server's address refused", r)
	}
	h.clock.jump(25 * time.Hour)
	h.watchOnce(t, "198.51.100.25", "203.0.113.7")
	if err := h.open(t).Finish(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if got := h.served("example.org.", dns.TypeTXT); strings.Contains(got, "192.0.2.10") {
		t.Errorf("TXT after close = %s, want the old address gone", got)
	}
	rec, err := h.open(t).Record(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if rec.Reports == nil || rec.Reports.Kept != 2 || rec.Reports.Unsigned != 0 || len(rec.Reports.Streams) != 3 {
		t.Errorf("the record of the move holds %+v, want two reports and three streams", rec.Reports)
	}
}

// TestReportsOfManyFiles: hidden files are left alone, reports about others are
// counted and no more, and a directory is read whole.
func TestReportsOfManyFiles(t *testing.T) {
	t.Parallel()
	h := startHome(t, lab.Options{Messages: 12, Attachment: 1 << 10, TTL: 1})
	dir := t.TempDir()
	now := h.clock.Now()
	for name, data := range map[string][]byte{
		"new/a.xml": lastDay(now, "192.0.2.10"), "cur/b.eml": mailed(t, lastDay(now.Add(-24*time.Hour), "2001:db8::7")),
		".hidden": []byte("x"), "cur/other.xml": bytes.Replace(lastDay(now), []byte("<domain>example.org"), []byte("<domain>example.net"), 1),
		"sub.xml": bytes.Replace(lastDay(now, "192.0.2.10"), []byte("<domain>example.org"), []byte("<domain>News.example.org"), 1),
	} {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	doc, err := h.open(t).ReadReports(t.Context(), []string{dir})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range doc.Read {
		got = append(got, strings.TrimPrefix(r.File, dir)+" "+r.Domain)
	}
	if want := []string{"/cur/b.eml example.org", "/new/a.xml example.org", "/sub.xml news.example.org"}; !slices.Equal(got, want) || doc.Others != 1 {
		t.Errorf("read %q and %d about others, want %q and 1", got, doc.Others, want)
	}
	for _, s := range doc.Streams {
		if want := map[bool]migrate.SenderClass{true: migrate.SenderOld, false: migrate.SenderUnknown}[s.Network == "192.0.2.0/24"]; s.Known != want {
			t.Errorf("%s of %s is %s, want %s", s.Network, s.Domain, s.Known, want)
		}
	}
}

// TestReportsWithoutDNS: who is not found because nobody answers is not called
// unknown.
func TestReportsWithoutDNS(t *testing.T) {
	t.Parallel()
	h := startHome(t, lab.Options{Messages: 12, Attachment: 1 << 10, TTL: 1})
	file := filepath.Join(t.TempDir(), "r.xml")
	if err := os.WriteFile(file, lastDay(h.clock.Now(), "203.0.113.7"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.Resolver.Close(); err != nil {
		t.Fatal(err)
	}
	doc, err := h.open(t).ReadReports(t.Context(), []string{file})
	if err != nil {
		t.Fatal(err)
	}
	if len(doc.Streams) != 1 || doc.Streams[0].Known != migrate.SenderNotMeasured || len(doc.Findings) != 0 {
		t.Errorf("without the DNS: %+v, findings %+v, want not measured and none", doc.Streams, doc.Findings)
	}
}
