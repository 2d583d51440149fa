package imapconn_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"testing"

	"github.com/mxmove/mxmove/mailbox/imapconn"
)

func TestTLS(t *testing.T) {
	t.Parallel()
	cert, pool := certificate(t)
	pinned := &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(tls.ConnectionState) error { return nil }}
	tests := []struct {
		name     string
		cfg      *tls.Config
		startTLS bool
		script   func(p *peer)
		want     imapconn.Category
	}{
		{"trusted", &tls.Config{RootCAs: pool}, false, func(p *peer) {
			p.secure(cert)
			p.welcome()
		}, imapconn.ClassNone},
		{"pinned", pinned, false, func(p *peer) {
			p.secure(cert)
			p.welcome()
		}, imapconn.ClassNone},
		{"unknown authority", nil, false, func(p *peer) {
			p.secure(cert)
			p.silence()
		}, imapconn.ClassTLS},
		{"other name", &tls.Config{RootCAs: pool, ServerName: "other.example"}, false, func(p *peer) {
			p.secure(cert)
			p.silence()
		}, imapconn.ClassTLS},
		{"verification switched off", &tls.Config{InsecureSkipVerify: true}, false, func(p *peer) {
			p.secure(cert)
			p.silence()
		}, imapconn.ClassTLS},
		{"no TLS there", &tls.Config{RootCAs: pool}, false, func(p *peer) {
			p.send("* OK hello\r\n")
			p.silence()
		}, imapconn.ClassTLS},
		{"STARTTLS", &tls.Config{RootCAs: pool}, true, func(p *peer) {
			p.send("* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hello\r\n")
			p.answer("STARTTLS", "", "OK go")
			p.secure(cert)
			p.answer("CAPABILITY", "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n", "OK done")
			p.answer("AUTHENTICATE PLAIN", "", "OK in")
			p.answer("CAPABILITY", caps, "OK done")
		}, imapconn.ClassNone},
		{"STARTTLS refused", &tls.Config{RootCAs: pool}, true, func(p *peer) {
			p.send("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hello\r\n")
			p.answer("STARTTLS", "", "BAD unknown command")
			if _, line := p.read(); line != "" && line != "LOGOUT" {
				p.t.Errorf("server got %q in clear text", line)
			}
		}, imapconn.ClassTLS},
		{"words between STARTTLS and TLS", &tls.Config{RootCAs: pool}, true, func(p *peer) {
			p.send("* OK hello\r\n")
			p.answer("STARTTLS", "", "OK go\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN")
			p.silence()
		}, imapconn.ClassTLS},
		{"PREAUTH before STARTTLS", &tls.Config{RootCAs: pool}, true, func(p *peer) {
			p.send("* PREAUTH hello\r\n")
			p.silence()
		}, imapconn.ClassTLS},
		{"PREAUTH under TLS", &tls.Config{RootCAs: pool}, false, func(p *peer) {
			p.secure(cert)
			p.send("* PREAUTH hello\r\n")
			p.answer("CAPABILITY", caps, "OK done")
		}, imapconn.ClassNone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := serve(t, tt.script)
			e.Insecure, e.StartTLS, e.TLS = false, tt.startTLS, tt.cfg
			if err := dialSource(t.Context(), e, anna); imapconn.Class(err) != tt.want {
				t.Errorf("Class(%v) = %q, want %q", err, imapconn.Class(err), tt.want)
			}
		})
	}
}

// elsewhere is a connection that is not on loopback.
type elsewhere struct{ net.Conn }

func (elsewhere) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 143} }

func TestClearTextOnlyOnLoopback(t *testing.T) {
	t.Parallel()
	e := serve(t, func(p *peer) {
		p.send("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hello\r\n")
		if tag, line := p.read(); tag != "" && line != "LOGOUT" {
			t.Errorf("server got %q in clear text", line)
		}
	})
	e.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		return elsewhere{c}, err
	}
	if err := dialSource(t.Context(), e, anna); !errors.Is(err, imapconn.ErrInsecure) {
		t.Errorf("DialSource() = %v, want ErrInsecure", err)
	}
}
