package migrate_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/publish"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/lab"
	"github.com/mxmove/mxmove/migrate/step"
)

// A tidy domain is one of the lab that was moved and closed a month ago.
type tidy struct {
	*home
	said  []string
	steps []migrate.Confirmation // that a person was asked about
}

const (
	policyNone       = `"v=DMARC1; p=none; sp=none; rua=mailto:info@example.org"`
	policyQuarantine = `"v=DMARC1; p=quarantine; sp=none; rua=mailto:info@example.org"`
	policyBeside     = `"somebody else's text"`
)

// closed moves a domain whose DMARC policy is p=none, closes the move, and lets
// a month pass.
func closed(t *testing.T, before func(*home)) *tidy {
	t.Helper()
	h := &tidy{home: startHome(t, lab.Options{Messages: 12, Attachment: 1 << 10, TTL: 1})}
	h.setPolicy(t, policyNone)
	if before != nil {
		before(h.home)
	}
	h.o.Accept = []migrate.Accept{{Code: finding.GateReports, Reason: "nothing else sends in the lab"}}
	if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{Until: step.Closed}); err != nil {
		t.Fatal(err)
	}
	h.clock.jump(31 * 24 * time.Hour)
	h.o.Events = func(e migrate.Event) {
		if e.Type == migrate.Talk {
			h.said = append(h.said, e.Text)
		}
	}
	if err := h.finish(t, migrate.ErrNotAsked); err != nil { // what is left of the plan
		t.Fatal(err)
	}
	return h
}

func (h *home) policy() string {
	return strings.Join(h.DNS.Zone("example.org.").Get("_dmarc.example.org.", dns.TypeTXT).Data, ", ")
}

func (h *home) setPolicy(t *testing.T, text string) {
	t.Helper()
	if err := h.DNS.Set(zone.RRset{Name: "_dmarc.example.org.", Type: dns.TypeTXT, TTL: 2, Data: []string{policyBeside, text}}); err != nil {
		t.Fatal(err)
	}
}

// finish runs close for a person who says the same to every step, and for the
// steps that are asked for by name.
func (h *tidy) finish(t *testing.T, answer error, named ...migrate.Accept) error {
	t.Helper()
	h.said, h.steps = nil, nil
	h.o.Accept = named
	h.o.Confirm = func(_ context.Context, c migrate.Confirmation) error {
		if c.Step == "" {
			return nil
		}
		h.steps = append(h.steps, c)
		return answer
	}
	return h.open(t).Finish(t.Context(), "")
}

// wants wants the last close to have said something, and the record to be.
func (h *tidy) wants(t *testing.T, what, said, record string) {
	t.Helper()
	if all := strings.Join(h.said, "\n"); !strings.Contains(all, said) {
		t.Errorf("%s: close says\n%s\nwant %q", what, all, said)
	}
	if got, want := h.policy(), policyBeside+", "+record; got != want {
		t.Errorf("%s: the policy is %s, want %s", what, got, want)
	}
}

// refuses wants a gate to refuse a step that was asked for by name, and the
// record to be as it was.
func (h *tidy) refuses(t *testing.T, what string, err error, said, record string) {
	t.Helper()
	gate, ok := errors.AsType[*migrate.GateError](err)
	if !ok || !strings.Contains(err.Error(), said) || len(h.steps) > 0 {
		t.Errorf("%s: close = %v, asked %d times; want a gate to say %q before anybody is asked", what, err, len(h.steps), said)
	} else if gate.Refused()[0].Outcome == step.Passed {
		t.Errorf("%s: %+v", what, gate)
	}
	if got, want := h.policy(), policyBeside+", "+record; got != want {
		t.Errorf("%s: the policy is %s, want %s", what, got, want)
	}
}

