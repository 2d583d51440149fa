package state_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/state"
)

// TestMain lets the test binary be the other process of a test.
func TestMain(m *testing.M) {
	if role := os.Getenv("MXMOVE_STATE_CHILD"); role != "" {
		child(role, os.Getenv("MXMOVE_STATE_DIR"))
		return
	}
	os.Exit(m.Run())
}

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, dir string, o state.Options) *state.Move {
	t.Helper()
	m, err := state.Open(t.Context(), dir, o)
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

// tree returns every path below a directory with its mode and octets.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := info.Mode().String()
		if d.Type().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += " " + string(data)
		}
		all[strings.TrimPrefix(path, dir)] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestOpenIsForTheOwnerAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := open(t, dir, state.Options{})
	if err := m.SavePlan([]byte("{}")); err != nil {
		t.Fatal(err)
	}
	if err := m.Observe(t.Context(), state.Observation{Kind: "k"}); err != nil {
		t.Fatal(err)
	}
	n := 0
	for path, text := range tree(t, filepath.Join(dir, state.Dir)) {
		n++
		if mode := strings.Fields(text)[0]; mode != "drwx------" && mode != "-rw-------" {
			t.Errorf("%s has the mode %s", path, mode)
		}
	}
	if n < 8 {
		t.Errorf("%d files and folders, want the database with its log, four folders and the plan", n)
	}
}

func TestOpenTakesBackWhatOthersMayRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, state.Dir), 0o755); err != nil {
		t.Fatal(err)
	}
	m := open(t, dir, state.Options{})
	info, err := os.Stat(m.Path())
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestOpenRefusesWhatIsNoDirectory(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), t.TempDir()
	if err := os.Symlink(elsewhere, filepath.Join(dir, state.Dir)); err != nil {
		t.Skip(err)
	}
	_, err := state.Open(t.Context(), dir, state.Options{})
	if _, ok := errors.AsType[*config.Error](err); !ok {
		t.Errorf("Open = %v, want a complaint", err)
	}
	if _, err := state.TakeLock(dir, "mxmove sync", noon); err == nil {
		t.Error("the lock was taken behind a link")
	}
	if left := tree(t, elsewhere); len(left) != 1 {
		t.Errorf("written behind the link: %v", left)
	}
}

func TestOpenInAnyPath(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a?b#c%20d é&mode=ro")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	m := open(t, dir, state.Options{})
	if err := m.Observe(t.Context(), state.Observation{Kind: "k", Subject: "s", At: noon}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(m.Path("state.db")); err != nil || info.Size() == 0 {
		t.Errorf("state.db is not where it belongs: %v", err)
	}
	r, err := state.OpenReadOnly(t.Context(), dir, state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, ok, err := r.Latest(t.Context(), "k", "s"); !ok || err != nil {
		t.Errorf("Latest = %v, %v", ok, err)
	}
}

func TestOpenRemovesWhatWasHalfWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tests := []struct {
		path string
		age  time.Duration
		gone bool
	}{
		{".tmp-1", 2 * time.Hour, true},
		{"evidence/.tmp-2", 2 * time.Hour, true},
		{".tmp-3", time.Minute, false},
		{"plan.json", 2 * time.Hour, false},
	}
	for _, tt := range tests {
		path := filepath.Join(dir, state.Dir, tt.path)
		at := time.Now().Add(-tt.age)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	open(t, dir, state.Options{})
	for _, tt := range tests {
		_, err := os.Stat(filepath.Join(dir, state.Dir, tt.path))
		if gone := errors.Is(err, fs.ErrNotExist); gone != tt.gone {
			t.Errorf("%s, %v old: gone is %v, want %v", tt.path, tt.age, gone, tt.gone)
		}
	}
}

func TestOpenAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var g errgroup.Group
	for range 4 {
		g.Go(func() error {
			m, err := state.Open(t.Context(), dir, state.Options{})
			if err != nil {
				return err
			}
			return errors.Join(m.SavePlan([]byte("{}")), m.Observe(t.Context(), state.Observation{Kind: "k"}), m.Close())
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if seen, err := open(t, dir, state.Options{}).Observations(t.Context(), "k", ""); err != nil || len(seen) != 4 {
		t.Errorf("%d observations, %v, want 4", len(seen), err)
	}
}
