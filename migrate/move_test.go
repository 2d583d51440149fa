package migrate_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/finding"
	"github.com/mxmove/mxmove/migrate/lab"
	"github.com/mxmove/mxmove/migrate/step"
)

// A leap is a clock that makes nobody wait: each wait lasts a moment and is
// counted as what it would have been.
type leap struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (l *leap) Now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Now().UTC().Add(l.ahead)
}

func (l *leap) Sleep(ctx context.Context, d time.Duration) error {
	l.jump(d)
	return migrate.SystemClock{}.Sleep(ctx, min(d, 10*time.Millisecond))
}

// jump moves the clock, back too.
func (l *leap) jump(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ahead += d
}

// home is a domain of the lab and its move.
type home struct {
	*lab.Domain
	dir   string
	clock *leap
	o     migrate.Options
}

func startHome(t *testing.T, o lab.Options) *home {
	t.Helper()
	d, err := lab.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	h := &home{Domain: d, dir: filepath.Join(t.TempDir(), "move"), clock: new(leap)}
	if err := d.Write(h.dir); err != nil {
		t.Fatal(err)
	}
	h.o = options(h.clock)
	return h
}

// options are those of a person who agrees to everything.
func options(c migrate.Clock) migrate.Options {
	return migrate.Options{
		Clock: c,
		Secret: func(s config.Secret) (string, error) {
			if text, ok := s.Literal(); ok {
				return text, nil
			}
			data, err := os.ReadFile(s.File)
			return strings.TrimSuffix(string(data), "\n"), err
		},
		Confirm: func(context.Context, migrate.Confirmation) error { return nil },
	}
}

// open opens the move anew, as each command does.
func (h *home) open(t *testing.T) *migrate.Move {
	t.Helper()
	m, err := migrate.Open(h.dir, h.o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (h *home) served(name string, typ uint16) string {
	set := h.DNS.Zone(name).Get(name, typ)
	if set == nil {
		return ""
	}
	return strings.Join(set.Data, ", ")
}

func TestMigrateUntilClosed(t *testing.T) {
	t.Parallel()
	h := startHome(t, lab.Options{Messages: 30, Attachment: 16 << 10, TTL: 86400})
	h.o.Accept = []migrate.Accept{{Code: finding.GateReports, Reason: "nothing else sends in the lab"}}
	began := h.clock.Now()
	if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{Until: step.Closed}); err != nil {
		t.Fatal(err)
	}
	if waited := h.clock.Now().Sub(began); waited < 6*24*time.Hour {
		t.Errorf("closed after %v, want the wait before the switch and five days after it", waited)
	}
	if got := h.served("example.org.", dns.TypeTXT); strings.Contains(got, "192.0.2.10") || !strings.Contains(got, "include:_spf.provider.example ~all") {
		t.Errorf("TXT after close = %s, want the old address gone", got)
	}
	if set := h.DNS.Zone("example.org.").Get("example.org.", dns.TypeMX); set.TTL != 86400 {
		t.Errorf("MX has TTL %d after close, want the first one again", set.TTL)
	}
	// Harden is due a month later, and not before.
	err := h.open(t).Finish(t.Context(), "")
	if _, later := errors.AsType[*migrate.LaterError](err); !later {
		t.Fatalf("close right after close = %v, want a *LaterError", err)
	}
	h.clock.jump(31 * 24 * time.Hour)
	var talk []string
	h.o.Events = func(e migrate.Event) { talk = append(talk, e.Text) }
	if err := h.open(t).Finish(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if all := strings.Join(talk, "\n"); !strings.Contains(all, "1 change of the harden stage published") {
		t.Errorf("the last close says %q, want what it has published", all)
	}
	if got := h.served("example.org.", dns.TypeTXT); !strings.Contains(got, "include:_spf.provider.example -all") {
		t.Errorf("TXT after the last close = %s, want the owner's strict end again", got)
	}
	if err := h.open(t).Undo(t.Context(), migrate.UndoOptions{}); !errors.Is(err, migrate.ErrClosed) {
		t.Errorf("undo after close = %v, want ErrClosed", err)
	}
}

func TestCloseKeepsTheOldServerInSPF(t *testing.T) {
	t.Parallel()
	h := startHome(t, lab.Options{Messages: 12, Attachment: 1 << 10, TTL: 1})
	if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{}); err != nil {
		t.Fatal(err)
	}
	h.clock.jump(6 * 24 * time.Hour)
	before := h.served("example.org.", dns.TypeTXT)
	err := h.open(t).Finish(t.Context(), "")
	gate, ok := errors.AsType[*migrate.GateError](err)
	if !ok || len(gate.Refused()) != 1 || gate.Refused()[0].Code != finding.GateReports {
		t.Fatalf("close without reports = %v, want the reports gate alone to refuse", err)
	}
	if now := h.served("example.org.", dns.TypeTXT); now != before {
		t.Errorf("TXT changed to %s by a refused close", now)
	}
}

func TestClockSetBackRefuses(t *testing.T) {
	t.Parallel()
	h := startHome(t, lab.Options{Messages: 12, Attachment: 1 << 10, TTL: 1})
	if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{Until: step.Prepared}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.open(t).Sync(t.Context(), migrate.SyncOptions{}); err != nil {
		t.Fatal(err)
	}
	h.clock.jump(-time.Hour)
	err := h.open(t).Cutover(t.Context(), migrate.CutoverOptions{})
	gate, ok := errors.AsType[*migrate.GateError](err)
	if !ok || gate.Refused()[0].Gate != "clock" {
		t.Fatalf("cutover with the clock set back = %v, want the clock gate to refuse", err)
	}
	if _, err := h.open(t).Sync(t.Context(), migrate.SyncOptions{}); err != nil {
		t.Errorf("sync with the clock set back: %v, want it to go on", err)
	}
}

// TestStopEndsAWait stops a run while it waits for the switch to be due.
func TestStopEndsAWait(t *testing.T) {
	t.Parallel()
	h := startHome(t, lab.Options{Messages: 12, Attachment: 1 << 10, TTL: 86400})
	stop := make(chan struct{})
	h.o.Clock = migrate.SystemClock{}
	h.o.Events = func(e migrate.Event) {
		if e.Type == migrate.Waiting && !e.Until.IsZero() {
			close(stop)
		}
	}
	err := h.open(t).Migrate(t.Context(), migrate.RunOptions{Stop: stop})
	if !errors.Is(err, mailbox.ErrStopped) {
		t.Errorf("Migrate = %v, want ErrStopped", err)
	}
	if got := h.phase(t); got != step.Prepared {
		t.Errorf("the phase is %s, want prepared", got)
	}
}

// TestClockSetForthAndRight copies while the clock is ahead, and goes on when it
// is right again: what the future says is not believed, and a person says so.
func TestClockSetForthAndRight(t *testing.T) {
	t.Parallel()
	h := startHome(t, lab.Options{Messages: 12, Attachment: 1 << 10, TTL: 1})
	if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{Until: step.Prepared}); err != nil {
		t.Fatal(err)
	}
	const ahead = 100 * 24 * time.Hour
	h.clock.jump(ahead)
	if _, err := h.open(t).Sync(t.Context(), migrate.SyncOptions{}); err != nil {
		t.Fatal(err)
	}
	h.clock.jump(time.Minute - ahead)
	if got := refusedBy(t, h.cutover(t)); got != "clock delta" {
		t.Fatalf("cutover with times that are yet to come is refused by %q, want clock and delta", got)
	}
	if _, err := h.open(t).Sync(t.Context(), migrate.SyncOptions{}); err != nil {
		t.Fatal(err)
	}
	h.o.Accept = []migrate.Accept{{Code: finding.GateClock, Reason: "the battery was empty"}}
	if err := h.cutover(t); err != nil {
		t.Fatal(err)
	}
	if got := h.phase(t); got != step.Switched {
		t.Errorf("the phase is %s, want switched", got)
	}
}

