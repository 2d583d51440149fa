package export_test

import (
	"bufio"
	"bytes"
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

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/export"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

// TestNamedCheckzoneTakesTheFragment puts the fragment of each stage in the
// place of what it replaces, and lets BIND read the whole.
func TestNamedCheckzoneTakesTheFragment(t *testing.T) {
	t.Parallel()
	checkzone := find(t, "named-checkzone", "bind9-utils")
	each(t, func(t *testing.T, s story, stage dnsplan.Stage) {
		rest := dnsplan.Outcome(s.plan, stage, s.zone)
		for _, c := range s.plan.Stage(stage) {
			rest.Remove(c.RRset().Name, c.RRset().Type)
		}
		file := filepath.Join(t.TempDir(), "zone")
		var text bytes.Buffer
		if err := rest.Write(&text); err != nil {
			t.Fatal(err)
		}
		text.WriteString(write(t, export.Fragment, s, stage))
		if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		// Names of other zones are not to be looked up.
		out, err := exec.CommandContext(t.Context(), checkzone, "-i", "none", "-k", "ignore", "example.org", file).CombinedOutput()
		if err != nil {
			t.Errorf("named-checkzone: %v\n%s\n%s", err, out, text.String())
		}
	})
}

// TestNSUpdateAtBIND applies every stage of every story with nsupdate, and
// reads the zone back after each.
func TestNSUpdateAtBIND(t *testing.T) {
	t.Parallel()
	nsupdate := find(t, "nsupdate", "bind9-dnsutils")
	named := find(t, "named", "bind9")
	for _, s := range stories(t) {
		if strings.HasSuffix(s.name, "google") {
			continue // a server for each story; these differ little
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			port := startNamed(t, named, s.zone)
			update := func(script string) (string, error) {
				cmd := exec.CommandContext(t.Context(), nsupdate, "-v", "-y", key.Algorithm+":"+key.Name+":"+key.Secret)
				cmd.Stdin = strings.NewReader(fmt.Sprintf("server 127.0.0.1 %s\n%s", port, script))
				out, err := cmd.CombinedOutput()
				return string(out), err
			}
			live := s.zone
			for _, stage := range dnsplan.Stages {
				if len(s.plan.Stage(stage)) == 0 {
					continue
				}
				script := write(t, export.NSUpdate, s, stage)
				if out, err := update(script); err != nil {
					t.Fatalf("%s: %v\n%s\n%s", stage, err, out, script)
				}
				live = transfer(t, port)
				same(t, string(stage), live, dnsplan.Outcome(s.plan, stage, s.zone))
				// The zone is no longer as the stage expects it.
				if out, err := update(script); err == nil || !strings.Contains(out, "RRSET") {
					t.Errorf("%s applied twice: %v\n%s", stage, err, out)
				}
				same(t, string(stage)+" twice", transfer(t, port), live)
			}
			if live.Len() == s.zone.Len() && zone.Equal(live.Get("example.org.", dns.TypeMX), s.zone.Get("example.org.", dns.TypeMX)) {
				t.Error("the zone is as it was: nothing was tried")
			}
		})
	}
}

var key = resolver.TSIG{Name: "key.", Algorithm: "hmac-sha256", Secret: "c2VjcmV0IHNlY3JldCBzZWNyZXQ="}

func transfer(t *testing.T, port string) zone.Zone {
	t.Helper()
	c := &resolver.Client{Timeout: 5 * time.Second}
	z, err := c.Transfer(t.Context(), "example.org", "127.0.0.1:"+port, &key)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// find returns a program of BIND's, or skips the test with the reason.
func find(t *testing.T, name, pkg string) string {
	t.Helper()
	for _, path := range []string{name, "/usr/bin/" + name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
		if path, err := exec.LookPath(path); err == nil {
			return path
		}
	}
	if os.Getenv("MXMOVE_TEST_REAL") != "" {
		t.Fatalf("%s is not installed (package %s), and MXMOVE_TEST_REAL is set", name, pkg)
	}
	t.Skipf("%s is not installed (package %s)", name, pkg)
	return ""
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
	notify no;
	dnssec-validation no;
};
controls { };
key "key." { algorithm hmac-sha256; secret "%[3]s"; };
zone "example.org" {
	type primary;
	file "%[1]s/example.org.zone";
	check-names ignore;
	check-integrity no;
	allow-update { key "key."; };
	allow-transfer { key "key."; };
};
`

// startNamed serves a zone with BIND until the test ends, and returns its port.
func startNamed(t *testing.T, named string, z zone.Zone) string {
	t.Helper()
	dir, port := t.TempDir(), freePort(t)
	var text bytes.Buffer
	if err := z.Write(&text); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "named.conf")
	for file, data := range map[string][]byte{
		conf: fmt.Appendf(nil, namedConf, dir, port, key.Secret), filepath.Join(dir, "example.org.zone"): text.Bytes(),
	} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(named, "-g", "-c", conf, "-n", "1")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	log := &bytes.Buffer{}
	running, drained := make(chan bool, 1), make(chan struct{})
	go follow(stderr, log, running, drained)
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		<-drained
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("named said:\n%s", log)
		}
	})
	select {
	case ok := <-running:
		if !ok {
			t.Fatal("named ended at once")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("named did not start within 20 s")
	}
	return port
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
