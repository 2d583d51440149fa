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
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/mxmove/mxmove/migrate/probe"
)

// A submitter is an SMTP server that keeps what it is given.
type submitter struct {
	addr string
	tls  *tls.Config // the client's: trusts the server

	mu       sync.Mutex
	auths    int
	mailFrom string
	rcpt     string
	message  string
	rcptErr  error
	refuse   map[string]error // by recipient, in place of rcptErr
}

// newSubmitter starts a server on loopback, with TLS from the first octet, or
// with STARTTLS, or without TLS.
func newSubmitter(t *testing.T, implicit, startTLS bool) *submitter {
	t.Helper()
	s := &submitter{}
	serverTLS, clientTLS := certificate(t)
	s.tls = clientTLS
	srv := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{s: s}, nil }))
	srv.Domain = "smtp.example.org"
	srv.AllowInsecureAuth = !implicit && !startTLS
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = ln.Addr().String()
	if implicit {
		ln = tls.NewListener(ln, serverTLS)
	} else if startTLS {
		srv.TLSConfig = serverTLS
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(ln) }()
	t.Cleanup(func() { srv.Close(); <-done })
	return s
}

type session struct{ s *submitter }

func (x *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (x *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		x.s.mu.Lock()
		defer x.s.mu.Unlock()
		if x.s.auths++; user != "anna" || password != "secret" {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}

func (x *session) Mail(from string, _ *smtp.MailOptions) error {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	x.s.mailFrom = from
	return nil
}

func (x *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	x.s.rcpt = to
	if err := x.s.refuse[to]; err != nil {
		return err
	}
	return x.s.rcptErr
}

func (x *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	x.s.message = string(data)
	return err
}

func (x *session) Reset()        {}
func (x *session) Logout() error { return nil }

// certificate makes a certificate for 127.0.0.1 and a client that trusts it.
func certificate(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"smtp.example.org"},
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
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, &tls.Config{RootCAs: pool}
}

const (
	token   = "mxmove-0123456789"
	sender  = "anna@example.org"
	mailbox = "probe@elsewhere.example"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func TestSend(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name               string
		implicit, startTLS bool
	}{{"implicit TLS", true, false}, {"STARTTLS", false, true}, {"clear text on loopback", false, false}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := newSubmitter(t, tt.implicit, tt.startTLS)
			s := probe.Submission{Addr: srv.addr, ImplicitTLS: tt.implicit, StartTLS: tt.startTLS, TLS: srv.tls, User: "anna", Password: "secret"}
			id, err := probe.Send(t.Context(), s, sender, mailbox, token, noon)
			if err != nil {
				t.Fatal(err)
			}
			if want := "<" + token + "@example.org>"; id != want {
				t.Errorf("Send = %q, want %q", id, want)
			}
			if srv.mailFrom != sender || srv.rcpt != mailbox {
				t.Errorf("envelope = %q, %q", srv.mailFrom, srv.rcpt)
			}
			for _, line := range []string{"From: <" + sender + ">", "To: <" + mailbox + ">", "Subject: mxmove probe " + token, "Message-ID: " + id, "Date: Tue, 24 Nov 2026 12:00:00 +0000"} {
				if !strings.Contains(srv.message, line+"\r\n") {
					t.Errorf("message has no line %q:\n%s", line, srv.message)
				}
			}
		})
	}
}

// The host of Addr is what the certificate must name, also where the
// connection goes elsewhere, as in a rehearsal.
func TestSendThroughADialOfItsOwn(t *testing.T) {
	t.Parallel()
	srv := newSubmitter(t, true, false)
	s := probe.Submission{Addr: "smtp.example.org:465", ImplicitTLS: true, TLS: srv.tls, User: "anna", Password: "secret",
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, srv.addr)
		}}
	if _, err := probe.Send(t.Context(), s, sender, mailbox, token, noon); err != nil {
		t.Error(err)
	}
	s.Addr = "other.example.org:465"
	if _, err := probe.Send(t.Context(), s, sender, mailbox, token, noon); err == nil {
		t.Error("Send to a host that the certificate does not name = nil")
	}
}

func TestSendRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		password string
		rcpt     error
		want     error
	}{
		{"wrong password", "wrong", nil, probe.ErrLogin},
		{"recipient refused", "secret", &smtp.SMTPError{Code: 550, Message: "no\x1b[31m such user"}, probe.ErrRefused},
		{"sender not allowed yet", "secret", &smtp.SMTPError{Code: 451, Message: "later"}, probe.ErrTemporary},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := newSubmitter(t, true, false)
			srv.rcptErr = tt.rcpt
			s := probe.Submission{Addr: srv.addr, ImplicitTLS: true, TLS: srv.tls, User: "anna", Password: tt.password}
			_, err := probe.Send(t.Context(), s, sender, mailbox, token, noon)
			for _, sentinel := range []error{probe.ErrLogin, probe.ErrRefused, probe.ErrTemporary} {
				if errors.Is(err, sentinel) != (sentinel == tt.want) {
					t.Errorf("Send = %v, is %v: %v", err, sentinel, sentinel != tt.want)
				}
			}
			if text := fmt.Sprint(err); strings.ContainsRune(text, 0x1b) || strings.Contains(text, "secret") {
				t.Errorf("error %q shows what it must not", text)
			}
			if srv.auths != 1 || srv.message != "" {
				t.Errorf("%d logins, message %q, want one and none", srv.auths, srv.message)
			}
		})
	}
}

func TestSendNeedsTLS(t *testing.T) {
	t.Parallel()
	_, err := probe.Send(t.Context(), probe.Submission{Addr: "192.0.2.1:587", User: "anna", Password: "secret"}, sender, mailbox, token, noon)
	if !errors.Is(err, probe.ErrClearText) {
		t.Errorf("Send in clear text = %v, want ErrClearText", err)
	}
	plain := newSubmitter(t, false, false)
	if _, err := probe.Send(t.Context(), probe.Submission{Addr: plain.addr, StartTLS: true, TLS: plain.tls, User: "anna", Password: "secret"}, sender, mailbox, token, noon); err == nil || plain.auths != 0 {
		t.Errorf("Send to a server without STARTTLS = %v with %d logins, want an error and none", err, plain.auths)
	}
	for _, implicit := range []bool{true, false} {
		srv := newSubmitter(t, implicit, !implicit)
		if _, err := probe.Send(t.Context(), probe.Submission{Addr: srv.addr, ImplicitTLS: implicit, StartTLS: !implicit, User: "anna", Password: "secret"}, sender, mailbox, token, noon); err == nil || srv.auths != 0 {
			t.Errorf("Send to an untrusted server = %v with %d logins, want an error and none", err, srv.auths)
		}
	}
}

func TestSendArguments(t *testing.T) {
	t.Parallel()
	refuse := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("dialled") }
	s := probe.Submission{Addr: "127.0.0.1:25", Dial: refuse}
	for _, tt := range []struct{ from, to, token string }{
		{"anna", mailbox, token},
		{"anna@example.org\r\nBcc: x@evil.example", mailbox, token},
		{"Anna <anna@example.org>", mailbox, token},
		{sender, "probe@", token},
		{sender, mailbox, "short"},
		{sender, mailbox, "with a blank in it"},
		{sender, mailbox, "0123456789\r\nX: y"},
	} {
		if _, err := probe.Send(t.Context(), s, tt.from, tt.to, tt.token, noon); !errors.Is(err, probe.ErrArgument) {
			t.Errorf("Send(%q, %q, %q) = %v, want ErrArgument", tt.from, tt.to, tt.token, err)
		}
	}
	if a, b := probe.NewToken(), probe.NewToken(); a == b || len(a) < 20 {
		t.Errorf("NewToken = %q, then %q", a, b)
	}
}

// silent listens, says hello when greeting is set, and nothing more.
func silent(t *testing.T, greeting string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, greeting)
			t.Cleanup(func() { c.Close() })
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return ln.Addr().String()
}

func TestSendToASilentServer(t *testing.T) {
	t.Parallel()
	for _, greeting := range []string{"", "220 hello\r\n"} {
		s := probe.Submission{Addr: silent(t, greeting), Timeout: 20 * time.Millisecond}
		if _, err := probe.Send(t.Context(), s, sender, mailbox, token, noon); err == nil {
			t.Errorf("Send after %q = nil, want a timeout", greeting)
		}
		stop := errors.New("stopped by the test")
		ctx, cancel := context.WithCancelCause(t.Context())
		s.Timeout = 0
		s.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			defer cancel(stop)
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		}
		if _, err := probe.Send(ctx, s, sender, mailbox, token, noon); !errors.Is(err, stop) {
			t.Errorf("Send after %q, cancelled = %v, want %v", greeting, err, stop)
		}
	}
}

func TestSubmissionHidesItsPassword(t *testing.T) {
	t.Parallel()
	s := probe.Submission{Addr: "smtp.example.org:465", User: "anna", Password: "secret"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, s); strings.Contains(text, "secret") {
			t.Errorf("%s prints %q", format, text)
		}
	}
}
