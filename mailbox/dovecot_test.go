package mailbox_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imapconn"
)

// A dovecot is a real server of our own on loopback.
type dovecot struct {
	addr string
	mail string // where the mail of its users lies
}

// newDovecot starts a Dovecot with some further settings, or skips where none
// is installed.
func newDovecot(t testing.TB, name, separator, location string, settings ...string) dovecot {
	t.Helper()
	program, err := exec.LookPath("dovecot")
	if err != nil && os.Getenv("MXMOVE_TEST_REAL") != "" {
		t.Fatalf("MXMOVE_TEST_REAL is set: %v", err)
	} else if err != nil {
		t.Skipf("no Dovecot here (Debian: dovecot-imapd): %v", err)
	}
	version, err := exec.CommandContext(t.Context(), program, "--version").Output()
	if err != nil || !strings.HasPrefix(string(version), "2.3.") {
		t.Skipf("the configuration is for Dovecot 2.3, installed is %q (%v)", version, err)
	}
	dir := t.TempDir()
	for at := dir; at != os.TempDir() && len(at) > 1; at = filepath.Dir(at) {
		_ = os.Chmod(at, 0o755) // mail processes are another user
	}
	port := freePort(t)
	config := filepath.Join(dir, "dovecot.conf")
	if err := os.WriteFile(config, []byte(dovecotConfig(t, dir, name, separator, location, port)+strings.Join(settings, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	server := exec.Command(program, "-F", "-c", config)
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		_ = server.Wait()
	})
	d := dovecot{addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), mail: filepath.Join(dir, "mail")}
	await(t, d.addr, filepath.Join(dir, "log"))
	return d
}

func (d dovecot) side(user string) mailbox.Side {
	return mailbox.Side{
		Endpoint: imapconn.Endpoint{Addr: d.addr, Insecure: true, Timeout: 20 * time.Second},
		Login:    imapconn.Login{User: user, Password: "secret"},
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func await(t testing.TB, addr, log string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if c, err := new(net.Dialer).DialContext(ctx, "tcp", addr); err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-ctx.Done():
			text, _ := os.ReadFile(log)
			t.Fatalf("Dovecot does not listen; its log:\n%s", text)
		case <-tick.C:
		}
	}
}

// dovecotConfig is for whoever runs the test: as root, mail processes run as
// the user that the system has for mail; otherwise all runs as ourselves.
func dovecotConfig(t testing.TB, dir, name, separator, location string, port int) string {
	t.Helper()
	owner, own := "mail", ""
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if me.Uid != "0" {
		group, err := user.LookupGroupId(me.Gid)
		if err != nil {
			t.Fatal(err)
		}
		owner = me.Uid
		own = fmt.Sprintf("default_internal_user = %[1]s\ndefault_internal_group = %[2]s\ndefault_login_user = %[1]s\n"+
			"service anvil {\n chroot =\n}\nservice imap-login {\n chroot =\n}\nservice stats {\n chroot =\n}\n", me.Username, group.Name)
	}
	mail := filepath.Join(dir, "mail")
	if err := os.Mkdir(mail, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(mail, 0o777); err != nil { // whatever the umask
		t.Fatal(err)
	}
	return strings.NewReplacer("DIR", dir, "NAME", name, "SEPARATOR", separator, "LOCATION", location,
		"PORT", strconv.Itoa(port), "OWNER", owner).Replace(dovecotText) + own
}

const dovecotText = `
base_dir = DIR/run
state_dir = DIR/run
log_path = DIR/log
instance_name = mailbox-NAME
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
mail_max_userip_connections = 100
mail_fsync = never
first_valid_uid = 1
first_valid_gid = 1
mail_location = LOCATION
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=OWNER gid=OWNER home=DIR/mail/%u
}
namespace inbox {
  inbox = yes
  separator = SEPARATOR
  mailbox Sent {
    special_use = \Sent
  }
  mailbox Trash {
    special_use = \Trash
  }
}
service imap-login {
  inet_listener imap {
    port = PORT
  }
  inet_listener imaps {
    port = 0
  }
  service_count = 0
}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
`
