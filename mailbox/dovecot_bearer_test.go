package mailbox_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/mailbox/oauth"
)

// TestDovecotTakesTokens: both mechanisms are spoken as a real server wants
// them, when a token is good and when it is not, and an account is copied with
// them.
func TestDovecotTakesTokens(t *testing.T) {
	t.Parallel()
	for _, mechanism := range []string{"xoauth2", "oauthbearer"} {
		t.Run(mechanism, func(t *testing.T) {
			t.Parallel()
			tokens, err := imaplab.StartTokens(imaplab.TokenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = tokens.Close() })
			passdb := filepath.Join(t.TempDir(), "oauth2.conf")
			text := fmt.Sprintf("introspection_mode = post\nintrospection_url = %s\nusername_attribute = username\nactive_attribute = active\nactive_value = true\n",
				strings.TrimSuffix(tokens.URL(), "token")+"introspect")
			if err := os.WriteFile(passdb, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			_ = os.Chmod(filepath.Dir(passdb), 0o755)
			d := newDovecot(t, "b"+mechanism, "/", "maildir:~/Maildir", "auth_mechanisms = "+mechanism,
				"passdb {\n driver = oauth2\n mechanisms = "+mechanism+"\n args = "+passdb+"\n}")
			d.takesTokens(t, tokens, strings.ToUpper(mechanism))
		})
	}
}

func (d dovecot) takesTokens(t *testing.T, tokens *imaplab.TokenServer, mechanism string) {
	good := true
	all, err := oauth.New(oauth.Grant{Kind: oauth.Fixed, Ask: func(_ context.Context, user string) (string, error) {
		if good {
			return tokens.Token(user), nil
		}
		return "n0-such-token", nil
	}}, oauth.Options{})
	if err != nil {
		t.Fatal(err)
	}
	to := d.side("anna")
	to.Login = imapconn.Login{User: "anna", Bearer: all.Account("anna")}
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", imaplab.Message{Body: []byte("Subject: one\r\n\r\ntext\r\n")}, imaplab.Message{Body: []byte("Subject: two\r\n\r\ntext\r\n")})
	l.account.Target = to
	result, err := l.copier().Copy(t.Context(), []mailbox.Account{l.account})
	if err = errors.Join(err, result.Err()); err != nil || result.Sent != 2 {
		t.Fatalf("Copy = %d sent, %v; want 2", result.Sent, err)
	}
	good = false
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err = imapconn.DialSource(ctx, to.Endpoint, imapconn.Login{User: "ben", Bearer: all.Account("ben")})
	refusal, ok := errors.AsType[*oauth.BearerError](err)
	if !ok || refusal.Mechanism != mechanism || refusal.Status == "" || !errors.Is(err, imapconn.ErrLogin) {
		t.Errorf("DialSource with a token that is none = %v, want the status of a challenge", err)
	}
}
