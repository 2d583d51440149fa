package migrate_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/step"
)

// loseState removes the database, as a failed disk or a tidy colleague does.
func (h *home) loseState(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(h.dir, ".mxmove", "state.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no state to lose: %v", err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStateLostAfterTheSwitch says that not all is well, though the phase is
// not known any more, and goes on or back by what undo.json holds.
func TestStateLostAfterTheSwitch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		run  func(*home) error
		want step.Phase
		mx   string
	}{
		{"on", func(h *home) error {
			return h.open(t).Migrate(t.Context(), migrate.RunOptions{Until: step.Settled})
		}, step.Settled, newExchange},
		{"back", func(h *home) error {
			return h.open(t).Undo(t.Context(), migrate.UndoOptions{All: true})
		}, step.Undone, oldExchange},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := startHome(t, small)
			before := h.records()
			if err := h.open(t).Migrate(t.Context(), migrate.RunOptions{Until: step.Switched}); err != nil {
				t.Fatal(err)
			}
			h.loseState(t)
			s, err := h.open(t).Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if s.Phase != nil || s.Safe.Value || !strings.Contains(s.Safe.Because, "undo.json") {
				t.Errorf("status = %+v, want no phase, not safe, because of undo.json", s)
			}
			if err := tt.run(h); err != nil {
				t.Fatal(err)
			}
			if got := h.phase(t); got != tt.want {
				t.Errorf("the phase is %s, want %s", got, tt.want)
			}
			if got := h.served("example.org.", dns.TypeMX); got != tt.mx {
				t.Errorf("MX is %s, want %s", got, tt.mx)
			}
			if after := h.records(); tt.want == step.Undone && after != before {
				t.Errorf("after the undo the zone is\n%s\nwant\n%s", after, before)
			}
			h.balanced(t)
		})
	}
}
