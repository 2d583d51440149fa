package migrate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/lab"
	"github.com/mxmove/mxmove/migrate/probe"
	"github.com/mxmove/mxmove/migrate/step"
)

// listens makes the move receive its probes itself, at a port of loopback that
// a rehearsal leads to.
func (h *home) listens(t *testing.T, port string) {
	t.Helper()
	file := filepath.Join(h.dir, "mxmove.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	was := "  imap: imaps://imap.elsewhere.example:993\n  password: {file: probe.password}\n"
	is := strings.Replace(string(text), was, "  listen: 203.0.113.7:25\n", 1)
	is = strings.Replace(is, "  connect:\n", fmt.Sprintf("  connect:\n    \"203.0.113.7:25\": %q\n", port), 1)
	if !strings.Contains(is, "listen:") || !strings.Contains(is, port) {
		t.Fatalf("the configuration has changed: %s", text)
	}
	if err := os.WriteFile(file, []byte(is), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The probe comes to this machine: the check and the gate of the switch take
// it there, and nobody asks the mailbox elsewhere.
func TestProbeComesToThisMachine(t *testing.T) {
	t.Parallel()
	port := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	h := startHome(t, lab.Options{Messages: 6, Attachment: 1 << 10, ElsewhereMX: port})
	h.listens(t, port)
	if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{Until: step.Switched}); err != nil {
		t.Fatal(err)
	}
	proofs, err := h.open(t).CheckDMARC(t.Context(), migrate.DMARCOptions{From: []string{"bert@example.org", lab.AliasAddress, "news@shop.example.org"}})
	if err != nil || len(proofs) != 3 {
		t.Fatalf("CheckDMARC = %d proofs, %v", len(proofs), err)
	}
	for i, from := range []string{"bert@example.org", lab.AliasAddress, "news@shop.example.org"} {
		p := proofs[i]
		// On loopback nobody knows where the sender is.
		if p.Address != from || p.DMARC != probe.Pass || p.Verdict.SPF.Result != "not-measured" || len(p.Verdict.DKIM) != 2 || p.Verdict.Receiver != nil {
			t.Errorf("proof %d = %+v, verdict %+v", i, p, p.Verdict)
		}
	}
	if got := h.ElsewhereMX.Received(); got != 0 {
		t.Errorf("%d messages went to the mailbox elsewhere", got)
	}
}
