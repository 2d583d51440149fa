package migrate_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/dnslab"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/lab"
)

const policyText = "version: STSv1\nmode: enforce\nmax_age: 604800\nmx: mail.example.org\n"

// hungUp is the policy of a host that ends the connection.
const hungUp = "hung up"

// servePolicy puts an MTA-STS policy into the world of a home: the record, and
// a policy host that the rehearsal leads to.
func servePolicy(t *testing.T, h *home) *atomic.Pointer[string] {
	t.Helper()
	z := h.DNS.Zone("example.org.")
	z.Put(zone.RRset{Name: "_mta-sts.example.org.", Type: dns.TypeTXT, TTL: 1, Data: []string{`"v=STSv1; id=1"`}})
	z.Put(zone.RRset{Name: "mta-sts.example.org.", Type: dns.TypeA, TTL: 1, Data: []string{"192.0.2.81"}})
	if err := h.DNS.Put(z); err != nil {
		t.Fatal(err)
	}
	var text atomic.Pointer[string]
	cert, file := policyCertificate(t)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if text.Load() == nil {
			http.NotFound(w, r)
			return
		}
		if *text.Load() == hungUp {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, *text.Load())
	}))
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	appendTo(t, filepath.Join(h.dir, "ca.pem"), file)
	name := filepath.Join(h.dir, "mxmove.yaml")
	config, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	connect := fmt.Sprintf("  connect:\n    \"192.0.2.81:443\": %q\n", srv.Listener.Addr().String())
	changed := strings.Replace(string(config), "  connect:\n", connect, 1)
	if changed == string(config) {
		t.Fatalf("no rehearsal to add to:\n%s", config)
	}
	if err := os.WriteFile(name, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	return &text
}

func appendTo(t *testing.T, name string, text []byte) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func policyCertificate(t *testing.T) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"mta-sts.example.org"}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func codesOf(doc migrate.Document) string {
	var codes []string
	for _, f := range doc.Findings {
		if strings.HasPrefix(string(f.Code), "MX07") {
			codes = append(codes, string(f.Severity)+" "+string(f.Code))
		}
	}
	return strings.Join(codes, ", ")
}

