package imapconn_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/mailbox/oauth"
)

// given is an account whose tokens are given, one after the other; the last
// one stays.
func given(t *testing.T, tokens ...string) *oauth.Account {
	t.Helper()
	var n atomic.Int32
	all, err := oauth.New(oauth.Grant{Kind: oauth.Fixed, Ask: func(context.Context, string) (string, error) {
		return tokens[min(int(n.Add(1)), len(tokens))-1], nil
	}}, oauth.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return all.Account("anna")
}

// good lets one token in.
func good(token string) func(string, string) (time.Time, error) {
	return func(user, got string) (time.Time, error) {
		if user != "anna" || got != token {
			return time.Time{}, errors.New("no")
		}
		return time.Time{}, nil
	}
}

func TestBearer(t *testing.T) {
	t.Parallel()
	hide := func(names ...string) []imap.Cap {
		caps := []imap.Cap{imap.AuthCap("PLAIN")}
		for _, name := range names {
			caps = append(caps, imap.Cap(name))
		}
		return caps
	}
	tests := []struct {
		name   string
		hide   []imap.Cap
		tokens []string
		want   imapconn.Category
		logins int
	}{
		{"OAUTHBEARER", hide(), []string{"right"}, imapconn.ClassNone, 1},
		{"XOAUTH2", hide("AUTH=OAUTHBEARER"), []string{"right"}, imapconn.ClassNone, 1},
		{"XOAUTH2 without SASL-IR", hide("AUTH=OAUTHBEARER", "SASL-IR"), []string{"right"}, imapconn.ClassNone, 1},
		{"OAUTHBEARER without SASL-IR", hide("SASL-IR"), []string{"right"}, imapconn.ClassNone, 1},
		{"a new token is refused once", hide(), []string{"wrong", "right"}, imapconn.ClassLogin, 1},
		{"XOAUTH2 refused", hide("AUTH=OAUTHBEARER"), []string{"wrong"}, imapconn.ClassLogin, 1},
		{"XOAUTH2 refused without SASL-IR", hide("AUTH=OAUTHBEARER", "SASL-IR"), []string{"wrong"}, imapconn.ClassLogin, 1},
		{"neither is spoken", hide("AUTH=OAUTHBEARER", "AUTH=XOAUTH2"), []string{"right"}, imapconn.ClassLogin, 0},
		{"no token", hide(), []string{"not a token"}, imapconn.ClassLogin, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := tokenLab(t, imaplab.Options{Hide: tt.hide, Bearer: good("right")})
			c, err := imapconn.DialSource(t.Context(), near(s), imapconn.Login{User: "anna", Bearer: given(t, tt.tokens...)})
			if err == nil {
				defer c.Close()
				_, err = c.Status(t.Context(), "INBOX")
			}
			if got := imapconn.Class(err); got != tt.want {
				t.Errorf("Class(%v) = %q, want %q", err, got, tt.want)
			}
			if n := s.Logins(); n != tt.logins {
				t.Errorf("%d logins, want %d", n, tt.logins)
			}
			if err != nil && (strings.Contains(err.Error(), "wrong") || strings.Contains(err.Error(), "right")) {
				t.Errorf("the error shows the token: %v", err)
			}
		})
	}
}

// TestBearerRefusedThoughGood: a token that lay in the cache and is refused is
// worth another login with a new one, and that one's refusal is final.
func TestBearerRefusedThoughGood(t *testing.T) {
	t.Parallel()
	for _, next := range []string{"second", "wrong"} {
		var right atomic.Value
		right.Store("first")
		s := tokenLab(t, imaplab.Options{Bearer: func(user, token string) (time.Time, error) { return good(right.Load().(string))(user, token) }})
		login := imapconn.Login{User: "anna", Bearer: given(t, "first", next, "third")}
		dial := func() error {
			c, err := imapconn.DialTarget(t.Context(), near(s), login)
			if err == nil {
				_ = c.Close()
			}
			return err
		}
		if err := dial(); err != nil {
			t.Fatal(err)
		}
		right.Store("second")
		err := dial()
		if next == "second" && err != nil {
			t.Errorf("login with a new token: %v", err)
		}
		refusal, ok := errors.AsType[*oauth.BearerError](err)
		if next == "wrong" && (!ok || refusal.Status != "invalid_token" || !errors.Is(err, imapconn.ErrLogin)) {
			t.Errorf("DialTarget = %v, want a refused token", err)
		}
		if n := s.Logins(); n != 3 {
			t.Errorf("%d logins, want 3", n)
		}
	}
}

