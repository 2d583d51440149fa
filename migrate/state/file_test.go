package state_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/mxmove/mxmove/migrate/state"
)

func TestPlanAndProvider(t *testing.T) {
	t.Parallel()
	m := open(t, t.TempDir(), state.Options{})
	for _, text := range []string{"one", "two, longer", ""} {
		if err := m.SavePlan([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := m.PinProvider([]byte(text + "!")); err != nil {
			t.Fatal(err)
		}
		if got, err := m.LoadPlan(); err != nil || string(got) != text {
			t.Errorf("LoadPlan = %q, %v, want %q", got, err, text)
		}
		if got, err := m.PinnedProvider(); err != nil || string(got) != text+"!" {
			t.Errorf("PinnedProvider = %q, %v, want %q", got, err, text+"!")
		}
	}
}

func TestSnapshots(t *testing.T) {
	t.Parallel()
	m := open(t, t.TempDir(), state.Options{})
	save := func(zone, text string) {
		t.Helper()
		if err := m.SaveSnapshot(zone, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	save("example.org.", "a")
	save("example.org.", "a")
	save("example.org-1.", "other")
	for n := range 12 {
		save("example.org.", fmt.Sprint(n))
	}
	for zone, want := range map[string][2]string{
		"example.org.":   {"a", "11"},
		"example.org":    {"a", "11"},
		"example.org-1.": {"other", "other"},
	} {
		first, err1 := m.FirstSnapshot(zone)
		last, err2 := m.LastSnapshot(zone)
		if err1 != nil || err2 != nil || string(first) != want[0] || string(last) != want[1] {
			t.Errorf("%s: first %q, %v, last %q, %v, want %q", zone, first, err1, last, err2, want)
		}
	}
	kept, err := os.ReadDir(m.Path("snapshots"))
	if err != nil || len(kept) != 14 {
		t.Errorf("%d snapshots are kept, %v, want 14", len(kept), err)
	}
}

func TestNamesStayInside(t *testing.T) {
	t.Parallel()
	m := open(t, t.TempDir(), state.Options{})
	for _, name := range []string{"", ".", "..", "../x", "a/b", "/etc/passwd", ".tmp-1", "a\x00b", "-rf"} {
		if _, err := m.SaveEvidence(name, nil); err == nil {
			t.Errorf("SaveEvidence(%q) passed", name)
		}
		if err := m.SaveSnapshot(name, nil); err == nil {
			t.Errorf("SaveSnapshot(%q) passed", name)
		}
		if _, err := m.FirstSnapshot(name); err == nil {
			t.Errorf("FirstSnapshot(%q) passed", name)
		}
	}
	path, err := m.SaveEvidence("probe-1.eml", []byte("x"))
	if err != nil || path != m.Path("evidence", "probe-1.eml") {
		t.Errorf("SaveEvidence = %q, %v", path, err)
	}
}

func TestWriteFileIsWholeForReaders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	texts := [][]byte{bytes.Repeat([]byte("a"), 1<<16), bytes.Repeat([]byte("b"), 3<<16)}
	if err := state.WriteFile(path, texts[0]); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var g errgroup.Group
	g.Go(func() error {
		defer close(done)
		for n := range 50 {
			if err := state.WriteFile(path, texts[n%2]); err != nil {
				return err
			}
		}
		return nil
	})
	g.Go(func() error {
		for {
			got, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if !bytes.Equal(got, texts[0]) && !bytes.Equal(got, texts[1]) {
				return fmt.Errorf("a reader found %d octets of neither text", len(got))
			}
			select {
			case <-done:
				return nil
			default:
			}
		}
	})
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestWriteFileThatCannot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := state.WriteFile(filepath.Join(dir, "d"), []byte("x")); err == nil {
		t.Error("a directory was replaced")
	}
	if err := state.WriteFile(filepath.Join(dir, "none", "f"), []byte("x")); err == nil {
		t.Error("a directory was made")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