// TestPolicyIsRemembered follows a policy through a move: it refuses the new
// exchanges, is mended under the same id, and the switch then waits until what
// was served first has left the senders' caches.
func TestPolicyIsRemembered(t *testing.T) {
	t.Parallel()
	h := startHome(t, lab.Options{Messages: 1, Attachment: 1 << 10, TTL: 1})
	policy := servePolicy(t, h)
	plan := func() migrate.Document {
		t.Helper()
		doc, err := h.open(t).Plan(t.Context(), migrate.PlanOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}

	if got := codesOf(plan()); got != "warn "+string(finding.STSMissing) {
		t.Errorf("without a policy: findings %s", got)
	}

	old := policyText
	policy.Store(&old)
	if got := codesOf(plan()); got != "block "+string(finding.STSRefusesNewMX) {
		t.Errorf("with a policy of the old server: findings %s", got)
	}

	h.clock.jump(time.Hour)
	both := policyText + "mx: *.provider.example\n"
	policy.Store(&both)
	mended := h.clock.Now()
	doc := plan()
	if got := codesOf(doc); got != "warn "+string(finding.STSSameID) {
		t.Errorf("mended under the same id: findings %s", got)
	}
	until := doc.Stages[1].Until
	if until == nil || until.Sub(mended) < 7*24*time.Hour-time.Second || until.Sub(mended) > 7*24*time.Hour+time.Hour {
		t.Errorf("the switch is not due until %v, want a max_age after %v", until, mended)
	}
	h.clock.jump(24 * time.Hour)
	if again := plan().Stages[1].Until; again == nil || !again.Equal(*until) {
		t.Errorf("a day later the switch is not due until %v, want %v as before", again, until)
	}
	if p, err := doc.Plan(); err != nil || !p.Wait(dnsplan.Switch).Until.Equal(*until) {
		t.Errorf("the plan read back waits until %v, %v", p.Wait(dnsplan.Switch).Until, err)
	}

	if err := h.open(t).Prepare(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	set := h.DNS.Zone("example.org.").Get("_mta-sts.example.org.", dns.TypeTXT)
	if texts := zone.Texts(set); len(texts) != 1 || texts[0] == "v=STSv1; id=1" || !strings.HasPrefix(texts[0], "v=STSv1; id=") {
		t.Errorf("after prepare the record is %q, want another id", texts)
	}
	if got := codesOf(plan()); got != "" {
		t.Errorf("after prepare: findings %s", got)
	}
}

// TestPolicyHoldsBackTheSwitchAlone prepares under a policy that lacks the new
// exchanges: plan refuses, prepare does not, the switch does.
func TestPolicyHoldsBackTheSwitchAlone(t *testing.T) {
	t.Parallel()
	h := startHome(t, lab.Options{Messages: 1, Attachment: 1 << 10, TTL: 1})
	policy := servePolicy(t, h)
	old := policyText
	policy.Store(&old)
	doc, err := h.open(t).Plan(t.Context(), migrate.PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	refusedFor := func(what string, err error, want bool) {
		t.Helper()
		codes := ""
		if gate, ok := errors.AsType[*migrate.GateError](err); ok {
			for _, r := range gate.Refused() {
				codes += string(r.Code) + " "
			}
		}
		if strings.Contains(codes, string(finding.STSRefusesNewMX)) != want {
			t.Errorf("%s = %v (refused for %q), want it refused for the policy: %v", what, err, codes, want)
		}
	}
	refusedFor("plan", h.open(t).Blocked(doc), true)
	if err := h.open(t).Prepare(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := h.open(t).Sync(t.Context(), migrate.SyncOptions{}); err != nil {
		t.Fatal(err)
	}
	h.clock.jump(8 * 24 * time.Hour)
	refusedFor("cutover", h.open(t).Cutover(t.Context(), migrate.CutoverOptions{}), true)

	both := policyText + "mx: *.provider.example\n"
	policy.Store(&both)
	if _, err := h.open(t).Plan(t.Context(), migrate.PlanOptions{}); err != nil {
		t.Fatal(err)
	}
	refusedFor("cutover with the policy mended", h.open(t).Cutover(t.Context(), migrate.CutoverOptions{}), false)
}

// TestPolicyIsLookedAtBeforeTheSwitch plans and prepares under a policy that
// admits the new exchangers, and changes it right before the switch.
func TestPolicyIsLookedAtBeforeTheSwitch(t *testing.T) {
	t.Parallel()
	both := policyText + "mx: *.provider.example\n"
	tested := strings.Replace(policyText, "enforce", "testing", 1)
	wrong := strings.Replace(both, "*.provider.example", "*.mx.provider.example", 1) // a star is one label
	for _, tt := range []struct {
		name, policy string
		code         finding.Code // of the gate that refuses; empty: none does
	}{
		{"as it was", both, ""},
		{"old exchanger alone", policyText, finding.STSRefusesNewMX},
		{"star too many", wrong, finding.STSRefusesNewMX},
		{"tested only", tested, ""},
		{"not a policy", "hello\n", finding.STSNotMeasured},
		{"taken away", "", ""},
		{"nobody there", hungUp, finding.STSNotMeasured},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := startHome(t, lab.Options{Messages: 1, Attachment: 1 << 10, TTL: 1})
			policy := servePolicy(t, h)
			policy.Store(&both)
			h.ready(t, time.Hour)
			if policy.Store(&tt.policy); tt.policy == "" {
				policy.Store(nil)
			}
			err := h.cutover(t)
			if tt.code == "" {
				if err != nil {
					t.Errorf("cutover = %v, want it to pass", err)
				}
				return
			}
			gate, ok := errors.AsType[*migrate.GateError](err)
			if !ok || len(gate.Refused()) != 1 || gate.Refused()[0].Code != tt.code || gate.Refused()[0].Subject != "example.org" {
				t.Errorf("cutover = %v, want the policy gate alone to refuse with %s", err, tt.code)
			}
			h.o.Accept = []migrate.Accept{{Code: tt.code, Reason: "no sender has it"}}
			if err := h.cutover(t); err != nil {
				t.Errorf("cutover on a person's word = %v", err)
			}
		})
	}
}

// TestPolicyOfWhichNobodyKnows: where no server says whether there is a record,
// the old exchanger's policy may well be enforced.
func TestPolicyOfWhichNobodyKnows(t *testing.T) {
	t.Parallel()
	h := startHome(t, lab.Options{Messages: 1, Attachment: 1 << 10, TTL: 1})
	policy := servePolicy(t, h)
	both, old := policyText+"mx: *.provider.example\n", policyText
	policy.Store(&both)
	h.ready(t, time.Hour)
	policy.Store(&old)
	for _, server := range []*dnslab.Lab{h.DNS, h.Secondary} {
		server.Break(dnslab.Fault{Kind: dnslab.Servfail, Name: "_mta-sts.example.org"})
	}
	err := h.cutover(t)
	if !errors.Is(err, resolver.ErrNoAnswer) {
		t.Errorf("cutover = %v, want ErrNoAnswer", err)
	}
	h.DNS.Mend()
	h.Secondary.Mend()
	err = h.cutover(t)
	gate, ok := errors.AsType[*migrate.GateError](err)
	if !ok || len(gate.Refused()) != 1 || gate.Refused()[0].Code != finding.STSRefusesNewMX {
		t.Errorf("cutover = %v, want the policy to refuse", err)
	}
}