// TestBearerGoesNowhereElse: a referral is a refusal, and what a server repeats
// of a token is hidden. A server that is busy costs no token.
func TestBearerGoesNowhereElse(t *testing.T) {
	t.Parallel()
	elsewhere, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var visits atomic.Int32
	go func() {
		for {
			c, err := elsewhere.Accept()
			if err != nil {
				return
			}
			visits.Add(1)
			_ = c.Close()
		}
	}()
	initial := base64.StdEncoding.EncodeToString([]byte("user=anna\x01auth=Bearer t0ken\x01\x01"))
	tests := []struct {
		answer string
		want   imapconn.Category
		asks   int
	}{
		{"NO [REFERRAL imap://" + elsewhere.Addr().String() + "/] somewhere else: t0ken " + initial, imapconn.ClassLogin, 2},
		{"NO [UNAVAILABLE] later", imapconn.ClassTemporary, 1},
		{"BAD Request is throttled. Suggested Backoff Time: 1000 milliseconds", imapconn.ClassTemporary, 1},
	}
	for _, tt := range tests {
		var asks atomic.Int32
		all, err := oauth.New(oauth.Grant{Kind: oauth.Fixed, Ask: func(context.Context, string) (string, error) {
			return "t0ken" + strings.Repeat("x", int(asks.Add(1))-1), nil
		}}, oauth.Options{})
		if err != nil {
			t.Fatal(err)
		}
		e := serve(t, func(p *peer) {
			p.send("* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR LOGINDISABLED] hello\r\n")
			p.answer("AUTHENTICATE XOAUTH2 "+initial, "", tt.answer)
		})
		login := imapconn.Login{User: "anna", Bearer: all.Account("anna")}
		_, err = imapconn.DialSource(t.Context(), e, login)
		if got := imapconn.Class(err); got != tt.want {
			t.Errorf("%s: Class(%v) = %q, want %q", tt.answer, err, got, tt.want)
		}
		if text := fmt.Sprintf("%v %+v", err, login); strings.Contains(text, "t0ken") || strings.Contains(text, initial) {
			t.Errorf("%s: the token is repeated: %s", tt.answer, text)
		}
		if _, err := all.Account("anna").Token(t.Context()); err != nil {
			t.Error(err)
		}
		if n := int(asks.Load()); n != tt.asks {
			t.Errorf("%s: %d tokens were had, want %d", tt.answer, n, tt.asks)
		}
	}
	if err := elsewhere.Close(); err != nil {
		t.Fatal(err)
	}
	if n := visits.Load(); n != 0 {
		t.Errorf("%d connections to where a server referred to", n)
	}
}

// TestBearerCalledOff: whoever waits for a token can be interrupted, and no
// connection was opened for it.
func TestBearerCalledOff(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	all, err := oauth.New(oauth.Grant{Kind: oauth.Fixed, Ask: func(ctx context.Context, _ string) (string, error) {
		cancel(stopped)
		<-ctx.Done()
		return "", ctx.Err()
	}}, oauth.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := tokenLab(t, imaplab.Options{Bearer: good("right")})
	_, err = imapconn.DialSource(ctx, near(s), imapconn.Login{User: "anna", Bearer: all.Account("anna")})
	if imapconn.Class(err) != imapconn.ClassCancelled || !errors.Is(err, stopped) {
		t.Errorf("DialSource = %v, want cancelled", err)
	}
	if n := len(s.Commands()); n != 0 {
		t.Errorf("%d commands were sent", n)
	}
}

// TestSessionEndsWithItsToken as at Exchange Online: a BYE, which is a matter
// of connecting anew.
func TestSessionEndsWithItsToken(t *testing.T) {
	t.Parallel()
	s := tokenLab(t, imaplab.Options{Bearer: func(string, string) (time.Time, error) { return time.Now(), nil }})
	c, err := imapconn.DialSource(t.Context(), near(s), imapconn.Login{User: "anna", Bearer: given(t, "right")})
	if err == nil { // the login has told the capabilities
		defer c.Close()
		_, err = c.Status(t.Context(), "INBOX")
	}
	if got := imapconn.Class(err); got != imapconn.ClassTemporary {
		t.Errorf("Class(%v) = %q, want temporary", err, got)
	}
}

// tokenLab is a server with one account.
func tokenLab(t *testing.T, o imaplab.Options) *imaplab.Server {
	t.Helper()
	s, err := imaplab.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.Account("anna", "no password is right")
	return s
}

// near reaches a lab.
func near(s *imaplab.Server) imapconn.Endpoint {
	return imapconn.Endpoint{Addr: s.Addr(), Insecure: true, Timeout: 10 * time.Second}
}
