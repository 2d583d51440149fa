package publish_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	_ "modernc.org/sqlite"

	"github.com/mxmove/mxmove/dnsplan/resolver"
)

// program returns where a program is, or skips the test with the reason.
func program(t *testing.T, pkg string, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("MXMOVE_TEST_REAL") != "" {
		t.Fatalf("%s is not installed (package %s), and MXMOVE_TEST_REAL is set", names[0], pkg)
	}
	t.Skipf("%s is not installed (package %s)", names[0], pkg)
	return ""
}

// A journal is what a daemon says.
type journal struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// daemon runs a name server until the test ends, and returns when it serves
// the zone.
func daemon(t *testing.T, addr, name string, args ...string) {
	t.Helper()
	log := &journal{}
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", name, log)
		}
	})
	deadline := time.Now().Add(20 * time.Second)
	for {
		c := resolver.Client{Timeout: time.Second, TCP: true} // a new one: it remembers who gave no answer
		set, err := c.Ask(t.Context(), resolver.Server{Addr: addr}, "example.org", dns.TypeSOA)
		if err == nil && set != nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not serve the zone: %v", name, err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func save(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// knotSite serves the zone with Knot DNS.
func knotSite(t *testing.T) site {
	t.Helper()
	knotd := program(t, "knot", "knotd", "/usr/sbin/knotd")
	dir, port := t.TempDir(), freePort(t)
	save(t, filepath.Join(dir, "example.org.zone"), "$ORIGIN example.org.\n"+exampleZone)
	conf := filepath.Join(dir, "knot.conf")
	save(t, conf, strings.NewReplacer("DIR", dir, "PORT", port, "SECRET", key.Secret).Replace(`server:
  rundir: DIR
  listen: 127.0.0.1@PORT
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
log:
  - target: stderr
    any: warning
database:
  storage: DIR
key:
  - id: key.
    algorithm: hmac-sha256
    secret: SECRET
acl:
  - id: ours
    key: key.
    action: [update, transfer]
zone:
  - domain: example.org.
    storage: DIR
    file: example.org.zone
    acl: ours
`))
	daemon(t, "127.0.0.1:"+port, knotd, "-c", conf)
	return rfc2136Site("127.0.0.1:" + port)
}

// powerSite serves the zone with PowerDNS, out of an SQLite database.
func powerSite(t *testing.T) site {
	t.Helper()
	server := program(t, "pdns-server", "pdns_server", "/usr/sbin/pdns_server")
	util := program(t, "pdns-server", "pdnsutil", "/usr/bin/pdnsutil")
	const schema = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"
	program(t, "pdns-backend-sqlite3", schemaProgram(schema))
	dir, port := t.TempDir(), freePort(t)
	file := filepath.Join(dir, "pdns.sqlite")
	createDatabase(t, file, schema)
	save(t, filepath.Join(dir, "example.org.zone"), "$ORIGIN example.org.\n"+exampleZone)
	save(t, filepath.Join(dir, "pdns.conf"), strings.NewReplacer("DIR", dir, "PORT", port, "FILE", file).Replace(`launch=gsqlite3
gsqlite3-database=FILE
local-address=127.0.0.1
local-port=PORT
socket-dir=DIR
daemon=no
guardian=no
dnsupdate=yes
allow-dnsupdate-from=127.0.0.0/8
disable-axfr=no
allow-axfr-ips=
security-poll-suffix=
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
consistent-backends=no
`))
	for _, args := range [][]string{
		{"load-zone", "example.org", filepath.Join(dir, "example.org.zone")},
		{"import-tsig-key", "key", "hmac-sha256", key.Secret},
		{"set-meta", "example.org", "TSIG-ALLOW-DNSUPDATE", "key"},
		{"set-meta", "example.org", "TSIG-ALLOW-AXFR", "key"},
	} {
		out, err := exec.Command(util, append([]string{"--config-dir=" + dir}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("pdnsutil %s: %v\n%s", args[0], err, out)
		}
	}
	daemon(t, "127.0.0.1:"+port, server, "--config-dir="+dir)
	return rfc2136Site("127.0.0.1:" + port)
}

// schemaProgram is the schema's path where it exists: a file that is not
// there means that the backend is not installed.
func schemaProgram(schema string) string {
	if _, err := os.Stat(schema); err == nil {
		return "true"
	}
	return schema
}

func createDatabase(t *testing.T, file, schema string) {
	t.Helper()
	text, err := os.ReadFile(schema)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), string(text)); err != nil {
		t.Fatal(fmt.Errorf("schema of PowerDNS: %w", err))
	}
}
