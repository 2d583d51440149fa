package migrate_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/lab"
	"github.com/mxmove/mxmove/migrate/probe"
	"github.com/mxmove/mxmove/migrate/step"
)

// listens makes the move receive its probes itself, at a port of loopback that
// a rehearsal leads to.
func (h *home) listens(t *testing.T, port string) {
	t.Helper()
	h.edit(t, "mxmove.yaml", "  imap: imaps://imap.elsewhere.example:993\n  password: {file: probe.password}\n", "  listen: 203.0.113.7:25\n")
	h.edit(t, "mxmove.yaml", "  connect:\n", fmt.Sprintf("  connect:\n    \"203.0.113.7:25\": %q\n", port))
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

// The probe's mailbox may be one that takes tokens alone.
func TestProbeMailboxOpensByToken(t *testing.T) {
	t.Parallel()
	const token = "a-token-of-the-probe"
	asked := make(chan string, 64)
	h := startHome(t, lab.Options{Messages: 6, Attachment: 1 << 10, Elsewhere: imaplab.Options{
		Hide: []imap.Cap{imap.AuthCap("PLAIN")},
		Bearer: func(user, given string) (time.Time, error) {
			if asked <- user; given != token {
				return time.Time{}, errors.New("no such token")
			}
			return time.Time{}, nil
		},
	}})
	h.edit(t, "mxmove.yaml", "password: {file: probe.password}", "oauth: {kind: token, secret: {file: probe.token}}")
	if err := os.WriteFile(filepath.Join(h.dir, "probe.token"), []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{Until: step.Prepared}); err != nil {
		t.Fatal(err)
	}
	proofs, err := h.open(t).CheckDMARC(t.Context(), migrate.DMARCOptions{})
	if err != nil || len(proofs) != 1 || proofs[0].DMARC != probe.Pass {
		t.Fatalf("CheckDMARC = %+v, %v", proofs, err)
	}
	select {
	case user := <-asked:
		if user != h.Probe.Address {
			t.Errorf("the token was for %s, want %s", user, h.Probe.Address)
		}
	default:
		t.Error("no token was shown to the mailbox")
	}
	if err := os.WriteFile(filepath.Join(h.dir, "probe.token"), []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := h.open(t).CheckDMARC(t.Context(), migrate.DMARCOptions{}); imapconn.Class(err) != imapconn.ClassLogin {
		t.Errorf("with a wrong token: %v, want that the login was refused", err)
	}
}

// What arrives among spam is found there, and that is told.
func TestProbeAmongSpamIsTold(t *testing.T) {
	t.Parallel()
	h := startHome(t, lab.Options{Messages: 6, Attachment: 1 << 10})
	if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{Until: step.Prepared}); err != nil {
		t.Fatal(err)
	}
	var told []string
	h.o.Events = func(e migrate.Event) {
		told = append(told, e.Text)
		if !strings.HasPrefix(e.Text, "probe from anna@example.org sent") {
			return
		}
		box := h.Elsewhere.Lookup(h.Probe.Address)
		for _, m := range box.Messages("INBOX") {
			if err := box.Remove("INBOX", m.UID); err != nil {
				t.Error(err)
			}
			if _, err := box.Deliver("Junk", m); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := h.open(t).CheckDMARC(t.Context(), migrate.DMARCOptions{}); err != nil {
		t.Fatal(err)
	}
	if all := strings.Join(told, "\n"); !strings.Contains(all, `arrived in "Junk"`) {
		t.Errorf("told: %s", all)
	}
}
