package migrate_test

import (
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A postfix is a real mail server with a configuration of its own. It finds
// others as every Postfix does: by the MX records that its resolver has.
type postfix struct {
	host  string
	addrs []string // the first is also where its mail comes from
	dir   string
	lines string            // of main.cf, DIR stands for dir
	files map[string]string // beside main.cf
	conf  string
	ended chan struct{}
}

// start runs the server until the test ends.
func (p *postfix) start(t *testing.T) {
	t.Helper()
	p.conf = filepath.Join(p.dir, "conf")
	for _, sub := range []string{"conf", "queue", "data"} {
		if err := os.MkdirAll(filepath.Join(p.dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	owned(t, "postfix", filepath.Join(p.dir, "data"))
	words := strings.NewReplacer("DIR", p.dir, "HOST", p.host, "ADDRS", strings.Join(p.addrs, ", "), "FIRST", p.addrs[0])
	files := map[string]string{"main.cf": words.Replace(postfixMain + p.lines), "master.cf": postfixMaster}
	for name, text := range p.files {
		files[name] = text
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(p.conf, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	command(t, "postfix", "-c", p.conf, "check")
	p.master(t)
}

// master starts the server's first process, which ends its whole group when
// it is told to end: it gets a group of its own.
func (p *postfix) master(t *testing.T) {
	t.Helper()
	where := strings.TrimSpace(command(t, "postconf", "-c", p.conf, "-h", "daemon_directory"))
	cmd := exec.Command(filepath.Join(where, "master"), "-c", p.conf, "-d")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.ended = make(chan struct{})
	go func() {
		_ = cmd.Wait() // that it ended is what matters
		close(p.ended)
	}()
	t.Cleanup(func() { stop(t, cmd, p.ended, p.log()) })
	for _, a := range p.addrs {
		await(t, a+":25", p.log(), p.ended)
	}
}

func (p *postfix) log() string { return filepath.Join(p.dir, "log") }

// queued counts the messages that the server is still responsible for.
func (p *postfix) queued(t *testing.T) int {
	t.Helper()
	n := 0
	for _, q := range []string{"maildrop", "incoming", "active", "deferred", "hold", "corrupt"} {
		err := filepath.WalkDir(filepath.Join(p.dir, "queue", q), func(_ string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() {
				n++
			}
			return nil // a message may leave while it is looked at
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// logged returns the lines of the log with one of the words.
func (p *postfix) logged(t *testing.T, words ...string) []string {
	t.Helper()
	log, err := os.ReadFile(p.log())
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(log)) {
		for _, w := range words {
			if strings.Contains(line, w) {
				lines = append(lines, strings.TrimSpace(line))
				break
			}
		}
	}
	return lines
}

// owned gives files to a user of the system.
func owned(t *testing.T, name string, files ...string) {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := os.Chown(f, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
}

// drained waits until no server holds a message any more.
func drained(t *testing.T, limit time.Duration, servers ...*postfix) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for _, p := range servers {
		for p.queued(t) > 0 {
			if time.Now().After(deadline) {
				t.Fatalf("%s still holds %d messages\n%s", p.host, p.queued(t), lastWords(p.log()))
			}
			select {
			case <-p.ended:
				t.Fatalf("%s has ended\n%s", p.host, lastWords(p.log()))
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
}

// Retries come after seconds: the servers' own times are for days.
const postfixMain = `compatibility_level = 3.6
queue_directory = DIR/queue
data_directory = DIR/data
maillog_file = DIR/log
maillog_file_prefixes = DIR
myhostname = HOST
inet_interfaces = ADDRS
inet_protocols = ipv4
smtp_bind_address = FIRST
smtp_host_lookup = dns
mydestination =
alias_maps =
alias_database =
notify_classes =
biff = no
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
minimal_backoff_time = 3s
maximal_backoff_time = 5s
queue_run_delay = 2s
`

const postfixMaster = `smtp       inet       n - n -     - smtpd
pickup     unix       n - n 60    1 pickup
cleanup    unix       n - n -     0 cleanup
qmgr       unix       n - n 300   1 qmgr
tlsmgr     unix       - - n 1000? 1 tlsmgr
rewrite    unix       - - n -     - trivial-rewrite
bounce     unix       - - n -     0 bounce
defer      unix       - - n -     0 bounce
trace      unix       - - n -     0 bounce
verify     unix       - - n -     1 verify
flush      unix       n - n 1000? 0 flush
proxymap   unix       - - n -     - proxymap
proxywrite unix       - - n -     1 proxymap
smtp       unix       - - n -     - smtp
relay      unix       - - n -     - smtp
showq      unix       n - n -     - showq
error      unix       - - n -     - error
retry      unix       - - n -     - error
discard    unix       - - n -     - discard
local      unix       - n n -     - local
virtual    unix       - n n -     - virtual
lmtp       unix       - - n -     - lmtp
anvil      unix       - - n -     1 anvil
scache     unix       - - n -     1 scache
postlog    unix-dgram n - n -     1 postlogd
`
