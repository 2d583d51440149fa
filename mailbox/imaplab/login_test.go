package imaplab_test

import (
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/mxmove/mxmove/mailbox/imaplab"
)

func TestWrongPassword(t *testing.T) {
	t.Parallel()
	s := start(t, imaplab.Options{})
	acct := s.Account("anna", "secret")
	c := raw(t, s)
	c.send("a LOGIN anna wrong\r\nb LOGIN nobody secret\r\nc AUTHENTICATE PLAIN\r\n")
	c.until("a NO [AUTHENTICATIONFAILED]")
	c.until("b NO [AUTHENTICATIONFAILED]")
	c.until("+")
	c.send("AGFubmEAc2VjcmV0\r\n")
	got := c.until("c OK ")
	if last := got[len(got)-1]; !strings.Contains(last, "MULTIAPPEND") {
		t.Errorf("AUTHENTICATE = %q, want the capabilities", last)
	}
	if acct.Logins() != 2 || s.Logins() != 3 {
		t.Errorf("logins = %d of anna, %d in all; want 2 and 3", acct.Logins(), s.Logins())
	}
	want := []string{"LOGIN ***", "LOGIN ***", "AUTHENTICATE PLAIN ***"}
	if got := s.Commands(); !slices.Equal(got, want) {
		t.Errorf("Commands() = %q, want %q", got, want)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	server, trust := certificate(t)
	s := start(t, imaplab.Options{TLS: server})
	s.Account("anna", "secret")
	c, err := imapclient.DialTLS(s.Addr(), &imapclient.Options{TLSConfig: trust})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Login("anna", "secret").Wait(); err != nil {
		t.Error(err)
	}
	_ = c.Close()
}

func TestStartTLS(t *testing.T) {
	t.Parallel()
	server, trust := certificate(t)
	s := start(t, imaplab.Options{TLS: server, StartTLS: true})
	s.Account("anna", "secret")
	clear := raw(t, s)
	if got := clear.line(); !strings.Contains(got, "STARTTLS LOGINDISABLED") {
		t.Errorf("greeting = %q", got)
	}
	clear.send("a LOGIN anna secret\r\n")
	clear.until("a NO [PRIVACYREQUIRED]")
	if s.Logins() != 0 {
		t.Error("the password was looked at before TLS")
	}
	nc, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	c, err := imapclient.NewStartTLS(nc, &imapclient.Options{TLSConfig: trust})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Login("anna", "secret").Wait(); err != nil {
		t.Error(err)
	}
	_ = c.Close()
}
