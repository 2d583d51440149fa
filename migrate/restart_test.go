package migrate_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/step"
)

// refusedBy returns the gates that have refused a command.
func refusedBy(t *testing.T, err error) string {
	t.Helper()
	gate, ok := errors.AsType[*migrate.GateError](err)
	if !ok {
		t.Fatalf("err = %v, want a gate to refuse", err)
	}
	var names []string
	for _, r := range gate.Refused() {
		names = append(names, r.Gate)
	}
	return strings.Join(names, " ")
}

// ready prepares a move, copies, and lets the wait run out.
func (h *home) ready(t *testing.T, wait time.Duration) {
	t.Helper()
	if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{Until: step.Prepared}); err != nil {
		t.Fatal(err)
	}
	h.waited(t, wait)
}

// waited moves the clock and takes the delta that the switch asks for.
func (h *home) waited(t *testing.T, wait time.Duration) {
	t.Helper()
	h.clock.jump(wait)
	if _, err := h.open(t).Sync(t.Context(), migrate.SyncOptions{}); err != nil {
		t.Fatal(err)
	}
}

func (h *home) cutover(t *testing.T) error {
	t.Helper()
	return h.open(t).Cutover(t.Context(), migrate.CutoverOptions{})
}

// TestOldAnswerBeginsTheWaitAnew lets a server fall back to the zone of before
// the move, after the wait for the switch has run out: caches have learned the
// old records again, for their whole TTL.
func TestOldAnswerBeginsTheWaitAnew(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		sees  func(*testing.T, *home) // somebody looks while the server is back in the past
		again func(*testing.T, *home) error
	}{
		{"seen by the gate", func(t *testing.T, h *home) {
			if got := refusedBy(t, h.cutover(t)); got != "waits visible" {
				t.Errorf("cutover with an old answer was refused by %q, want waits visible", got)
			}
		}, func(t *testing.T, h *home) error { return h.cutover(t) }},
		{"seen by prepare", func(t *testing.T, h *home) {
			h.o.Clock = hasty{h.clock}
			if err := h.open(t).Prepare(t.Context(), ""); !temporary(err) {
				t.Errorf("prepare with an old answer = %v, want a temporary failure", err)
			}
			h.o.Clock = h.clock
		}, func(t *testing.T, h *home) error {
			if err := h.open(t).Prepare(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
			return h.cutover(t)
		}},
		{"seen by a run", func(t *testing.T, h *home) {
			if got := refusedBy(t, h.open(t).Migrate(t.Context(), migrate.RunOptions{NoWait: true})); !strings.Contains(got, "visible") {
				t.Errorf("migrate with an old answer was refused by %q, want visible among them", got)
			}
		}, func(t *testing.T, h *home) error {
			err := h.open(t).Migrate(t.Context(), migrate.RunOptions{NoWait: true})
			if _, later := errors.AsType[*migrate.LaterError](err); !later {
				t.Errorf("migrate with all servers well again = %v, want it to wait", err)
			}
			return h.cutover(t)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := small
			o.TTL = 3600
			h := startHome(t, o)
			h.ready(t, 2*time.Hour)
			h.Secondary.SetLag(time.Hour)
			tt.sees(t, h)
			h.Secondary.SetLag(0)
			h.waited(t, 30*time.Minute)
			if got := refusedBy(t, tt.again(t, h)); got != "waits" {
				t.Fatalf("cutover right after an old answer was refused by %q, want the wait alone", got)
			}
			h.waited(t, 67*time.Minute)
			if err := h.cutover(t); err != nil {
				t.Fatalf("cutover after the new wait: %v", err)
			}
		})
	}
}

// A server that does not answer hands nothing old to anybody.
func TestSilentServerKeepsTheWait(t *testing.T) {
	t.Parallel()
	o := small
	o.TTL = 3600
	h := startHome(t, o)
	h.ready(t, 2*time.Hour)
	p := patients()[1]
	p.falls[0](h)
	if err := h.cutover(t); err == nil {
		t.Error("cutover has passed with a server that does not answer")
	}
	p.mend(h)
	if err := h.cutover(t); err != nil {
		t.Errorf("cutover with both servers well again: %v", err)
	}
}

