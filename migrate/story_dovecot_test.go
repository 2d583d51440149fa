package migrate_test

import (
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A dovecot is an ordinary Dovecot on loopback with IMAP over TLS.
type dovecot struct {
	name      string // "source", "target"
	separator string
	prefix    string
	location  string            // mail_location
	users     map[string]string // passwords
	dir       string            // configuration, sockets, log and mail
	addr      string
	tls       *tls.Config // to reach it
}

func (d *dovecot) wire(p path) string { return p.wire(d.prefix, d.separator) }

// start runs the server until the test ends.
func (d *dovecot) start(t *testing.T, ca *authority, host string) {
	t.Helper()
	version, err := exec.CommandContext(t.Context(), program("dovecot"), "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(version), "2.3.") {
		t.Fatalf("this story writes the configuration of Dovecot 2.3, and %q is installed", strings.TrimSpace(string(version)))
	}
	for _, sub := range []string{"", "run", "mail"} {
		if err := os.MkdirAll(filepath.Join(d.dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	port := freePort(t)
	d.addr = fmt.Sprintf("127.0.0.1:%d", port)
	d.tls = ca.client(host)
	ca.issue(t, host, filepath.Join(d.dir, "cert.pem"), filepath.Join(d.dir, "key.pem"))
	d.write(t, "users", d.passwords())
	d.write(t, "dovecot.conf", d.config(t, port))
	log := filepath.Join(d.dir, "log")
	serve(t, d.addr, log, program("dovecot"), "-F", "-c", filepath.Join(d.dir, "dovecot.conf"))
}

func (d *dovecot) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (d *dovecot) passwords() string {
	var lines []string
	for name, password := range d.users {
		lines = append(lines, name+":{PLAIN}"+password+"\n")
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// config is written for whoever runs the test: as root, mail processes run as
// the user that the package has made; otherwise everything runs as ourselves.
func (d *dovecot) config(t *testing.T, port int) string {
	t.Helper()
	owner, own := "mail", ""
	if os.Geteuid() == 0 {
		d.chown(t, owner)
	} else {
		me, err := user.Current()
		if err != nil {
			t.Fatal(err)
		}
		group, err := user.LookupGroupId(me.Gid)
		if err != nil {
			t.Fatal(err)
		}
		owner = me.Uid
		own = strings.NewReplacer("USER", me.Username, "GROUP", group.Name).Replace(dovecotUnprivileged)
	}
	return strings.NewReplacer(
		"DIR", d.dir, "PORT", fmt.Sprint(port), "LOCATION", d.location, "SEPARATOR", d.separator,
		"PREFIX", d.prefix, "NAME", d.name, "OWNER", owner,
	).Replace(dovecotConfig) + own
}

func (d *dovecot) chown(t *testing.T, owner string) {
	t.Helper()
	u, err := user.Lookup(owner)
	if err != nil {
		t.Fatal(err)
	}
	var uid, gid int
	if _, err := fmt.Sscan(u.Uid+" "+u.Gid, &uid, &gid); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Join(d.dir, "mail"), uid, gid); err != nil {
		t.Fatal(err)
	}
}

// refusals counts the wrong passwords that the server has been given for user.
func (d *dovecot) refusals(t *testing.T, user string) int {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(d.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, "Password mismatch") && strings.Contains(line, "("+user+",") {
			n++
		}
	}
	return n
}

// A password is refused at once: the penalty for earlier failures is a wait
// that would only make the test slow.
const dovecotConfig = `
base_dir = DIR/run
state_dir = DIR/run
log_path = DIR/log
instance_name = mxmove-NAME
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <DIR/cert.pem
ssl_key = <DIR/key.pem
auth_mechanisms = plain login
auth_failure_delay = 0
auth_verbose = yes
mail_max_userip_connections = 100
first_valid_uid = 1
first_valid_gid = 1
mail_location = LOCATION
passdb {
  driver = passwd-file
  args = DIR/users
}
userdb {
  driver = static
  args = uid=OWNER gid=OWNER home=DIR/mail/%u
}
namespace inbox {
  inbox = yes
  separator = SEPARATOR
  prefix = PREFIX
  mailbox Drafts {
    special_use = \Drafts
  }
  mailbox Sent {
    special_use = \Sent
  }
  mailbox Trash {
    special_use = \Trash
  }
  mailbox Junk {
    special_use = \Junk
  }
  mailbox Archive {
    special_use = \Archive
  }
}
service imap-login {
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = PORT
    ssl = yes
  }
  service_count = 0
}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
`

const dovecotUnprivileged = `
default_internal_user = USER
default_internal_group = GROUP
default_login_user = USER
service imap-login {
  chroot =
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
`
