package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/tools/txtar"

	"github.com/mxmove/mxmove/migrate/config"
)

// seed adds the files of the given name from all archives.
func seed(f *testing.F, name, whole string) {
	f.Helper()
	archives, err := filepath.Glob(filepath.Join(testdata, "*.txtar"))
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range archives {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if archive.Files[0].Name == name {
			f.Add(string(archive.Files[0].Data))
		}
	}
	text, err := os.ReadFile(filepath.Join(testdata, whole))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
}

// bounded fails the test when a complaint is not one of ours, or is not fit
// for a terminal.
func bounded(t *testing.T, err error) {
	t.Helper()
	e, ok := errors.AsType[*config.Error](err)
	if !ok {
		t.Fatalf("not an *Error: %v", err)
	}
	e.File = "file"
	text := e.Error()
	if len(text) > 4096 {
		t.Errorf("the complaint has %d octets", len(text))
	}
	for _, r := range text {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("the complaint holds %U: %q", r, text)
		}
	}
	if e.Line > 0 && e.Column < 1 {
		t.Errorf("line %d, column %d", e.Line, e.Column)
	}
}

func FuzzLoad(f *testing.F) {
	seed(f, config.File, "full.yaml")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := config.Load(write(t, config.File, text))
		if err != nil {
			bounded(t, err)
			return
		}
		if c.Domain == "" || !strings.Contains(c.Domain, ".") || c.Provider == "" && c.ProviderFile == "" {
			t.Errorf("accepted without domain or provider: %+v", c)
		}
		if c.Sync.Memory < 1<<20 || c.Sync.Connections < 1 || c.Sync.Accounts < 1 || c.Policy.Quiet <= 0 || c.Policy.Sweep <= 0 {
			t.Errorf("accepted without bounds: %+v %+v", c.Sync, c.Policy)
		}
	})
}

func FuzzLoadAccounts(f *testing.F) {
	seed(f, "accounts.csv", "accounts.csv")
	f.Fuzz(func(t *testing.T, text string) {
		accounts, err := config.LoadAccounts(write(t, "accounts.csv", text), "example.org")
		if err != nil {
			bounded(t, err)
			return
		}
		names := make(map[string]bool)
		for _, a := range accounts {
			name := strings.ToLower(a.Name())
			if names[name] {
				t.Errorf("two accounts are called %q", name)
			}
			names[name] = true
			if a.SourceUser == "" || a.TargetUser == "" || a.Line < 2 || !strings.Contains(a.Address, "@") {
				t.Errorf("accepted %+v", a)
			}
		}
		if len(accounts) == 0 {
			t.Error("accepted an empty list")
		}
	})
}
