package migrate

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/migrate/config"
)

// dial opens a connection, or the one that a rehearsal leads to instead.
func (m *Move) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if r := m.Config.Rehearsal; r != nil {
		if to, ok := r.Connect[addr]; ok {
			addr = to
		}
	}
	var d net.Dialer
	return d.DialContext(ctx, network, addr)
}

// client returns the program's view of the DNS.
func (m *Move) client() (*resolver.Client, error) {
	d := m.Config.DNS
	c := &resolver.Client{Resolver: d.Resolver, Servers: d.Servers, Dial: m.dial, Log: m.o.Log}
	if d.Snapshot.TSIG != nil {
		tsig, err := m.tsig(d.Snapshot.TSIG)
		if err != nil {
			return nil, err
		}
		c.TSIG = tsig
	}
	return c, nil
}

func (m *Move) tsig(t *config.TSIG) (*resolver.TSIG, error) {
	secret, err := m.secret(t.Secret)
	if err != nil {
		return nil, fmt.Errorf("tsig key %s: %w", t.Name, err)
	}
	key := &resolver.TSIG{Name: t.Name, Algorithm: t.Algorithm, Secret: secret}
	if err := key.Validate(); err != nil {
		return nil, &config.Error{File: m.Config.File, Text: err.Error(), Fix: "the secret is base64, as in the server's key file"}
	}
	return key, nil
}

func (m *Move) secret(s config.Secret) (string, error) {
	if m.o.Secret == nil {
		return "", errors.New("migrate: no secret can be read here")
	}
	return m.o.Secret(s)
}

// imap turns a configured server into an endpoint to connect to.
func (m *Move) imap(e *config.Endpoint, t config.TLS, insecure bool) (imapconn.Endpoint, error) {
	tc, err := m.tls(t)
	if err != nil {
		return imapconn.Endpoint{}, err
	}
	return imapconn.Endpoint{
		Addr: e.Addr(), StartTLS: !e.ImplicitTLS() && !insecure, Insecure: insecure,
		TLS: tc, Dial: m.dial, Log: m.o.Log,
	}, nil
}

// tls returns what to trust: the system's authorities, those of the server's
// own file, and those of a rehearsal. A pin has to match besides, and suffices
// where no authority vouches for the certificate.
func (m *Move) tls(t config.TLS) (*tls.Config, error) {
	tc := &tls.Config{MinVersion: tls.VersionTLS12}
	var files []string
	if t.CA != "" {
		files = append(files, t.CA)
	}
	if r := m.Config.Rehearsal; r != nil && r.CA != "" {
		files = append(files, r.CA)
	}
	if len(files) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		for _, file := range files {
			if !filepath.IsAbs(file) {
				file = filepath.Join(m.Config.Dir, file)
			}
			pem, err := os.ReadFile(file)
			if err != nil {
				return nil, &config.Error{File: m.Config.File, Text: "certificate file: " + err.Error(), Fix: "name a readable PEM file", Err: err}
			}
			if !pool.AppendCertsFromPEM(pem) {
				return nil, &config.Error{File: m.Config.File, Text: file + " holds no certificate", Fix: "name a PEM file"}
			}
		}
		tc.RootCAs = pool
	}
	if t.Pin != "" {
		// A pinned key is trusted by itself, which is what a pin is for: a
		// self-signed certificate of the old server.
		tc.InsecureSkipVerify = true
		tc.VerifyConnection = pinned(t.Pin)
	}
	return tc, nil
}

// pinned accepts exactly one public key.
func pinned(pin string) func(tls.ConnectionState) error {
	return func(cs tls.ConnectionState) error {
		sum := sha256.Sum256(cs.PeerCertificates[0].RawSubjectPublicKeyInfo)
		if got := "sha256/" + base64.StdEncoding.EncodeToString(sum[:]); got != pin {
			return fmt.Errorf("public key %s is not the pinned %s", got, pin)
		}
		return nil
	}
}
