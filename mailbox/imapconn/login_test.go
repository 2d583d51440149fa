package imapconn_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"

	"github.com/mxmove/mxmove/mailbox/imapconn"
)

func TestLogin(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		login  imapconn.Login
		script func(p *peer)
		want   imapconn.Category
	}{
		{"initial response", anna, (*peer).welcome, imapconn.ClassNone},
		{"no initial response", anna, func(p *peer) {
			p.send("* OK hello\r\n")
			p.answer("CAPABILITY", "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n", "OK done")
			tag, _ := p.read()
			p.send("+ \r\n")
			if got, _ := p.read(); got != "AGFubmEAc2VjcmV0" {
				p.t.Errorf("SASL response = %q", got)
			}
			p.send(tag + " OK in\r\n")
			p.answer("CAPABILITY", caps, "OK done")
		}, imapconn.ClassNone},
		{"acting for another", imapconn.Login{User: "root", Password: "secret", AuthzID: "anna"}, func(p *peer) {
			p.send("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hello\r\n")
			p.answer("AUTHENTICATE PLAIN YW5uYQByb290AHNlY3JldA==", "", "OK in")
			p.answer("CAPABILITY", caps, "OK done")
		}, imapconn.ClassNone},
		{"acting for another without PLAIN", imapconn.Login{User: "root", Password: "secret", AuthzID: "anna"}, func(p *peer) {
			p.send("* OK [CAPABILITY IMAP4rev1] hello\r\n")
		}, imapconn.ClassLogin},
		{"LOGIN", imapconn.Login{User: `an"na`, Password: `\`}, func(p *peer) {
			p.send("* OK [CAPABILITY IMAP4rev1] hello\r\n")
			p.answer(`LOGIN "an\"na" "\\"`, "", "OK in")
			p.answer("CAPABILITY", caps, "OK done")
		}, imapconn.ClassNone},
		{"LOGIN with a literal", imapconn.Login{User: "anna", Password: "geh\xc3\xa4im"}, func(p *peer) {
			p.send("* OK [CAPABILITY IMAP4rev1] hello\r\n")
			tag, line := p.read()
			if line != `LOGIN "anna" {7}` {
				p.t.Errorf("command = %q", line)
			}
			p.send("+ go\r\n")
			if got, _ := p.read(); got != "geh\xc3\xa4im" {
				p.t.Errorf("literal = %q", got)
			}
			p.send(tag + " OK in\r\n")
			p.answer("CAPABILITY", caps, "OK done")
		}, imapconn.ClassNone},
		{"literal refused", imapconn.Login{User: "\xff", Password: "x"}, func(p *peer) {
			p.send("* OK [CAPABILITY IMAP4rev1] hello\r\n")
			p.answer("LOGIN {1}", "", "BAD no such thing")
		}, imapconn.ClassLogin},
		{"LOGINDISABLED", anna, func(p *peer) {
			p.send("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=XOAUTH2] hello\r\n")
		}, imapconn.ClassLogin},
		{"NUL in the password", imapconn.Login{User: "anna", Password: "a\x00b"}, func(p *peer) {
			p.send("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hello\r\n")
		}, imapconn.ClassLogin},
		{"no user", imapconn.Login{Password: "secret"}, func(p *peer) {
			p.send("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hello\r\n")
		}, imapconn.ClassLogin},
		{"busy", anna, func(p *peer) {
			p.send("* BYE too many connections\r\n")
		}, imapconn.ClassTemporary},
		{"unavailable", anna, func(p *peer) {
			p.send("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hello\r\n")
			p.answer("AUTHENTICATE", "", "NO [UNAVAILABLE] later")
		}, imapconn.ClassTemporary},
		{"not connected", anna, func(p *peer) {
			p.send("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hello\r\n")
			p.answer("AUTHENTICATE", "", "OK in")
			p.answer("CAPABILITY", "", "BAD User is authenticated but not connected.")
		}, imapconn.ClassUnusable},
		{"no IMAP", anna, func(p *peer) {
			p.send("220 mail.example.org ESMTP\r\n")
		}, imapconn.ClassProtocol},
		{"hangs up", anna, func(*peer) {}, imapconn.ClassTemporary},
		{"bye while logging in", anna, func(p *peer) {
			p.send("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hello\r\n")
			p.read()
			p.send("* BYE [UNAVAILABLE] going down\r\n")
		}, imapconn.ClassTemporary},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := dialSource(t.Context(), serve(t, tt.script), tt.login)
			if got := imapconn.Class(err); got != tt.want {
				t.Errorf("Class(%v) = %q, want %q", err, got, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

func TestWrongPasswordIsTriedOnce(t *testing.T) {
	t.Parallel()
	e := serve(t, func(p *peer) {
		p.send("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hello\r\n")
		p.answer("AUTHENTICATE", "", "NO [AUTHENTICATIONFAILED] wrong: AGFubmEAc2VjcmV0 secret")
		for {
			tag, line := p.read()
			if tag == "" {
				return
			}
			if line != "LOGOUT" {
				t.Errorf("server got %q after a refused login", line)
			}
		}
	})
	err := dialSource(t.Context(), e, anna)
	if !errors.Is(err, imapconn.ErrLogin) {
		t.Errorf("DialSource() = %v, want ErrLogin", err)
	}
	for _, secret := range []string{"secret", "AGFubmEAc2VjcmV0"} {
		if strings.Contains(fmt.Sprint(err), secret) {
			t.Errorf("the error repeats %q: %v", secret, err)
		}
	}
}

// bearer is a mechanism that answers a challenge, as XOAUTH2 does.
type bearer struct{ sasl.Client }

func (bearer) Start() (string, []byte, error)        { return "XOAUTH2", []byte("token"), nil }
func (bearer) Next(challenge []byte) ([]byte, error) { return nil, nil }

func TestSASLChallenge(t *testing.T) {
	t.Parallel()
	e := serve(t, func(p *peer) {
		p.send("* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR] hello\r\n")
		tag, line := p.read()
		if line != "AUTHENTICATE XOAUTH2 dG9rZW4=" {
			t.Errorf("command = %q", line)
		}
		p.send("+ eyJzdGF0dXMiOiI0MDAifQ==\r\n")
		if got, _ := p.r.ReadString('\n'); got != "\r\n" {
			t.Errorf("answer to the challenge = %q, want an empty line", got)
		}
		p.send(tag + " NO expired\r\n")
	})
	if err := dialSource(t.Context(), e, imapconn.Login{User: "anna", SASL: bearer{}}); !errors.Is(err, imapconn.ErrLogin) {
		t.Errorf("DialSource() = %v, want ErrLogin", err)
	}
}

func TestLoginPrintsWithoutSecrets(t *testing.T) {
	t.Parallel()
	l := imapconn.Login{User: "root", Password: "hunter2", AuthzID: "anna"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, l); strings.Contains(got, "hunter2") || !strings.Contains(got, "anna") {
			t.Errorf("Sprintf(%q) = %q", verb, got)
		}
	}
}
