package state_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/migrate/state"
	"github.com/mxmove/mxmove/migrate/step"
)

// child is the other process: one that holds the lock until its input ends,
// or one that writes for ever and says what it has written.
func child(role, dir string) {
	lock, err := state.TakeLock(dir, "mxmove sync", noon)
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	defer lock.Close()
	fmt.Println("held")
	switch role {
	case "hold":
		if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
			fmt.Println("error:", err)
		}
	case "write":
		if err := writeOn(dir); err != nil {
			fmt.Println("error:", err)
		}
	}
}

func writeOn(dir string) error {
	ctx := context.Background()
	m, err := state.Open(ctx, dir, state.Options{})
	if err != nil {
		return err
	}
	steps, err := m.Steps(ctx)
	if err != nil {
		return err
	}
	for n := len(steps) + 1; ; n++ {
		c := changes[0]
		c.Why = strconv.Itoa(n)
		if err := m.ExtendUndo("example.org", []dnsplan.Change{c}); err != nil {
			return err
		}
		if _, err := m.Begin(ctx, step.Step{Command: strconv.Itoa(n)}); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

type process struct {
	*exec.Cmd
	out *bufio.Scanner
	in  io.WriteCloser
}

func start(t *testing.T, role, dir string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.CommandContext(t.Context(), self)}
	p.Env = append(os.Environ(), "MXMOVE_STATE_CHILD="+role, "MXMOVE_STATE_DIR="+dir)
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewScanner(out)
	if p.in, err = p.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	if !p.out.Scan() || p.out.Text() != "held" {
		t.Fatalf("the other process says %q", p.out.Text())
	}
	return p
}

// kill ends the process as a power cut would, and waits for it.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err == nil {
		t.Error("the process ended by itself")
	}
}

func TestLockOfAnotherProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, "hold", dir)
	_, err := state.TakeLock(dir, "mxmove watch", noon)
	locked, ok := errors.AsType[*state.LockedError](err)
	if !errors.Is(err, state.ErrLocked) || !ok {
		t.Fatalf("TakeLock = %v, want ErrLocked", err)
	}
	want := fmt.Sprintf("another run holds the lock: mxmove sync, process %d, since 2026-11-25T12:00:00Z", p.Process.Pid)
	if locked.Error() != want || locked.PID != p.Process.Pid {
		t.Errorf("got %q, want %q", locked, want)
	}
	p.kill(t)
	lock, err := state.TakeLock(dir, "mxmove watch", noon)
	if err != nil {
		t.Fatalf("after the other process was killed: %v", err)
	}
	if err := errors.Join(lock.Close(), lock.Close()); err != nil {
		t.Error(err)
	}
}

func TestLockOfTheSameProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := state.TakeLock(dir, "mxmove \x1b[31msync", noon)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := state.TakeLock(dir, "mxmove sync", noon); !errors.Is(err, state.ErrLocked) || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("TakeLock = %q, want ErrLocked, fit for a terminal", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := state.TakeLock(dir, "mxmove sync", noon)
	if err != nil {
		t.Fatal(err)
	}
	// What the holder has written may be anything.
	if err := os.WriteFile(filepath.Join(dir, state.Dir, "lock"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := state.TakeLock(dir, "mxmove sync", noon); !errors.Is(err, state.ErrLocked) || err.Error() != "another run holds the lock" {
		t.Errorf("TakeLock = %v", err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestKilledWhileItWrites(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	said := 0
	for round := range 6 {
		p := start(t, "write", dir)
		for n := 0; n < 1+round*3 && p.out.Scan(); n++ {
			number, err := strconv.Atoi(p.out.Text())
			if err != nil {
				t.Fatalf("the other process says %q", p.out.Text())
			}
			said = number
		}
		p.kill(t)
		m := openReadOnly(t, dir)
		steps, err := m.Steps(t.Context())
		if err != nil || len(steps) < said {
			t.Fatalf("%d steps, %v, want at least the %d that were told", len(steps), err, said)
		}
		u, err := m.LoadUndo()
		if err != nil || len(u.Changes) < len(steps) {
			t.Fatalf("%d changes in undo.json, %v, want at least the %d that the steps came after", len(u.Changes), err, len(steps))
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
