//go:build unix

package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/migrate/config"
)

func TestCheckDir(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		dir, file os.FileMode
		want      string // in the complaint; empty: it passes
	}{
		{"private", 0o700, 0o600, ""},
		{"readable", 0o755, 0o644, ""},
		{"world-writable directory", 0o777, 0o600, "others can write this"},
		{"writable by others", 0o702, 0o600, "others can write this"},
		{"world-writable file", 0o700, 0o646, "mxmove.yaml: others can write this"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, config.File), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(os.Chmod(filepath.Join(dir, config.File), tt.file), os.Chmod(dir, tt.dir)); err != nil {
				t.Fatal(err)
			}
			complains(t, config.CheckDir(dir), tt.want)
		})
	}
}

func TestCheckDirOfSomebodyElse(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "accounts.csv")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(file, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	complains(t, config.CheckDir(dir), "accounts.csv: this belongs to somebody else (user 65534)")
	if err := errors.Join(os.Chown(file, 0, 0), os.Chown(dir, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	complains(t, config.CheckDir(dir), "this belongs to somebody else (user 65534)")
}

func TestCheckDirThatIsNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "x")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	complains(t, config.CheckDir(file), "this is no directory")
	complains(t, config.CheckDir(filepath.Join(dir, "y")), "there is no such directory")
	complains(t, config.CheckFile(filepath.Join(dir, "y")), "")
}

func complains(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	if _, ok := errors.AsType[*config.Error](err); !ok || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}
