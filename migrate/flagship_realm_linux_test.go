package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The flagship needs servers on their real ports, which find each other by
// the DNS of a world of their own. Each of its stories therefore runs in a
// process that has its own network, mounts and process numbers: when it ends,
// whatever it has started ends with it.

// realmBin is the variable by which a story inside finds the program.
const realmBin = "MXMOVE_TEST_REALM"

// realmPatience bounds one story, with its servers' start and end.
const realmPatience = 5 * time.Minute

// requireRealm is requireReal for servers that need more of the machine.
func requireRealm(t *testing.T) {
	t.Helper()
	requireReal(t)
	missing := ""
	for _, p := range []struct{ name, pkg string }{
		{"postfix", "postfix"}, {"unbound", "unbound"}, {"ip", "iproute2"},
		{"/usr/lib/dovecot/lmtp", "dovecot-lmtpd"}, {"sievec", "dovecot-sieve"},
	} {
		if program(p.name) == "" {
			missing += fmt.Sprintf("; %s is not installed (apt-get install %s)", p.name, p.pkg)
		}
	}
	if os.Geteuid() != 0 {
		missing += "; only root may run Postfix"
	}
	if missing != "" {
		t.Fatal("MXMOVE_TEST_REAL=1 asks for real servers" + missing)
	}
}

// inRealm runs the story of this test in a realm of its own: it starts this
// very test again, which finds itself inside.
func inRealm(t *testing.T, bin string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), realmPatience+10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$",
		"-test.v", "-test.count=1", "-test.timeout="+realmPatience.String())
	cmd.Env = append(os.Environ(), realmBin+"="+bin)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSYS) {
		t.Fatalf("this machine does not let root make a network, mount and process namespace (%v); "+
			"in a container it takes --cap-add SYS_ADMIN and a seccomp profile that allows unshare", err)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// enterRealm gives the process, which is alone in its namespaces, the world's
// addresses, a resolver at 127.0.0.1 and the names of the DNS only.
func enterRealm(t *testing.T, dir string, addresses ...string) {
	t.Helper()
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatalf("make the mounts private: %v", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		t.Fatalf("mount /proc of the namespace: %v", err)
	}
	for file, text := range map[string]string{
		"/etc/resolv.conf":   "nameserver 127.0.0.1\noptions timeout:2 attempts:3\n",
		"/etc/hosts":         "127.0.0.1 localhost\n",
		"/etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n",
	} {
		own := filepath.Join(dir, filepath.Base(file))
		if err := os.WriteFile(own, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount(own, file, "", syscall.MS_BIND, ""); err != nil {
			t.Fatalf("mount our own %s: %v", file, err)
		}
	}
	command(t, "ip", "link", "set", "lo", "up")
	for _, a := range addresses {
		command(t, "ip", "address", "add", a+"/32", "dev", "lo")
	}
}

// command runs a program of the system to its end.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program(name), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}
