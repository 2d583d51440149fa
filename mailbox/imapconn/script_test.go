package imapconn_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mxmove/mxmove/mailbox/imapconn"
)

const caps = "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR LITERAL+ UNSELECT MOVE\r\n"

// A peer is the server's end of one connection, played by a test.
type peer struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func (p *peer) send(text string) {
	if _, err := p.Write([]byte(text)); err != nil && !errors.Is(err, net.ErrClosed) {
		p.t.Logf("peer: %v", err)
	}
}

// read takes a line and gives it without its tag, and the tag.
func (p *peer) read() (tag, line string) {
	raw, err := p.r.ReadString('\n')
	if err != nil {
		return "", ""
	}
	tag, line, _ = strings.Cut(strings.TrimRight(raw, "\r\n"), " ")
	return tag, line
}

// answer waits for a command that begins with want and answers it with data
// and a tagged line.
func (p *peer) answer(want, data, tagged string) {
	tag, line := p.read()
	if !strings.HasPrefix(line, want) {
		p.t.Errorf("server got %q, want %q", line, want)
	}
	p.send(data + tag + " " + tagged + "\r\n")
}

// welcome lets a client in.
func (p *peer) welcome() {
	p.send("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hello\r\n")
	p.answer("AUTHENTICATE PLAIN AGFubmEAc2VjcmV0", "", "OK in")
	p.answer("CAPABILITY", caps, "OK done")
}

// silence waits until the client hangs up.
func (p *peer) silence() {
	for {
		if _, err := p.r.ReadByte(); err != nil {
			return
		}
	}
}

// serve plays one script per connection, in the order of their coming, and
// waits for them to end.
func serve(t *testing.T, scripts ...func(p *peer)) imapconn.Endpoint {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var peers sync.WaitGroup
	peers.Go(func() {
		for _, script := range scripts {
			c, err := l.Accept()
			if err != nil {
				return
			}
			peers.Go(func() {
				p := &peer{t, c, bufio.NewReader(c)}
				script(p)
				_ = p.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		peers.Wait()
	})
	return imapconn.Endpoint{Addr: l.Addr().String(), Insecure: true, Timeout: 5 * time.Second}
}

var anna = imapconn.Login{User: "anna", Password: "secret"}

// source plays a script to a client that is logged in.
func source(t *testing.T, script func(p *peer)) *imapconn.Source {
	t.Helper()
	e := serve(t, func(p *peer) {
		p.welcome()
		script(p)
		p.silence()
	})
	s, err := imapconn.DialSource(t.Context(), e, anna)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func target(t *testing.T, scripts ...func(p *peer)) *imapconn.Target {
	t.Helper()
	var connections []func(p *peer)
	for _, script := range scripts {
		connections = append(connections, func(p *peer) {
			p.welcome()
			script(p)
		})
	}
	c, err := imapconn.DialTarget(t.Context(), serve(t, connections...), anna)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// certificate makes a certificate for localhost and a pool that trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// secure turns the peer's side to TLS.
func (p *peer) secure(cert tls.Certificate) {
	p.Conn = tls.Server(p.Conn, &tls.Config{Certificates: []tls.Certificate{cert}})
	p.r = bufio.NewReader(p.Conn)
}

func dialSource(ctx context.Context, e imapconn.Endpoint, l imapconn.Login) error {
	s, err := imapconn.DialSource(ctx, e, l)
	if err == nil {
		_ = s.Close()
	}
	return err
}
