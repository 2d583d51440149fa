package probe_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/migrate/probe"
)

// A host is a policy host on loopback, which a rehearsal leads to.
type host struct {
	outside probe.Outside
	dialled []string
}

func policyHost(t *testing.T, name string, addresses []string, rehearsed string, serve http.HandlerFunc) *host {
	t.Helper()
	srv := httptest.NewUnstartedServer(serve)
	cert, pool := certificateFor(t, name)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	h := &host{}
	h.outside = probe.Outside{
		Resolver: records{"A mta-sts.example.org.": addresses}, TLS: &tls.Config{RootCAs: pool}, Timeout: 2 * time.Second,
		Rehearsed: func(addr string) bool { return addr == rehearsed },
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			h.dialled = append(h.dialled, addr)
			if addr == rehearsed || addr == "192.0.2.80:443" {
				addr = srv.Listener.Addr().String()
			}
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		},
	}
	return h
}

const goodPolicy = "version: STSv1\nmode: testing\nmx: mail.example.org\nmax_age: 86400\n"

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if r.URL.Path == "/.well-known/mta-sts.txt" && r.Host == "mta-sts.example.org" {
			fmt.Fprint(w, body)
		}
	}
}

func TestFetchPolicy(t *testing.T) {
	t.Parallel()
	for _, rehearsed := range []string{"", "mta-sts.example.org:443"} {
		h := policyHost(t, "mta-sts.example.org", []string{"192.0.2.80"}, rehearsed, text(goodPolicy))
		got, err := probe.FetchPolicy(t.Context(), "Example.org.", h.outside)
		if err != nil || got != goodPolicy {
			t.Errorf("rehearsed %q: FetchPolicy = %q, %v", rehearsed, got, err)
		}
	}
}

func TestFetchPolicyFindsNone(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, cert, answer string
		serve              http.HandlerFunc
	}{
		{"not found", "mta-sts.example.org", "404", http.NotFound},
		{"redirect", "mta-sts.example.org", "302", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://mta-sts.example.org/elsewhere", http.StatusFound)
		}},
		{"web page", "mta-sts.example.org", "media type", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, goodPolicy)
		}},
		{"too large", "mta-sts.example.org", "more than 65536 octets", text(strings.Repeat("x: y\n", 20000))},
		{"empty", "mta-sts.example.org", "empty", text("\n")},
		{"certificate of another name", "www.example.org", "certificate", text(goodPolicy)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := policyHost(t, tt.cert, []string{"192.0.2.80"}, "", tt.serve)
			got, err := probe.FetchPolicy(t.Context(), "example.org", h.outside)
			no, ok := errors.AsType[*probe.NoPolicyError](err)
			if !ok || !strings.Contains(no.Answer, tt.answer) {
				t.Errorf("FetchPolicy = %q, %v, want a *NoPolicyError with %q", got, err, tt.answer)
			}
			if len(h.dialled) != 1 {
				t.Errorf("dialled %q, want one connection", h.dialled)
			}
		})
	}
}

func TestFetchPolicyNotMeasured(t *testing.T) {
	t.Parallel()
	silent := policyHost(t, "mta-sts.example.org", []string{"192.0.2.80"}, "", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	silent.outside.Timeout = 50 * time.Millisecond
	tests := []struct {
		name string
		o    probe.Outside
		host string
	}{
		{"silent", silent.outside, "example.org"},
		{"no such host", silent.outside, "other.example"},
		{"nobody to ask", probe.Outside{}, "example.org"},
	}
	for _, tt := range tests {
		_, err := probe.FetchPolicy(t.Context(), tt.host, tt.o)
		if _, ok := errors.AsType[*probe.NoPolicyError](err); ok || err == nil {
			t.Errorf("%s: FetchPolicy = %v, want an error that says nothing about the policy", tt.name, err)
		}
	}
}

// Names from outside may lead to the machines inside; only the user's own
// rehearsal may.
func TestFetchPolicyKeepsOutside(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{
		"127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "198.18.0.1",
		"::1", "::", "fe80::1", "fc00::1", "ff02::1", "fec0::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:a00:1::1",
	} {
		h := policyHost(t, "mta-sts.example.org", []string{addr}, "", text(goodPolicy))
		if _, err := probe.FetchPolicy(t.Context(), "example.org", h.outside); !errors.Is(err, probe.ErrForbidden) || len(h.dialled) > 0 {
			t.Errorf("%s: FetchPolicy = %v after %q, want ErrForbidden and no connection", addr, err, h.dialled)
		}
		to := netip.AddrPortFrom(netip.MustParseAddr(addr).Unmap(), 443).String()
		h = policyHost(t, "mta-sts.example.org", []string{addr}, to, text(goodPolicy))
		if _, err := probe.FetchPolicy(t.Context(), "example.org", h.outside); err != nil {
			t.Errorf("%s named by the rehearsal: FetchPolicy = %v", addr, err)
		}
	}
	h := policyHost(t, "mta-sts.example.org", []string{"10.0.0.1", "192.0.2.80"}, "", text(goodPolicy))
	if _, err := probe.FetchPolicy(t.Context(), "example.org", h.outside); err != nil || len(h.dialled) != 1 {
		t.Errorf("one address of two: FetchPolicy = %v after %q", err, h.dialled)
	}
}

// certificateFor returns a certificate for a name, and a pool that trusts it.
func certificateFor(t *testing.T, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{name},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}