func TestSourceSeesNoVerbThatWrites(t *testing.T) {
	t.Parallel()
	h := startHome(t, lab.Options{Messages: 30, Attachment: 16 << 10, TTL: 1})
	if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.open(t).Verify(t.Context(), migrate.VerifyOptions{Hash: 100}); err != nil {
		t.Fatal(err)
	}
	if len(h.Old.Commands()) == 0 {
		t.Fatal("the old server saw no command")
	}
	for _, line := range h.Old.Commands() {
		upper := strings.ToUpper(line)
		for _, verb := range []string{"APPEND", "STORE", "COPY", "MOVE", "EXPUNGE", "CREATE", "DELETE", "RENAME", "SUBSCRIBE", "SELECT"} {
			if strings.HasPrefix(strings.TrimPrefix(upper, "UID "), verb+" ") {
				if upper != `SELECT "INBOX"` { // by which the cutover asks whether undo could write
					t.Errorf("the old server was sent %q", line)
				}
			}
		}
		if strings.Contains(upper, "BODY[") && !strings.Contains(upper, "BODY.PEEK[") {
			t.Errorf("the old server was sent %q, which sets \\Seen", line)
		}
	}
}

func TestMXSwitchedByHandMeansAdditionsOnly(t *testing.T) {
	t.Parallel()
	h := startHome(t, lab.Options{Messages: 12, Attachment: 1 << 10, TTL: 1})
	if _, err := h.open(t).Plan(t.Context(), migrate.PlanOptions{}); err != nil {
		t.Fatal(err)
	}
	set := h.DNS.Zone("example.org.").Get("example.org.", dns.TypeMX)
	set.Data = []string{"10 mx1.provider.example.", "20 mx2.provider.example."}
	if err := h.DNS.Set(*set); err != nil {
		t.Fatal(err)
	}
	var talk []string
	h.o.Events = func(e migrate.Event) { talk = append(talk, e.Text) }
	if _, err := h.open(t).Sync(t.Context(), migrate.SyncOptions{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(talk, "\n"), "only adds") {
		t.Errorf("sync with the new MX live said %q, want that it only adds", talk)
	}
}
