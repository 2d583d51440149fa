package imapconn_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// dovecot starts a Dovecot of our own, or skips where none is installed.
func dovecot(t *testing.T) imapconn.Endpoint {
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
	if err := os.WriteFile(config, []byte(dovecotConfig(t, dir, port)), 0o644); err != nil {
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
	e := imapconn.Endpoint{Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), Insecure: true, Timeout: 20 * time.Second}
	await(t, e.Addr, filepath.Join(dir, "log"))
	return e
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func await(t *testing.T, addr, log string) {
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
func dovecotConfig(t *testing.T, dir string, port int) string {
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
	return strings.NewReplacer("DIR", dir, "PORT", strconv.Itoa(port), "OWNER", owner).Replace(`
base_dir = DIR/run
state_dir = DIR/run
log_path = DIR/log
instance_name = imapconn
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:~/Maildir
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
  separator = .
  mailbox Sent {
    special_use = \Sent
    auto = subscribe
  }
}
service imap-login {
  inet_listener imap {
    port = PORT
  }
  inet_listener imaps {
    port = 0
  }
}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
`) + own
}

// deliver appends messages through the raw lane and gives their UIDs.
func deliver(t *testing.T, c *imapconn.Target, mailbox string, bodies []string, date time.Time) []imap.UID {
	t.Helper()
	raw := c.Raw()
	name, _ := wire.Quote(mailbox)
	_, _ = raw.WriteString(raw.Tag() + " APPEND " + name)
	for _, body := range bodies {
		_, _ = raw.WriteString(` (\Seen $Forwarded) ` + wire.FormatDate(date) + " ")
		if sync, err := raw.Literal(int64(len(body))); sync || err != nil {
			t.Fatalf("Literal() = %v, %v", sync, err)
		}
		_, _ = raw.WriteString(body)
	}
	_, _ = raw.WriteString("\r\n")
	if err := raw.Flush(); err != nil {
		t.Fatal(err)
	}
	for {
		p, err := raw.Next()
		if err != nil {
			t.Fatal(err)
		}
		if p.Kind != wire.Tagged {
			continue
		}
		if err := raw.Answer(p); err != nil {
			t.Fatal(err)
		}
		_, set, ok := wire.AppendUID(p.Args)
		uids, listed := set.UIDs(len(bodies))
		if !ok || !listed || len(uids) != len(bodies) {
			t.Fatalf("APPENDUID %s for %d messages", p.Args, len(bodies))
		}
		return uids
	}
}

func TestDovecot(t *testing.T) {
	t.Parallel()
	e := dovecot(t)
	if err := dialSource(t.Context(), e, imapconn.Login{User: "anna", Password: "wrong"}); imapconn.Class(err) != imapconn.ClassLogin {
		t.Errorf("wrong password: Class(%v) = %q, want login", err, imapconn.Class(err))
	}
	c, err := imapconn.DialTarget(t.Context(), e, anna)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for _, name := range []string{"Entwürfe", "Archive.2019", "Archive.2019", `quo"te`} {
		if err := c.Create(t.Context(), name); err != nil {
			t.Fatalf("Create(%s) = %v", name, err)
		}
	}
	if err := c.Subscribe(t.Context(), "Entw&APw-rfe"); err != nil {
		t.Fatal(err)
	}
	bodies := []string{
		"Message-ID: <1@example.org>\r\nSubject: one\r\n\r\nbody\r\n",
		"Subject: no id\r\n\r\nbody\r\n",
		"Message-ID: <2@example.org>\r\n\r\n" + strings.Repeat("line\r\n", 50_000),
	}
	date := time.Date(2011, 3, 4, 5, 6, 7, 0, time.FixedZone("", -8*3600-1800))
	if _, err := c.Select(t.Context(), "Entw&APw-rfe"); err != nil {
		t.Fatal(err)
	}
	uids := deliver(t, c, "Entw&APw-rfe", bodies, date)
	if err := c.Store(t.Context(), uids[:1], true, []imap.Flag{imap.FlagFlagged}); err != nil {
		t.Fatal(err)
	}
	s, err := imapconn.DialSource(t.Context(), e, anna)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	t.Run("list", func(t *testing.T) { dovecotList(t, s) })
	t.Run("status", func(t *testing.T) { dovecotStatus(t, s, len(bodies)) })
	t.Run("fetch", func(t *testing.T) { dovecotFetch(t, s, uids, bodies, date) })
	t.Run("move", func(t *testing.T) { dovecotMove(t, c, s, uids[1:2]) })
}

func dovecotList(t *testing.T, s *imapconn.Source) {
	list, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range list {
		got = append(got, fmt.Sprintf("%s|%s|%c|%v|%v", m.Wire, m.Name, m.Delim, m.Subscribed, slices.Contains(m.Attrs, imap.MailboxAttrSent)))
	}
	for _, want := range []string{"INBOX|INBOX|.|false|false", "Entw&APw-rfe|Entwürfe|.|true|false", "Archive.2019|Archive.2019|.|false|false", `quo"te|quo"te|.|false|false`, "Sent|Sent|.|true|true"} {
		if !slices.Contains(got, want) {
			t.Errorf("List() = %q, want %q in it", got, want)
		}
	}
	l, err := s.Survey(t.Context())
	ns := l.Namespaces
	if st, ok := l.Status["Entw&APw-rfe"]; !ok || st.UIDNext == nil || st.UIDValidity == nil || len(l.Mailboxes) != len(list) {
		t.Errorf("Survey() = %+v", l)
	}
	if err != nil || len(ns.Personal) != 1 || ns.Personal[0] != (imapconn.Namespace{Prefix: "", Delim: '.'}) {
		t.Errorf("Survey() = %+v, %v", ns, err)
	}
}

func dovecotStatus(t *testing.T, s *imapconn.Source, messages int) {
	st, err := s.Status(t.Context(), "Entw&APw-rfe")
	if err != nil || st.Messages == nil || int(*st.Messages) != messages || st.UIDNext == nil || st.UIDValidity == nil {
		t.Errorf("Status() = %+v, %v", st, err)
	}
	if _, err := s.Status(t.Context(), "nowhere"); imapconn.Class(err) != imapconn.ClassMissing && imapconn.Class(err) != imapconn.ClassRefused {
		t.Errorf("Status(nowhere) = %v", err)
	}
}

func dovecotFetch(t *testing.T, s *imapconn.Source, uids []imap.UID, bodies []string, date time.Time) {
	sel, err := s.Examine(t.Context(), "Entw&APw-rfe")
	if err != nil || int(sel.Exists) != len(bodies) || !sel.ReadOnly || sel.UIDValidity == 0 {
		t.Fatalf("Examine() = %+v, %v", sel, err)
	}
	var got []wire.Message
	if err := s.Fetch(t.Context(), wire.From(1), true, func(m wire.Message) error {
		got = append(got, m)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(bodies) {
		t.Fatalf("Fetch() = %d messages, want %d", len(got), len(bodies))
	}
	for i, m := range got {
		header, _, _ := strings.Cut(bodies[i], "\r\n\r\n")
		if m.UID != uids[i] || m.Size != int64(len(bodies[i])) || !m.InternalDate.Equal(date) || // Maildir keeps no zone

			m.Header != wire.Fingerprint([]byte(header)) || m.UIDValidity != sel.UIDValidity || !slices.Contains(m.Flags, "$Forwarded") ||
			slices.Contains(m.Flags, imap.FlagFlagged) != (i == 0) {
			t.Errorf("Fetch() = %+v", m)
		}
	}
	i := 0
	if err := s.Bodies(t.Context(), append(slices.Clone(uids), 4711), func(uid imap.UID, size int64, body io.Reader) error {
		b, err := io.ReadAll(body)
		if uid != uids[i] || string(b) != bodies[i] || size != int64(len(b)) {
			t.Errorf("body of uid %d differs", uid)
		}
		i++
		return err
	}); err != nil || i != len(bodies) {
		t.Errorf("Bodies() = %d, %v", i, err)
	}
	if found, err := s.Search(t.Context(), wire.SetOf(uids[0], 4711)); err != nil || !slices.Equal(found, uids[:1]) {
		t.Errorf("Search() = %v, %v", found, err)
	}
	if err := s.Unselect(t.Context()); err != nil {
		t.Errorf("Unselect() = %v", err)
	}
}

func dovecotMove(t *testing.T, c *imapconn.Target, s *imapconn.Source, uids []imap.UID) {
	if validity, places, err := c.Move(t.Context(), uids, "Archive.2019"); err != nil || validity == 0 || len(places) != len(uids) {
		t.Fatalf("Move() = %d, %v, %v", validity, places, err)
	}
	st, err := s.Status(t.Context(), "Archive.2019")
	if err != nil || st.Messages == nil || *st.Messages != 1 {
		t.Errorf("Status() behind Move() = %+v, %v", st, err)
	}
}
