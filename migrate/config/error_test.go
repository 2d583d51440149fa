package config_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/mxmove/mxmove/migrate/config"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Each archive in testdata/config/*.txtar holds one bad file and, as
// want.txt, the complaint as a person sees it.
func TestComplaints(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob(filepath.Join(testdata, "*.txtar"))
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, path := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			complaint(t, path)
		})
	}
}

func complaint(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(archive.Files) != 2 || archive.Files[1].Name != "want.txt" {
		t.Fatalf("%s does not hold a file and want.txt", path)
	}
	name := archive.Files[0].Name
	file := write(t, name, string(archive.Files[0].Data))
	if name == config.File {
		_, err = config.Load(file)
	} else {
		_, err = config.LoadAccounts(file, "example.org")
	}
	e, ok := errors.AsType[*config.Error](err)
	if !ok {
		t.Fatalf("the file passed: %v", err)
	}
	e.File = name
	got := e.Error() + "\n"
	if strings.Contains(got, "hunter2") {
		t.Errorf("the complaint shows a secret:\n%s", got)
	}
	if *update {
		archive.Files[1].Data = []byte(got)
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want := string(archive.Files[1].Data); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}
