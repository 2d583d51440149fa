package migrate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/dnslab"
	"github.com/mxmove/mxmove/dnsplan/publish"
	"github.com/mxmove/mxmove/dnsplan/zone"
	"github.com/mxmove/mxmove/migrate/config"
)

// openedMove is a move directory with a configuration of these lines.
func openedMove(t *testing.T, o Options, lines ...string) *Move {
	t.Helper()
	dir := t.TempDir()
	text := "domain: example.org\nprovider: google\n" + strings.Join(lines, "\n") + "\n"
	if err := os.WriteFile(filepath.Join(dir, config.File), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPublisherKinds(t *testing.T) {
	t.Parallel()
	const token = "token-of-the-account"
	credentials := `{"Version": 1, "AccessKeyId": "AKIA", "SecretAccessKey": "` + token + `", "SessionToken": "s"}`
	tests := []struct {
		text, secret string
		name         string
		floor        uint32
	}{
		{"rfc2136: {server: 127.0.0.1}", "", "rfc2136", 0},
		{"file: {path: zone}", "", "file", 0},
		{"manual: {ttl_floor: 600}", "", "manual", 600},
		{"cloudflare: {token: {env: T}}", token, "cloudflare", 60},
		{"desec: {token: {env: T}}", token, "desec", 3600},
		{"digitalocean: {token: {env: T}}", token, "digitalocean", 30},
		{"gandi: {token: {env: T}}", token, "gandi", 300},
		{"hetzner: {token: {env: T}}", token, "hetzner", 60},
		{"ovh: {application_key: k, application_secret: {env: T}, consumer_key: {env: T}}", token, "ovh", 60},
		{"route53: {access_key: {env: T}, secret_key: {env: T}}", token, "route53", 0},
		{"route53: {credentials: {env: T}}", credentials, "route53", 0},
	}
	for _, tt := range tests {
		o := Options{Secret: func(config.Secret) (string, error) { return tt.secret, nil }}
		m := openedMove(t, o, "dns: {publisher: {"+tt.text+"}}")
		p, err := m.publisher()
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if a := p.Abilities(); a.Name != tt.name || a.TTLFloor != tt.floor || m.floor() != tt.floor {
			t.Errorf("%s: abilities %+v, floor %d; want %s and %d", tt.text, a, m.floor(), tt.name, tt.floor)
		}
		if tt.secret == "" {
			continue
		}
		m.o.Secret = func(config.Secret) (string, error) { return "", errors.New("no such variable") }
		if _, err := m.publisher(); err == nil {
			t.Errorf("%s: there is a publisher without its secret", tt.text)
		}
	}
	if _, err := openedMove(t, Options{}).publisher(); !errors.Is(err, ErrNoPublisher) {
		t.Errorf("none: %v, want ErrNoPublisher", err)
	}
	m := openedMove(t, Options{Secret: func(config.Secret) (string, error) { return token, nil }}, "dns: {publisher: {route53: {credentials: {env: T}}}}")
	if _, err := m.publisher(); err == nil || strings.Contains(err.Error(), token) {
		t.Errorf("credentials that are none: %v", err)
	}
}

const labZone = `
@ 3600 IN SOA ns1 hostmaster 50 7200 600 1209600 60
@ 3600 IN NS ns1
@ 86400 IN MX 10 mail
ns1 3600 IN A 127.0.0.1
mail 3600 IN A 192.0.2.10
old-name 3600 IN A 192.0.2.77
`

func zoneLab(t *testing.T) *dnslab.Lab {
	t.Helper()
	z, err := zone.Read(strings.NewReader(labZone), "example.org.", "test")
	if err != nil {
		t.Fatal(err)
	}
	lab, err := dnslab.Start(dnslab.Options{Zones: []zone.Zone{z}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lab.Close() })
	return lab
}

// TestManualIsTalkedThrough hands a sheet over, names a slip while it waits,
// and sees the end of it.
func TestManualIsTalkedThrough(t *testing.T) {
	t.Parallel()
	lab := zoneLab(t)
	var talk strings.Builder
	o := Options{Events: func(e Event) { fmt.Fprintln(&talk, e.Text) }}
	m := openedMove(t, o, fmt.Sprintf("dns: {servers: [%q], publisher: {manual: {}}}", lab.Addr()))
	before := lab.Zone("example.org").Get("example.org.", dns.TypeMX)
	after := &zone.RRset{Name: "example.org.", Type: dns.TypeMX, TTL: 300, Data: []string{"1 smtp.google.com."}}
	changes := []dnsplan.Change{{Zone: "example.org.", Stage: dnsplan.Switch, Action: dnsplan.Update, Before: before, After: after}}
	err := m.locked(t.Context(), "cutover", func(r *run) error {
		if err := r.publish(t.Context(), changes); err != nil {
			return err
		}
		slip := *after
		slip.Data = []string{"1 smtp.google.com.example.org."}
		if err := lab.Set(slip); err != nil {
			return err
		}
		if look, err := r.visible(t.Context(), changes); look.All || err != nil || !strings.Contains(look.Lag, "you typed smtp.google.com.example.org") {
			t.Errorf("visible = %v, %q, %v; want the slip", look.All, look.Lag, err)
		}
		if err := lab.Set(*after); err != nil {
			return err
		}
		applied, err := r.applied(t.Context())
		if err != nil || len(applied) != 1 {
			t.Errorf("applied = %v, %v; want the change", applied, err)
		}
		return r.awaitVisible(t.Context(), changes)
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(talk.String(), "1. example.org MX: change") {
		t.Errorf("the sheet was not handed over:\n%s", talk.String())
	}
}

// TestListingMakesTheSnapshotWhole lets the publisher list the zone, over TLS
// and where the rehearsal leads: a name that nobody would guess is known, and
// what the list lacks is asked for.
func TestListingMakesTheSnapshotWhole(t *testing.T) {
	t.Parallel()
	lab := zoneLab(t)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/domains/example.org/{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"name": "example.org", "minimum_ttl": 900}`)
	})
	mux.HandleFunc("GET /api/v1/domains/example.org/rrsets/{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `[{"subname": "", "type": "MX", "ttl": 86400, "records": ["10 mail.example.org."]},
			{"subname": "ns1", "type": "A", "ttl": 3600, "records": ["127.0.0.1"]},
			{"subname": "mail", "type": "A", "ttl": 3600, "records": ["192.0.2.10"]},
			{"subname": "old-name", "type": "A", "ttl": 3600, "records": ["192.0.2.77"]}]`)
	})
	addr, ca := serveAs(t, mux, "desec.io")
	m := openedMove(t, Options{Secret: func(config.Secret) (string, error) { return "t", nil }},
		fmt.Sprintf("dns: {servers: [%q], publisher: {desec: {token: {env: T}}}}", lab.Addr()),
		fmt.Sprintf("rehearsal: {connect: {\"desec.io:443\": %q}, ca: %q}", addr, ca))
	for _, live := range []bool{false, true} {
		views, err := m.look(t.Context(), nil, lens{live: live})
		if err != nil {
			t.Fatal(err)
		}
		v := views[0]
		if v.zone.Coverage != zone.Listing || v.floor != 900 || len(v.findings) > 0 {
			t.Errorf("live %v: coverage %s, floor %d, findings %v", live, v.zone.Coverage, v.floor, v.findings)
		}
		for _, want := range lab.Zone("example.org").All() {
			if got := v.zone.Get(want.Name, want.Type); !zone.Same(got, &want) {
				t.Errorf("live %v: %s = %v, want %v", live, want.Key(), got, want)
			}
		}
	}
}

// serveAs runs a server under somebody else's name. It returns its address
// and the file of the authority that vouches for it.
func serveAs(t *testing.T, h http.Handler, name string) (addr, ca string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), ca
}

// TestFileComplaintsAreTheUsersToMend maps a refusal of the file to the place
// in it.
func TestFileComplaintsAreTheUsersToMend(t *testing.T) {
	t.Parallel()
	m := openedMove(t, Options{}, "dns: {servers: [\"127.0.0.1:1\"], publisher: {file: {path: zone}}}")
	path := filepath.Join(m.Config.Dir, "zone")
	if err := os.WriteFile(path, []byte(labZone+"$INCLUDE more\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := m.listing(t.Context(), nil, "example.org.", lens{})
	e, ok := errors.AsType[*config.Error](err)
	if !ok || e.Line != 8 || e.Fix == "" {
		t.Errorf("listing = %v, want a complaint about line 8", err)
	}
	if all, err := m.listing(t.Context(), nil, "example.org.", lens{live: true}); all != nil || err != nil {
		t.Errorf("live: listing = %v, %v; want none, since the file may not be loaded yet", all, err)
	}
}

func TestPromise(t *testing.T) {
	t.Parallel()
	for want, a := range map[string]publish.Abilities{
		"": {Name: "rfc2136", Swap: true, Atomic: true},
		"desec does not compare and write in one, so the zone is read right before and right after":                                                                            {Name: "desec", Atomic: true},
		"gandi does not compare and write in one, so the zone is read right before and right after, and takes changes one by one, so what comes is there before anything goes": {Name: "gandi"},
	} {
		if got := promise(a); got != want {
			t.Errorf("promise(%+v) = %q, want %q", a, got, want)
		}
	}
}