// TestOldAnswerAfterTheSwitchKeepsTheOldServer lets a server fall back to the
// old MX when the move is about to be closed.
func TestOldAnswerAfterTheSwitchKeepsTheOldServer(t *testing.T) {
	t.Parallel()
	h := startHome(t, small)
	if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{}); err != nil {
		t.Fatal(err)
	}
	h.clock.jump(6 * 24 * time.Hour)
	h.Secondary.SetLag(time.Hour)
	if got := refusedBy(t, h.open(t).Finish(t.Context(), "")); got != "visible" {
		t.Errorf("close with an old MX was refused by %q, want visible", got)
	}
	h.Secondary.SetLag(0)
	err := h.open(t).Finish(t.Context(), "")
	if later, ok := errors.AsType[*migrate.LaterError](err); !ok || later.After.Sub(h.clock.Now()) < 4*24*time.Hour {
		t.Errorf("close after an old MX = %v, want five days from now", err)
	}
}

// TestNameThatCameLaterIsWaitedForByItself prepares with a key that the
// console shows only after verification, and adds the key when the other wait
// has run out.
func TestNameThatCameLaterIsWaitedForByItself(t *testing.T) {
	t.Parallel()
	o := small
	o.TTL = 86400
	h := startHome(t, o)
	h.setNegative(t, "3600")
	key := h.withoutKey(t)
	if _, err := h.open(t).Plan(t.Context(), migrate.PlanOptions{}); err != nil {
		t.Fatal(err)
	}
	var talk []string
	h.o.Events = func(e migrate.Event) { talk = append(talk, e.Text) }
	if err := h.open(t).Prepare(t.Context(), ""); err == nil {
		t.Fatal("prepare without the key = nil, want it to be asked for")
	}
	if all := strings.Join(talk, "\n"); !strings.Contains(all, "may stay unseen there for 1 h 6 min after that try") {
		t.Errorf("prepare says %q, want when the console may look", all)
	}
	h.clock.jump(27 * time.Hour)
	h.edit(t, "mxmove.yaml", "  verify: 7c0e91d2\n", "  verify: 7c0e91d2\n"+key)
	if got := h.switchStage(t).Because; !strings.Contains(got, "A name came later") {
		t.Errorf("the plan with a new name waits because %q, want the name among the reasons", got)
	}
	if err := h.open(t).Prepare(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	h.waited(t, time.Minute)
	if got := refusedBy(t, h.cutover(t)); got != "waits" {
		t.Fatalf("cutover right after a new name was refused by %q, want the wait", got)
	}
	stage := h.switchStage(t)
	if left := stage.NotBefore.Sub(h.clock.Now()); left < time.Hour || left > 66*time.Minute {
		t.Errorf("the switch is due in %v, want what is left of 66 minutes", left)
	}
	h.waited(t, 66*time.Minute)
	if err := h.cutover(t); err != nil {
		t.Errorf("cutover after the wait for the name: %v", err)
	}
}

// switchStage plans and returns the stage of the switch.
func (h *home) switchStage(t *testing.T) dnsplan.StageDocument {
	t.Helper()
	doc, err := h.open(t).Plan(t.Context(), migrate.PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range doc.Stages {
		if s.Stage == dnsplan.Switch && s.NotBefore != nil {
			return s
		}
	}
	t.Fatal("nobody knows when the switch is due")
	return dnsplan.StageDocument{}
}

// setNegative says for how long the absence of a name is remembered.
func (h *home) setNegative(t *testing.T, seconds string) {
	t.Helper()
	soa := h.DNS.Zone("example.org.").Get("example.org.", dns.TypeSOA)
	fields := strings.Fields(soa.Data[0])
	fields[len(fields)-1] = seconds
	soa.TTL, soa.Data = 86400, []string{strings.Join(fields, " ")}
	if err := h.DNS.Set(*soa); err != nil {
		t.Fatal(err)
	}
}

// withoutKey makes the console show the first key only after verification,
// and returns the line of mxmove.yaml that names it.
func (h *home) withoutKey(t *testing.T) string {
	t.Helper()
	h.edit(t, "provider.yaml", `where: "Domains, DKIM", required: true`, `where: "Domains, DKIM", after_verification: true`)
	text, err := os.ReadFile(filepath.Join(h.dir, "mxmove.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "  dkim: ") {
			h.edit(t, "mxmove.yaml", line, "")
			return line
		}
	}
	t.Fatal("mxmove.yaml names no key")
	return ""
}

func (h *home) edit(t *testing.T, name, was, is string) {
	t.Helper()
	name = filepath.Join(h.dir, name)
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), was) {
		t.Fatalf("%s does not hold %q", name, was)
	}
	if err := os.WriteFile(name, []byte(strings.Replace(string(text), was, is, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}