// months reads reports of the last 30 days, with what reports of one day are
// like, and says whether they come in messages that are signed.
func (h *home) months(t *testing.T, signed bool, day func(time.Time) []byte) {
	t.Helper()
	dir := t.TempDir()
	for n := range 30 {
		name, data := strconv.Itoa(n)+".xml", day(h.clock.Now().AddDate(0, 0, -n))
		if signed {
			name, data = strconv.Itoa(n)+".eml", h.signed(t, mailed(t, data))
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.open(t).ReadReports(t.Context(), []string{dir}); err != nil {
		t.Fatal(err)
	}
}

// fromProvider is a report of one day with mail of the provider alone.
func fromProvider(until time.Time) []byte { return lastDay(until, "198.51.100.25") }

func toQuarantine(reason string) migrate.Accept {
	return migrate.Accept{Code: finding.PolicyMayRise, Subject: "example.org:quarantine", Reason: reason}
}

// TestCloseNeedsEvidenceForAPolicy: nobody is asked about a stricter policy
// that signed reports do not bear out, and who asks for it is refused.
func TestCloseNeedsEvidenceForAPolicy(t *testing.T) {
	t.Parallel()
	h := closed(t, nil)
	h.wants(t, "no reports", "in the way: no DMARC report covers the 30 d 0 h", policyNone)
	h.refuses(t, "no reports, by name", h.finish(t, nil, toQuarantine("so be it")), "no DMARC report covers", policyNone)
	h.months(t, false, fromProvider)
	h.refuses(t, "reports that anybody may have written", h.finish(t, nil, toQuarantine("so be it")), "no DMARC report that its sender signed covers the 30 d 0 h", policyNone)
	for _, accepted := range []migrate.Accept{
		{Code: finding.PolicyMayRise, Subject: "example.org:reject", Reason: "at once"},
		{Code: finding.PolicyMayRise, Reason: "whatever comes next"},
		{Code: finding.PolicyMayRise, Subject: "example.org", Reason: "whatever comes next"},
		{Code: finding.PolicyMayRise, Subject: "example.net:quarantine", Reason: "not ours"},
	} {
		h.refuses(t, "asked for "+accepted.Subject, h.finish(t, nil, accepted), "MX180", policyNone)
	}
	rec, err := h.open(t).Record(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if last := rec.Steps[len(rec.Steps)-1]; last.Command != "close" || !strings.HasPrefix(last.Outcome, "refused: ") {
		t.Errorf("the last step is %+v, want the refusal", last)
	}
}

// TestCloseOffersAPolicy: a step that a month of signed reports bears out is
// published when a person agrees to it, and not before; undo takes it back.
func TestCloseOffersAPolicy(t *testing.T) {
	t.Parallel()
	h := closed(t, nil)
	h.months(t, true, fromProvider)
	if err := h.finish(t, migrate.ErrNotAsked); err != nil {
		t.Fatal(err)
	}
	h.wants(t, "nobody there", `--accept MX180:example.org:quarantine="why" --yes=example.org`, policyNone)
	if s, err := h.open(t).Status(t.Context()); err != nil || len(s.Yours) == 0 || s.Yours[0].Code != finding.PolicyMayRise {
		t.Errorf("status = %+v, %v; want the step to be a person's to decide", s, err)
	}
	if err := h.finish(t, migrate.ErrNotConfirmed); err != nil || len(h.steps) != 1 || h.steps[0].Domain != "example.org" || h.steps[0].Ahead {
		t.Fatalf("close = %v, asked about %+v; want one step, to be agreed to by the domain's name", err, h.steps)
	}
	h.wants(t, "declined", "not taken", policyNone)
	for _, want := range []string{"signed by receiver.example", "300 messages in 1 stream, 300 of them in signed reports; 300 aligned", "0 streams left that fail", strings.Trim(policyNone, `"`), strings.Trim(policyQuarantine, `"`), "mxmove undo puts back"} {
		if !strings.Contains(h.steps[0].Text, want) {
			t.Errorf("the step is shown as\n%s\nwant %q in it", h.steps[0].Text, want)
		}
	}
	h.o.DryRun = true
	if err := h.finish(t, nil, toQuarantine("dry")); err != nil || len(h.steps) != 0 {
		t.Errorf("a dry run = %v, asked %d times", err, len(h.steps))
	}
	h.o.DryRun = false
	h.wants(t, "dry run", "dry run: the step would be put to you", policyNone)
	if err := h.finish(t, nil); err != nil {
		t.Fatal(err)
	}
	h.wants(t, "agreed", "the DMARC policy p=quarantine published and seen on every authoritative server", policyQuarantine)
	h.wantAgreed(t, "the domain's name was typed")

	h.clock.jump(5 * 24 * time.Hour)
	h.months(t, true, fromProvider)
	if err := h.finish(t, nil, toQuarantine("again")); err != nil || len(h.steps) != 0 {
		t.Errorf("the same step again = %v, asked %d times; want that it stands", err, len(h.steps))
	}
	h.wants(t, "the same again", "quarantine stands already", policyQuarantine)
	h.wants(t, "the next one", "in the way: p=quarantine was first seen on", policyQuarantine)
	h.undone(t)
}

// wantAgreed wants the last step of the move to say who has agreed to what.
func (h *tidy) wantAgreed(t *testing.T, reason string) {
	t.Helper()
	rec, err := h.open(t).Record(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	last := rec.Steps[len(rec.Steps)-1]
	agreed := last.Accepted[len(last.Accepted)-1]
	if last.From != step.Closed || last.To != step.Closed || agreed.Code != finding.PolicyMayRise || agreed.Subject != "example.org:quarantine" || agreed.Reason != reason || agreed.Evidence == "" {
		t.Errorf("the last step is %+v, want who has agreed: %s", last, reason)
	}
}

// undone takes the step back, and finds that nothing else can be.
func (h *tidy) undone(t *testing.T) {
	t.Helper()
	before := h.served("example.org.", dns.TypeTXT)
	if err := h.open(t).Undo(t.Context(), migrate.UndoOptions{}); err != nil {
		t.Fatalf("undo of the step = %v", err)
	}
	h.wants(t, "undone", "", policyNone)
	if err := h.open(t).Undo(t.Context(), migrate.UndoOptions{}); !errors.Is(err, migrate.ErrClosed) {
		t.Errorf("undo with no step left = %v, want ErrClosed", err)
	}
	if now := h.served("example.org.", dns.TypeTXT); now != before {
		t.Errorf("undo has made %s of %s", now, before)
	}
	h.refuses(t, "right after undo", h.finish(t, nil, toQuarantine("once more")), "p=none was first seen on", policyNone)
}

// TestStepNamedAhead: a timer takes the one step that was named, with the
// reason kept, and --yes alone takes none.
func TestStepNamedAhead(t *testing.T) {
	t.Parallel()
	h := closed(t, nil)
	h.months(t, true, fromProvider)
	if err := h.finish(t, nil, toQuarantine("all senders sign since May")); err != nil {
		t.Fatal(err)
	}
	if len(h.steps) != 1 || !h.steps[0].Ahead {
		t.Errorf("asked about %+v, want the step that was named", h.steps)
	}
	h.wants(t, "named", "published and seen", policyQuarantine)
	h.wantAgreed(t, "all senders sign since May")
}

// TestStepOverAnotherRecord: what somebody changes while a person thinks about
// the step is never written over, and a server that lags lets nobody decide.
func TestStepOverAnotherRecord(t *testing.T) {
	t.Parallel()
	h := closed(t, nil)
	h.months(t, true, fromProvider)
	h.Secondary.SetLag(time.Hour)
	h.setPolicy(t, strings.Replace(policyNone, "sp=none", "sp=none; fo=1", 1))
	err := h.finish(t, nil, toQuarantine("go"))
	if _, later := errors.AsType[*migrate.LaterError](err); !later || len(h.steps) != 0 {
		t.Errorf("close while a server lags = %v, asked %d times; want it later", err, len(h.steps))
	}
	h.Secondary.SetLag(0)
	h.setPolicy(t, policyNone)
	const others = `"v=DMARC1; p=none; rua=mailto:other@example.org"`
	h.o.Accept = nil
	h.o.Confirm = func(context.Context, migrate.Confirmation) error {
		h.setPolicy(t, others)
		return nil
	}
	h.said = nil
	err = h.open(t).Finish(t.Context(), "")
	if _, stale := errors.AsType[*publish.StaleError](err); !stale {
		t.Errorf("close over a record that has changed = %v, want it stale", err)
	}
	h.wants(t, "changed behind", "", others)
	if err := h.open(t).Undo(t.Context(), migrate.UndoOptions{}); !errors.As(err, new(*publish.StaleError)) {
		t.Errorf("undo of a step that never got through = %v, want it stale", err)
	}
	h.wants(t, "undo of nothing", "", others)
}

// TestForgersAreAccepted: mail that nothing names holds the step up until
// somebody says who it is, and once more when there is more of it.
func TestForgersAreAccepted(t *testing.T) {
	t.Parallel()
	h := closed(t, nil)
	h.months(t, true, func(until time.Time) []byte {
		return []byte(strings.Replace(string(fromProvider(until)), "</feedback>", `<record><row><source_ip>203.0.113.77</source_ip><count>2</count><policy_evaluated><disposition>none</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated></row>
<identifiers><header_from>example.org</header_from></identifiers><auth_results><spf><domain>forger.example</domain><result>pass</result></spf></auth_results></record></feedback>`, 1))
	})
	forged := migrate.Accept{Code: finding.SenderUnnamed, Subject: "example.org", Reason: "not us: nobody sends from there"}
	h.refuses(t, "strangers", h.finish(t, nil, toQuarantine("go")), "60 messages from 1 network that nothing names failed alignment", policyNone)
	h.months(t, true, func(until time.Time) []byte {
		return numbered([]byte(strings.Replace(string(fromProvider(until)), "198.51.100.25", "203.0.113.78", 1)), "more")
	})
	h.months(t, true, func(until time.Time) []byte {
		more := strings.Replace(string(fromProvider(until)), "198.51.100.25", "203.0.113.78", 1)
		more = strings.Replace(more, "<spf>pass</spf>", "<spf>fail</spf>", 1)
		return numbered([]byte(strings.Replace(more, "<count>10", "<count>1", 1)), "yet more")
	})
	h.refuses(t, "more of them", h.finish(t, nil, toQuarantine("go"), forged), "its acceptance is void", policyNone)
	if err := h.finish(t, nil, toQuarantine("go"), forged); err != nil {
		t.Fatal(err)
	}
	if len(h.steps) != 1 || !strings.Contains(h.steps[0].Text, "accepted: MX150, not us: nobody sends from there") {
		t.Errorf("asked about %+v, want what was accepted", h.steps)
	}
	h.wants(t, "accepted", "published and seen", policyQuarantine)
}

// TestPlanDatesTheSteps: a plan that is made after the switch says from when on
// the policy may get stricter.
func TestPlanDatesTheSteps(t *testing.T) {
	t.Parallel()
	h := startHome(t, lab.Options{Messages: 12, Attachment: 1 << 10, TTL: 1})
	h.setPolicy(t, policyNone)
	if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{Until: step.Switched}); err != nil {
		t.Fatal(err)
	}
	rec, err := h.open(t).Record(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	doc, err := h.open(t).Plan(t.Context(), migrate.PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := "not before " + rec.Seen[dnsplan.Switch].Add(30*24*time.Hour).Format("2006-01-02 15:04:05 UTC")
	for _, f := range doc.Findings {
		if f.Code == finding.PolicyMayRise && slices.Contains(f.Evidence, want) {
			return
		}
	}
	t.Errorf("findings %+v, want the policy %q", doc.Findings, want)
}
