package migrate_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/dnsplan/dnslab"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/lab"
	"github.com/mxmove/mxmove/migrate/step"
)

// numbered gives a report another id.
func numbered(report []byte, id string) []byte {
	return bytes.Replace(report, []byte("<report_id>1<"), []byte("<report_id>"+id+"<"), 1)
}

// refusal is what the gate of the reports says to a close.
func (h *home) refusal(t *testing.T) step.Result {
	t.Helper()
	err := h.open(t).Finish(t.Context(), "")
	gate, ok := errors.AsType[*migrate.GateError](err)
	if !ok || len(gate.Refused()) != 1 || gate.Refused()[0].Code != finding.GateReports {
		t.Fatalf("close = %v, want it refused for the reports alone", err)
	}
	return gate.Refused()[0]
}

// TestForgedReports: a report that anybody may have written can hold up the
// close, and never lets it go on.
func TestForgedReports(t *testing.T) {
	t.Parallel()
	h := startHome(t, lab.Options{Messages: 12, Attachment: 1 << 10, TTL: 1})
	h.wantReports(t)
	if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{}); err != nil {
		t.Fatal(err)
	}
	h.edit(t, "mxmove.yaml", "quiet: 2s", "quiet: 20h") // what the reports have to cover
	h.clock.jump(6 * 24 * time.Hour)
	h.watchFor(t, mailed(t, lastDay(h.clock.Now(), "192.0.2.10")))
	if r := h.refusal(t); r.Outcome != step.Refused || !strings.Contains(strings.Join(r.Evidence, " "), "1 reports not authenticated") {
		t.Errorf("a forged report of the old server's mail: %+v, want it refused", r)
	}

	h.clock.jump(25 * time.Hour)
	clean := lastDay(h.clock.Now(), "203.0.113.7")
	plain := mailed(t, clean)
	forger := bytes.Replace(mailed(t, numbered(clean, "2")), []byte("From: dmarc@receiver"), []byte("From: dmarc@forger"), 1)
	changed := bytes.Replace(h.signed(t, mailed(t, numbered(clean, "3"))), []byte("\r\nSubject: Report"), []byte("\r\nSubject: A Report"), 1)
	claimed := bytes.Replace(numbered(clean, "4"), []byte("<email>dmarc@receiver"), []byte("<email>dmarc@bigmail"), 1)
	h.watchFor(t, plain, h.signed(t, forger), changed, h.signed(t, mailed(t, claimed)))
	if r := h.refusal(t); r.Outcome != step.NotMeasured || !strings.Contains(r.Text, "no DMARC report that its sender signed") || !strings.Contains(strings.Join(r.Evidence, " "), "4 reports not authenticated") {
		t.Errorf("reports that are not signed, signed by another, changed, and another's: %+v, want them to cover nothing", r)
	}

	h.reported(t, h.signed(t, plain))
	h.readBox(t)
	if err := h.open(t).Finish(t.Context(), ""); err != nil {
		t.Errorf("close with a signed copy = %v", err)
	}
	rec, err := h.open(t).Record(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r := rec.Reports; r == nil || r.Kept != 5 || r.Unsigned != 4 || migrate.SignerNames(r.Signers) != "receiver.example" {
		t.Errorf("the record of the move holds %+v, want five reports, one signed", r)
	}
}

// TestForwardedReport: who signed is asked of the report's own message, and
// nobody signs a bare file.
func TestForwardedReport(t *testing.T) {
	t.Parallel()
	h := startHome(t, lab.Options{Messages: 12, Attachment: 1 << 10, TTL: 1})
	doc := lastDay(h.clock.Now(), "203.0.113.7")
	around := "From: anna@example.org\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n%\r\n--b--\r\n"
	forward := func(msg []byte) []byte { return []byte(strings.Replace(around, "%", string(msg), 1)) }
	dir := t.TempDir()
	for _, tt := range []struct {
		name  string
		data  []byte
		want  string
		known bool
	}{
		{"bare.xml", doc, "", false},
		{"forwarded and signed outside.eml", h.signed(t, forward(mailed(t, doc))), "", true},
		{"forwarded and signed inside.eml", forward(h.signed(t, mailed(t, doc))), "receiver.example", false},
		{"bare again.xml", doc, "receiver.example", true},
	} {
		file := filepath.Join(dir, tt.name)
		if err := os.WriteFile(file, tt.data, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := h.open(t).ReadReports(t.Context(), []string{file})
		if err != nil || len(got.Read) != 1 || got.Kept != 1 {
			t.Fatalf("%s: %+v, %v, want one report", tt.name, got, err)
		}
		if r := got.Read[0]; r.SignedBy != tt.want || r.Known != tt.known || r.Messages != 10 {
			t.Errorf("%s: signed by %q, known %v, %d messages; want %q, %v and 10", tt.name, r.SignedBy, r.Known, r.Messages, tt.want, tt.known)
		}
	}
}

// TestSignatureNotAnswered: a message whose signature could not be judged is
// judged again, and one whose time is over is left behind.
func TestSignatureNotAnswered(t *testing.T) {
	t.Parallel()
	h := startHome(t, lab.Options{Messages: 12, Attachment: 1 << 10, TTL: 1})
	h.wantReports(t)
	long := h.clock.Now().Add(-5 * 24 * time.Hour)
	now := h.clock.Now()
	h.reported(t, h.signed(t, mailed(t, lastDay(long, "203.0.113.6"))), h.signed(t, mailed(t, lastDay(now, "203.0.113.7"))),
		h.signed(t, mailed(t, numbered(lastDay(now, "203.0.113.8"), "2"))))
	h.Resolver.Break(dnslab.Fault{Kind: dnslab.Servfail, Name: "r1._domainkey.receiver.example"})
	for range 2 {
		doc := h.readBox(t)
		if doc.Kept != 3 || doc.Unsigned != 3 {
			t.Fatalf("%d reports are kept and %d not authenticated, want 3 and 3", doc.Kept, doc.Unsigned)
		}
	}
	h.Resolver.Mend()
	doc := h.readBox(t)
	if len(doc.Read) != 2 || doc.Kept != 3 || doc.Unsigned != 1 || doc.Read[0].SignedBy != "receiver.example" || doc.Read[1].SignedBy != "receiver.example" {
		t.Errorf("when the DNS answers: %+v, %d not authenticated; want the two new ones judged again", doc.Read, doc.Unsigned)
	}
	if doc = h.readBox(t); len(doc.Read) != 0 || doc.Unsigned != 1 {
		t.Errorf("afterwards %+v are read, want none", doc.Read)
	}
}

// readBox reads what is new in the mailbox of the reports.
func (h *home) readBox(t *testing.T) migrate.Reports {
	t.Helper()
	doc, err := h.open(t).ReadReports(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}
