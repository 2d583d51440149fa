package migrate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A product is the built program with a move directory, used as a person uses
// it: by its command line alone.
type product struct {
	bin, dir string
	env      []string
	secrets  []string // must not turn up in anything that it writes
}

// build makes the program once for a test and its subtests.
func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "mxmove")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "./cmd/mxmove")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

// A run is one command that has been started. What it says and its code may
// be read once it has ended.
type run struct {
	args           []string
	cmd            *exec.Cmd
	ended          chan struct{}
	stdout, stderr bytes.Buffer
	code           int // -1 when it was killed
}

// patience is how long any command of the story may take.
const patience = 2 * time.Minute

func (p *product) start(t *testing.T, args ...string) *run {
	t.Helper()
	r := &run{args: args, ended: make(chan struct{})}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	r.cmd = exec.CommandContext(ctx, p.bin, append([]string{"-C", p.dir}, args...)...)
	r.cmd.Env = append(os.Environ(), p.env...)
	r.cmd.Stdout, r.cmd.Stderr = &r.stdout, &r.stderr
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = r.cmd.Wait() // the code says how it ended
		r.code = r.cmd.ProcessState.ExitCode()
		close(r.ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-r.ended
	})
	return r
}

// wait returns when the command has ended, and looks for secrets in what it
// has said.
func (p *product) wait(t *testing.T, r *run) *run {
	t.Helper()
	<-r.ended
	for _, s := range p.secrets {
		if strings.Contains(r.stdout.String(), s) || strings.Contains(r.stderr.String(), s) {
			t.Errorf("mxmove %s told a secret", strings.Join(r.args, " "))
		}
	}
	return r
}

// do runs a command to its end and wants one of the exit codes.
func (p *product) do(t *testing.T, codes []int, args ...string) *run {
	t.Helper()
	r := p.wait(t, p.start(t, args...))
	if !slices.Contains(codes, r.code) {
		t.Fatalf("mxmove %s", r.told(codes))
	}
	return r
}

// ok runs a command that must end 0.
func (p *product) ok(t *testing.T, args ...string) *run {
	t.Helper()
	return p.do(t, []int{0}, args...)
}

// document runs a command with --json and reads its answer into v.
func (p *product) document(t *testing.T, v any, codes []int, args ...string) {
	t.Helper()
	r := p.do(t, codes, append(args, "--json")...)
	if err := json.Unmarshal(r.stdout.Bytes(), v); err != nil {
		t.Fatalf("%s --json: %v\n%s", strings.Join(args, " "), err, r.stdout.Bytes())
	}
}

// leaks looks for secrets in everything that was kept in the move directory.
func (p *product) leaks(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(p.dir, ".mxmove"), func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, s := range p.secrets {
			if bytes.Contains(text, []byte(s)) {
				t.Errorf("%s holds a secret", path)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// told is how a command ended, with the end of what it said.
func (r *run) told(want []int) string {
	last := func(b *bytes.Buffer) string { return string(b.Bytes()[max(0, b.Len()-3000):]) }
	out, _ := json.Marshal(map[string]any{"want": want, "got": r.code})
	return strings.Join(r.args, " ") + ": exit " + string(out) + "\n-- stdout --\n" + last(&r.stdout) + "\n-- stderr --\n" + last(&r.stderr)
}
