package publish_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/resolver"
)

// bindSite serves the zone with BIND 9 as primary.
func bindSite(t *testing.T) site {
	t.Helper()
	primary, _ := startBIND(t)
	return rfc2136Site(primary)
}

const namedConf = `
options {
	directory "%[1]s";
	pid-file none;
	session-keyfile none;
	managed-keys-directory "%[1]s";
	listen-on port %[2]s { 127.0.0.1; };
	listen-on-v6 { none; };
	recursion no;
	dnssec-validation no;
	minimal-responses no;
};
controls { };
key "key." { algorithm hmac-sha256; secret "%[3]s"; };
zone "example.org" {
	file "%[1]s/example.org.zone";
	%[4]s
};
`

// startBIND starts a primary, which takes updates and transfers with the key,
// and a secondary that is told of every change. Both end with the test.
func startBIND(t *testing.T) (primary, secondary string) {
	t.Helper()
	named := program(t, "bind9", "named", "/usr/sbin/named", "/usr/local/sbin/named")
	p1, p2 := freePort(t), freePort(t)
	startNamed(t, named, p1, exampleZone, fmt.Sprintf(
		`type primary; allow-update { key "key."; }; allow-transfer { key "key."; }; notify explicit; notify-delay 0; also-notify { 127.0.0.1 port %s; };`, p2))
	startNamed(t, named, p2, "", fmt.Sprintf(
		`type secondary; primaries { 127.0.0.1 port %s key "key."; }; allow-notify { 127.0.0.1; }; allow-transfer { key "key."; }; masterfile-format text;`, p1))
	return "127.0.0.1:" + p1, "127.0.0.1:" + p2
}

// freePort returns a port that was free for TCP and UDP a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	for range 20 {
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		udp, err := net.ListenPacket("udp", tcp.Addr().String())
		tcp.Close()
		if err != nil {
			continue
		}
		udp.Close()
		_, port, _ := net.SplitHostPort(tcp.Addr().String())
		return port
	}
	t.Fatal("no port is free for both TCP and UDP")
	return ""
}

func startNamed(t *testing.T, named, port, zoneText, zoneConf string) {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "named.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, namedConf, dir, port, key.Secret, zoneConf), 0o600); err != nil {
		t.Fatal(err)
	}
	if zoneText != "" {
		if err := os.WriteFile(filepath.Join(dir, "example.org.zone"), []byte(strings.TrimLeft(zoneText, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(named, "-g", "-c", conf, "-n", "1")
	log := &bytes.Buffer{}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	running := make(chan bool, 1)
	drained := make(chan struct{})
	go follow(stderr, log, running, drained)
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		<-drained
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("named on port %s said:\n%s", port, log)
		}
	})
	select {
	case ok := <-running:
		if !ok {
			t.Fatalf("named ended at once:\n%s", log)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("named did not start within 20 s")
	}
}

// follow keeps what named says and reports once when it runs, or has ended.
func follow(r io.Reader, log *bytes.Buffer, running chan<- bool, drained chan<- struct{}) {
	defer close(drained)
	told := false
	for sc := bufio.NewScanner(r); sc.Scan(); {
		fmt.Fprintln(log, sc.Text())
		if !told && strings.HasSuffix(sc.Text(), " running") {
			told = true
			running <- true
		}
	}
	if !told {
		running <- false
	}
}

// TestBINDSecondaryFollows publishes at a real primary and watches the change
// arrive at a real secondary.
func TestBINDSecondaryFollows(t *testing.T) {
	t.Parallel()
	primary, secondary := startBIND(t)
	c := &resolver.Client{Servers: []string{primary, secondary}, Timeout: time.Second}
	visible := func(w ...resolver.Want) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		for {
			v, err := c.Visible(ctx, "example.org", w)
			if err != nil {
				t.Fatalf("%v; last seen %+v", err, v)
			}
			if v.All() {
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	visible(resolver.Want{Key: oldMX.Key(), RRset: oldMX})
	mustPublish(t, rfc2136Site(primary), update(oldMX, newMX), update(oldA, nil), update(nil, longK))
	visible(resolver.Want{Key: newMX.Key(), RRset: newMX}, resolver.Want{Key: oldA.Key()}, resolver.Want{Key: longK.Key(), RRset: longK})
	snap, err := c.Snapshot(t.Context(), "example.org", resolver.Source{AXFR: primary, TSIG: &key})
	if err != nil || len(snap.Findings) != 1 || snap.Findings[0].Code != "MX013" {
		t.Errorf("snapshot = %+v, %v; want the note about the wildcard alone", snap.Findings, err)
	}
	wrong := key
	wrong.Name = "other."
	if _, err := c.Transfer(t.Context(), "example.org", primary, &wrong); !errors.Is(err, resolver.ErrDenied) {
		t.Errorf("transfer with an unknown key = %v, want ErrDenied", err)
	}
	if set, err := c.Ask(t.Context(), resolver.Server{Addr: primary}, "example.net", dns.TypeMX); !errors.Is(err, resolver.ErrNoAnswer) {
		t.Errorf("a zone that BIND does not serve: %v, %v; want ErrNoAnswer", set, err)
	}
}
