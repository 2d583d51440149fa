package state_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/mxmove/mxmove/migrate/state"
	"github.com/mxmove/mxmove/migrate/step"
)

func openReadOnly(t *testing.T, dir string) *state.Move {
	t.Helper()
	m, err := state.OpenReadOnly(t.Context(), dir, state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// look asks a move for everything that it can be asked for.
func look(t *testing.T, m *state.Move) (step.Phase, int) {
	t.Helper()
	phase, _, err := m.Phase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	steps, err := m.Steps(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err1 := m.Applied(t.Context())
	_, err2 := m.Newest(t.Context())
	_, _, err3 := m.Latest(t.Context(), "k", "s")
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	return phase, len(steps)
}

func TestReadOnlyWhereNothingIs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := openReadOnly(t, dir)
	if phase, steps := look(t, m); phase != step.None || steps != 0 || m.DB() != nil {
		t.Errorf("phase %q, %d steps, database %v, want none", phase, steps, m.DB())
	}
	for name, load := range map[string]func() ([]byte, error){
		"plan":     m.LoadPlan,
		"provider": m.PinnedProvider,
		"first":    func() ([]byte, error) { return m.FirstSnapshot("example.org.") },
		"last":     func() ([]byte, error) { return m.LastSnapshot("example.org.") },
		"undo":     func() ([]byte, error) { _, err := m.LoadUndo(); return nil, err },
	} {
		if _, err := load(); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want fs.ErrNotExist", name, err)
		}
	}
	if left := tree(t, dir); len(left) != 1 {
		t.Errorf("reading has left %v", left)
	}
}

func TestReadOnlyWritesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := open(t, dir, state.Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	m := openReadOnly(t, dir)
	_, begin := m.Begin(t.Context(), step.Step{})
	_, evidence := m.SaveEvidence("x", nil)
	for name, err := range map[string]error{
		"Begin":         begin,
		"End":           m.End(t.Context(), step.Step{}),
		"Observe":       m.Observe(t.Context(), state.Observation{}),
		"Forget":        m.Forget(t.Context(), "", ""),
		"AppendApplied": m.AppendApplied(t.Context(), nil),
		"ExtendUndo":    m.ExtendUndo("example.org", nil),
		"SavePlan":      m.SavePlan(nil),
		"PinProvider":   m.PinProvider(nil),
		"SaveSnapshot":  m.SaveSnapshot("example.org.", nil),
		"SaveEvidence":  evidence,
	} {
		if !errors.Is(err, state.ErrReadOnly) {
			t.Errorf("%s = %v, want ErrReadOnly", name, err)
		}
	}
	if _, err := m.DB().ExecContext(t.Context(), "DELETE FROM step"); err == nil {
		t.Error("the database took a write")
	}
}

func TestReadOnlyChangesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := open(t, dir, state.Options{})
	id, err := w.Begin(t.Context(), step.Step{To: step.Planned})
	if err == nil {
		err = w.End(t.Context(), step.Step{ID: id, Outcome: state.Done})
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	m := openReadOnly(t, dir)
	if phase, steps := look(t, m); phase != step.Planned || steps != 1 {
		t.Errorf("phase %q, %d steps", phase, steps)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if after := tree(t, dir); !maps.Equal(before, after) {
		t.Errorf("before:\n%q\nafter:\n%q", before, after)
	}
}

func TestReadOnlyBesideARun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := open(t, dir, state.Options{})
	m := openReadOnly(t, dir)
	for n := 1; n <= 3; n++ {
		if _, err := w.Begin(t.Context(), step.Step{To: step.Planned}); err != nil {
			t.Fatal(err)
		}
		if _, steps := look(t, m); steps != n {
			t.Errorf("%d steps are seen, want %d", steps, n)
		}
	}
}

func TestReadOnlyAfterAKilledFirstRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := filepath.Join(dir, state.Dir, "state.db")
	if err := errors.Join(os.Mkdir(filepath.Dir(db), 0o700), os.WriteFile(db, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if phase, steps := look(t, openReadOnly(t, dir)); phase != step.None || steps != 0 {
		t.Errorf("phase %q, %d steps", phase, steps)
	}
	open(t, dir, state.Options{})
}

func TestStateThatIsNoDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := filepath.Join(dir, state.Dir, "state.db")
	if err := errors.Join(os.Mkdir(filepath.Dir(db), 0o700), os.WriteFile(db, []byte("this is no database at all"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := state.Open(t.Context(), dir, state.Options{}); err == nil {
		t.Error("Open took it")
	}
	if _, err := state.OpenReadOnly(t.Context(), dir, state.Options{}); err == nil {
		t.Error("OpenReadOnly took it")
	}
}
