package report_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/report"
)

// directory makes a move directory that nothing was done in yet.
func directory(t *testing.T) (string, *migrate.Move) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	text := "domain: example.org\nprovider: google\n"
	if err := os.WriteFile(filepath.Join(dir, "mxmove.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := migrate.Open(dir, migrate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return dir, m
}

func TestWrite(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, out, html, json string }{
		{"in its place", "", ".mxmove/report.html", ".mxmove/report.json"},
		{"elsewhere", "move.html", "move.html", "move.json"},
		{"without an extension", "move", "move", "move.json"},
		{"with a dot in its folder", "a.b/move", "a.b/move", "a.b/move.json"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir, m := directory(t)
			if err := os.Mkdir(filepath.Join(dir, "a.b"), 0o700); err != nil {
				t.Fatal(err)
			}
			out := tt.out
			if out != "" {
				out = filepath.Join(dir, out)
			}
			for range 2 {
				path, err := report.Write(t.Context(), m, out)
				if err != nil {
					t.Fatal(err)
				}
				if want := filepath.Join(dir, tt.html); path != want {
					t.Errorf("Write(%q) = %q, want %q", tt.out, path, want)
				}
			}
			check(t, filepath.Join(dir, tt.html), "<!DOCTYPE html>")
			data := check(t, filepath.Join(dir, tt.json), "{")
			var d report.Document
			if err := json.Unmarshal(data, &d); err != nil || d.Version != 1 || d.Domain != "example.org" {
				t.Errorf("the JSON is of version %d, domain %q, %v", d.Version, d.Domain, err)
			}
		})
	}
}

// check reads a file of the owner alone.
func check(t *testing.T, path, begin string) []byte {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("%s has the mode %v, want 0600", path, info.Mode())
	}
	data, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(data), begin) {
		t.Errorf("%s begins %.20q, want %q; %v", path, data, begin, err)
	}
	return data
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	dir, m := directory(t)
	out := filepath.Join(dir, "move.JSON")
	if _, err := report.Write(t.Context(), m, out); !errors.Is(err, report.ErrName) {
		t.Errorf("Write(%q) = %v, want %v", out, err, report.ErrName)
	}
	if _, err := report.Write(t.Context(), m, filepath.Join(dir, "missing", "move.html")); err == nil {
		t.Error("Write into a folder that is missing succeeds")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the move directory holds %v, %v, want mxmove.yaml alone", entries, err)
	}
}
