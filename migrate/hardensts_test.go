package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/finding"
)

// tlsMonth reads a TLS report for each of the last 30 days.
func (h *home) tlsMonth(t *testing.T, id string, good, failed int) {
	t.Helper()
	dir := t.TempDir()
	for n := range 30 {
		until := h.clock.Now().AddDate(0, 0, -n)
		text := fmt.Sprintf(`{"organization-name":"sender.example","report-id":"%s-%d","date-range":{"start-datetime":%q,"end-datetime":%q},
"policies":[{"policy":{"policy-type":"sts","policy-domain":"example.org"},"summary":{"total-successful-session-count":%d,"total-failure-session-count":%d},
"failure-details":[{"result-type":"certificate-host-mismatch","receiving-mx-hostname":"mx1.provider.example","failed-session-count":%d}]}]}`,
			id, n, until.Add(-24*time.Hour).Format(time.RFC3339), until.Format(time.RFC3339), good, failed, failed)
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(n)+".json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.open(t).ReadReports(t.Context(), []string{dir}); err != nil {
		t.Fatal(err)
	}
}

// stsRecord is the record by which senders know of a policy.
func (h *home) stsRecord() string {
	return strings.Join(h.DNS.Zone("example.org.").Get("_mta-sts.example.org.", dns.TypeTXT).Data, ", ")
}

func toEnforce(reason string) migrate.Accept {
	return migrate.Accept{Code: finding.STSMayEnforce, Subject: "example.org:enforce", Reason: reason}
}

const (
	testingPolicy = "version: STSv1\nmode: testing\nmax_age: 86400\nmx: *.provider.example\n"
	enforced      = "version: STSv1\nmode: enforce\nmax_age: 86400\nmx: *.provider.example\n"
	firstID       = `"v=STSv1; id=1"`
)

// tested is a closed move whose policy is in mode testing.
func tested(t *testing.T) (*tidy, *atomic.Pointer[string]) {
	t.Helper()
	var policy *atomic.Pointer[string]
	h := closed(t, func(h *home) {
		policy = servePolicy(t, h)
		nowServes(policy, testingPolicy)
	})
	return h, policy
}

func nowServes(policy *atomic.Pointer[string], text string) { policy.Store(&text) }

// TestCloseEnforces: a policy is enforced on its own web host, by a person; when
// the file says so and the TLS reports bear it out, the record gets a new id,
// if somebody agrees. The way back is the same way.
func TestCloseEnforces(t *testing.T) {
	t.Parallel()
	h, policy := tested(t)
	if all := strings.Join(h.said, "\n"); !strings.Contains(all, "in the way: no TLS report covers the 30 d 0 h") {
		t.Errorf("close without TLS reports says\n%s", all)
	}
	h.tlsMonth(t, "good", 10, 0)
	err := h.finish(t, nil, toEnforce("a month without a failure"))
	if _, person := errors.AsType[*migrate.PersonError](err); !person || len(h.steps) != 0 || h.stsRecord() != firstID {
		t.Errorf("enforce while the file says testing = %v, record %s; want it to be a person's", err, h.stsRecord())
	}
	h.wants(t, "testing", "yours to do: set mode: enforce in https://mta-sts.example.org/.well-known/mta-sts.txt", policyNone)

	nowServes(policy, enforced)
	if err := h.finish(t, migrate.ErrNotAsked); err != nil || h.stsRecord() != firstID {
		t.Errorf("close with nobody there = %v, record %s", err, h.stsRecord())
	}
	h.wants(t, "nobody there", `--accept MX181:example.org:enforce="why"`, policyNone)
	h.o.Confirm = func(context.Context, migrate.Confirmation) error {
		nowServes(policy, testingPolicy)
		return nil
	}
	if err := h.open(t).Finish(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "is not the one that was shown any more") || h.stsRecord() != firstID {
		t.Errorf("a policy changed while a person thinks = %v, record %s", err, h.stsRecord())
	}

	nowServes(policy, enforced)
	if err := h.finish(t, nil, toEnforce("a month without a failure")); err != nil {
		t.Fatal(err)
	}
	h.wants(t, "enforced", "a new id for the MTA-STS policy, which is served in mode enforce published", policyNone)
	second := h.stsRecord()
	if second == firstID || !strings.HasPrefix(second, `"v=STSv1; id=`) {
		t.Errorf("the record is %s, want a new id", second)
	}
	if err := h.finish(t, nil, toEnforce("again")); err != nil || len(h.steps) != 0 || h.stsRecord() != second {
		t.Errorf("again = %v, record %s, want it to stand", err, h.stsRecord())
	}
	h.wants(t, "again", "enforce stands already", policyNone)

	nowServes(policy, testingPolicy)
	if err := h.finish(t, nil); err != nil || len(h.steps) != 1 || h.stsRecord() == second {
		t.Errorf("the way back = %v, asked about %v, record %s; want another id", err, h.steps, h.stsRecord())
	}
	if err := h.open(t).Undo(t.Context(), migrate.UndoOptions{}); !errors.Is(err, migrate.ErrClosed) {
		t.Errorf("undo of an id = %v, want ErrClosed", err)
	}
}

// TestCloseDoesNotEnforce: what senders could not use, and exchangers that the
// policy does not list, keep the new id back whatever the file says.
func TestCloseDoesNotEnforce(t *testing.T) {
	t.Parallel()
	h, policy := tested(t)
	h.tlsMonth(t, "good", 10, 0)
	refused := func(what, want string) {
		t.Helper()
		err := h.finish(t, nil, toEnforce("at last"))
		if _, gate := errors.AsType[*migrate.GateError](err); !gate || !strings.Contains(err.Error(), want) || len(h.steps) != 0 || h.stsRecord() != firstID {
			t.Errorf("%s: close = %v, record %s; want %q", what, err, h.stsRecord(), want)
		}
	}
	nowServes(policy, strings.Replace(enforced, "*.provider", "mx1.provider", 1))
	refused("one exchanger", "the MTA-STS policy does not list every exchanger of the domain: mx2.provider.example")
	nowServes(policy, hungUp)
	refused("silent host", "answers with no MTA-STS policy that can be read")
	nowServes(policy, enforced)
	h.tlsMonth(t, "bad", 10, 1)
	refused("failures", "senders report 30 sessions in which TLS failed")
}
