package oauth_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"

	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/mailbox/oauth"
)

var _ sasl.Client = (*oauth.Attempt)(nil)

// fixed is a token of somebody's own.
func fixed(t *testing.T, user, access string) *oauth.Token {
	t.Helper()
	all, err := oauth.New(oauth.Grant{Kind: oauth.Fixed, Ask: func(context.Context, string) (string, error) { return access, nil }}, oauth.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return get(t, all, user)
}

func TestAttempt(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, user, offers   string
		mechanism, sent, bye string
	}{
		{"the standard first", "anna@example.org", "XOAUTH2 OAUTHBEARER PLAIN", "OAUTHBEARER",
			"n,a=anna@example.org,\x01host=imap.example\x01port=993\x01auth=Bearer t0ken\x01\x01", "\x01"},
		{"Exchange Online", "anna@example.org", "LOGIN XOAUTH2", "XOAUTH2",
			"user=anna@example.org\x01auth=Bearer t0ken\x01\x01", ""},
		{"a name that stands in a list", "a,b=c@example.org", "OAUTHBEARER", "OAUTHBEARER",
			"n,a=a=2Cb=3Dc@example.org,\x01host=imap.example\x01port=993\x01auth=Bearer t0ken\x01\x01", "\x01"},
	}
	for _, tt := range tests {
		attempt, err := fixed(t, tt.user, "t0ken").Attempt("imap.example", 993, func(m string) bool {
			return strings.Contains(" "+tt.offers+" ", " "+m+" ")
		})
		if err != nil {
			t.Fatal(err)
		}
		mechanism, initial, err := attempt.Start()
		if mechanism != tt.mechanism || string(initial) != tt.sent || err != nil {
			t.Errorf("%s: Start = %s, %q, %v, want %s, %q", tt.name, mechanism, initial, err, tt.mechanism, tt.sent)
		}
		// Whatever the challenge is, it is answered once.
		answer, err := attempt.Next([]byte(`{"status":"invalid_token","schemes":"bearer"}`))
		if answer == nil || string(answer) != tt.bye || err != nil {
			t.Errorf("%s: Next = %q, %v, want %q", tt.name, answer, err, tt.bye)
		}
		if _, err := attempt.Next(nil); err == nil {
			t.Errorf("%s: a second challenge is answered", tt.name)
		}
		refusal, ok := errors.AsType[*oauth.BearerError](attempt.Refused(errors.New("NO")))
		if !ok || refusal.Status != "invalid_token" || refusal.Mechanism != tt.mechanism {
			t.Errorf("%s: Refused = %+v", tt.name, refusal)
		}
	}
}

func TestAttemptNeedsAMechanism(t *testing.T) {
	t.Parallel()
	_, err := fixed(t, "anna", "t0ken").Attempt("imap.example", 993, func(m string) bool { return m == "PLAIN" })
	if !errors.Is(err, oauth.ErrMechanism) {
		t.Errorf("Attempt = %v, want ErrMechanism", err)
	}
}

// TestUserStaysInItsField: a name must not become a token of its own.
func TestUserStaysInItsField(t *testing.T) {
	t.Parallel()
	s := imaplab.NewTokens(known())
	all := tokens(t, oauth.ClientCredentials, s, oauth.Options{})
	for _, user := range []string{"", "a\x01auth=Bearer x", "a\r\nb", "a\x00"} {
		if _, err := all.Account(user).Token(t.Context()); !errors.Is(err, oauth.ErrRefused) {
			t.Errorf("Token of %q = %v, want ErrRefused", user, err)
		}
	}
	if n := len(s.Asked()); n != 0 {
		t.Errorf("%d questions for users that cannot be", n)
	}
}

// FuzzChallenge: what a server says while it refuses is bounded and printable,
// and does not repeat the token.
func FuzzChallenge(f *testing.F) {
	f.Add([]byte(`{"status":"401","schemes":"bearer","scope":"https://mail.google.com/"}`))
	f.Add([]byte(`{"status":"t0ken-of-anna \u001b[2J","scope":"t0ken-of-anna"}`))
	f.Add([]byte(`{"status":["401"]}`))
	f.Add([]byte("not JSON"))
	all, err := oauth.New(oauth.Grant{Kind: oauth.Fixed, Ask: func(context.Context, string) (string, error) { return "t0ken-of-anna", nil }}, oauth.Options{})
	if err != nil {
		f.Fatal(err)
	}
	token, err := all.Account("anna").Token(context.Background())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		attempt, err := token.Attempt("h", 1, func(string) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := attempt.Next(text); err != nil {
			t.Fatalf("the first challenge is not answered: %v", err)
		}
		said := attempt.Refused(errors.New("NO")).Error()
		if strings.Contains(said, "t0ken-of-anna") || strings.ContainsAny(said, "\x1b\n\r") || len(said) > 400 {
			t.Errorf("Refused = %q", said)
		}
	})
}
