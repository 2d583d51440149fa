package migrate_test

import (
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// requireReal skips a test that starts servers of the distribution.
// MXMOVE_TEST_REAL=1 asks for them: then a missing one is a failure.
func requireReal(t *testing.T) {
	t.Helper()
	missing := ""
	for _, name := range []string{"dovecot", "named"} {
		if program(name) == "" {
			missing += "; " + name + " is not installed (apt-get install dovecot-imapd bind9)"
		}
	}
	switch {
	case os.Getenv("MXMOVE_TEST_REAL") != "1":
		t.Skip("starts Dovecot and BIND, and takes a while; set MXMOVE_TEST_REAL=1 to run it" + missing)
	case missing != "":
		t.Fatal("MXMOVE_TEST_REAL=1 asks for real servers" + missing)
	}
}

// program finds a server: the folders of administrators are not in everybody's
// PATH. It is empty when there is none.
func program(name string) string {
	for _, file := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name, "/sbin/" + name} {
		if found, err := exec.LookPath(file); err == nil {
			return found
		}
	}
	return ""
}

// openFolder is a temporary folder that other users can search, which
// t.TempDir is not: Dovecot's mail processes do not run as root.
func openFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "mxmove-story-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// freePort picks a port below those which the system hands out by itself, so
// that a test that listens on port 0 does not take it meanwhile.
func freePort(t *testing.T) int {
	t.Helper()
	for range 200 {
		port := 20000 + rand.IntN(10000)
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		u, err := net.ListenPacket("udp", addr)
		l.Close()
		if err != nil {
			continue
		}
		u.Close()
		return port
	}
	t.Fatal("no free port on loopback")
	return 0
}

// serve runs a server in the foreground until the test ends and returns when
// it listens. Only this process is ended, by its number. What it says is
// appended to log.
func serve(t *testing.T, addr, log, name string, args ...string) {
	t.Helper()
	said, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended does not matter, that it ended does
		close(ended)
	}()
	t.Cleanup(func() { stop(t, cmd, ended, log) })
	await(t, addr, log, ended)
}

func stop(t *testing.T, cmd *exec.Cmd, ended <-chan struct{}, log string) {
	t.Helper()
	_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		_ = cmd.Process.Kill()
		<-ended
	}
	if t.Failed() {
		t.Logf("last words of %s:\n%s", filepath.Base(cmd.Path), lastWords(log))
	}
}

func await(t *testing.T, addr, log string, ended <-chan struct{}) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); ; {
		if nc, err := net.Dial("tcp", addr); err == nil {
			nc.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing listens on %s:\n%s", addr, lastWords(log))
		}
		select {
		case <-ended:
			t.Fatalf("the server on %s ended at once:\n%s", addr, lastWords(log))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func lastWords(log string) string {
	text, err := os.ReadFile(log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-3000):])
}
