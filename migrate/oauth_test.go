package migrate_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/mailbox/oauth"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/config"
)

// serviceKey makes the key of a service account and its file, once.
var serviceKey = sync.OnceValues(func() (*rsa.PrivateKey, string) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	file, err := json.Marshal(map[string]string{"client_email": "mover@project.example", "client_id": "12345", "private_key": string(pem.EncodeToMemory(block))})
	if err != nil {
		panic(err)
	}
	return key, string(file)
})

// oauthKinds are the kinds as they stand in mxmove.yaml, with <TOKENS> for the
// address of the token server.
var oauthKinds = map[string]string{
	"client-credentials": `{kind: client-credentials, token_url: "<TOKENS>/token", client_id: mover, secret: {env: CLIENT}}`,
	"service-account":    `{kind: service-account, token_url: "<TOKENS>/token", secret: {env: KEY}, scopes: [mail]}`,
	"device":             `{kind: device, token_url: "<TOKENS>/token", device_url: "<TOKENS>/devicecode", client_id: public}`,
	"token":              `{kind: token, secret: {command: [print-token]}}`,
}

// oauthMove is a move of two accounts between two servers that take tokens.
type oauthMove struct {
	dir            string
	tokens         *imaplab.TokenServer
	source, target *imaplab.Server
	options        migrate.Options
}

var oauthUsers = []string{"anna@example.org", "ben@example.org"}

// startOAuth starts the servers and writes a move directory.
func startOAuth(t *testing.T, kind string, life time.Duration) *oauthMove {
	t.Helper()
	key, _ := serviceKey()
	tokens, err := imaplab.StartTokens(imaplab.TokenOptions{
		Life: life, Secret: map[string]string{"mover": "cl1ent-secret", "public": ""}, Key: &key.PublicKey, Email: "mover@project.example",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tokens.Close() })
	how := strings.ReplaceAll(oauthKinds[kind], "<TOKENS>", strings.TrimSuffix(tokens.URL(), "/token"))
	return startOAuthAt(t, tokens, "both", how)
}

// startOAuthAt starts the mail servers for a token server. On "both" sides, or
// at the "target" alone, how says how tokens are had; else a password is.
func startOAuthAt(t *testing.T, tokens *imaplab.TokenServer, where, how string) *oauthMove {
	t.Helper()
	_, file := serviceKey()
	m := &oauthMove{dir: t.TempDir(), tokens: tokens}
	hide := []imap.Cap{imap.AuthCap("PLAIN")}
	m.target = oauthServer(t, imaplab.Options{Bearer: tokens.Check, Hide: hide})
	if where == "both" {
		m.source = oauthServer(t, imaplab.Options{Bearer: tokens.Check, Hide: hide})
	} else {
		m.source = oauthServer(t, imaplab.Options{})
	}
	m.options = migrate.Options{
		Secret: m.secret(file), Renew: m.secret(file),
		SignIn: func(_ context.Context, s oauth.SignIn) error {
			tokens.SignIn(s.Code, s.User, true)
			return nil
		},
	}
	source := ""
	if where == "both" {
		source = ", oauth: " + how
	}
	m.write(t, "mxmove.yaml", fmt.Sprintf("domain: example.org\nprovider: google\nsource: {imap: \"imap://%s\", insecure: true%s}\ntarget: {imap: \"imap://%s\", insecure: true, oauth: %s}\n"+
		"accounts: accounts.csv\ndns: {resolver: 127.0.0.1:9, servers: [\"127.0.0.1:9\"]}\nsync: {connections: 1}\n", m.source.Addr(), source, m.target.Addr(), how))
	m.write(t, "accounts.csv", "source_user,source_password\n"+strings.Join(oauthUsers, ",secret\n")+",secret\n")
	return m
}

// oauthServer is a mail server with both accounts.
func oauthServer(t *testing.T, o imaplab.Options) *imaplab.Server {
	t.Helper()
	s, err := imaplab.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for _, user := range oauthUsers {
		s.Account(user, "secret")
	}
	return s
}

func (m *oauthMove) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(m.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// secret is what the environment and the command give.
func (m *oauthMove) secret(key string) func(config.Secret) (string, error) {
	return func(s config.Secret) (string, error) {
		if text, ok := s.Literal(); ok {
			return text, nil
		}
		switch {
		case s.Env == "CLIENT":
			return "cl1ent-secret", nil
		case s.Env == "KEY":
			return key, nil
		case len(s.Command) > 0:
			return m.tokens.Token(""), nil
		}
		return "", errors.New("no such secret")
	}
}

func (m *oauthMove) open(t *testing.T) *migrate.Move {
	t.Helper()
	move, err := migrate.Open(m.dir, m.options)
	if err != nil {
		t.Fatal(err)
	}
	return move
}

// TestSyncWithTokens copies both accounts with each kind, and uses no password.
func TestSyncWithTokens(t *testing.T) {
	t.Parallel()
	for kind := range oauthKinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			m := startOAuth(t, kind, time.Hour)
			for _, user := range oauthUsers {
				if _, err := m.source.Lookup(user).Deliver("INBOX", imaplab.Message{Body: []byte("Subject: for " + user + "\r\n\r\n")}); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := m.open(t).Sync(t.Context(), migrate.SyncOptions{}); err != nil {
				t.Fatalf("Sync: %v", err)
			}
			for _, user := range oauthUsers {
				got := m.target.Lookup(user).Messages("INBOX")
				if len(got) != 1 || !strings.Contains(string(got[0].Body), user) {
					t.Errorf("%s has %d messages at the target, want its own one", user, len(got))
				}
			}
			if n := m.target.Count("LOGIN") + m.source.Count("LOGIN"); n != 0 {
				t.Errorf("%d logins with a password", n)
			}
		})
	}
}

// TestSyncWithATokenTakenBack: a token that the mail server no longer takes,
// although it has not expired, costs one more login.
func TestSyncWithATokenTakenBack(t *testing.T) {
	t.Parallel()
	for kind := range oauthKinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			m := startOAuth(t, kind, time.Hour)
			move := m.open(t)
			if _, err := move.Sync(t.Context(), migrate.SyncOptions{}); err != nil {
				t.Fatalf("Sync: %v", err)
			}
			m.tokens.Expire()
			if _, err := m.source.Lookup(oauthUsers[1]).Deliver("INBOX", imaplab.Message{Body: []byte("Subject: late\r\n\r\n")}); err != nil {
				t.Fatal(err)
			}
			if _, err := move.Sync(t.Context(), migrate.SyncOptions{}); err != nil {
				t.Fatalf("Sync with an old token: %v", err)
			}
			if n := len(m.target.Lookup(oauthUsers[1]).Messages("INBOX")); n != 1 {
				t.Errorf("%d messages, want 1", n)
			}
		})
	}
}

// TestSyncRefused: an account whose grant is refused is left alone with the
// cause, and no mail server is asked for it.
func TestSyncRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]func(m *oauthMove){
		"client-credentials": func(m *oauthMove) {
			m.options.Secret = func(config.Secret) (string, error) { return "an0ther", nil }
		},
		"device": func(m *oauthMove) { m.options.SignIn = nil },
	}
	for kind, spoil := range tests {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			m := startOAuth(t, kind, time.Hour)
			spoil(m)
			_, err := m.open(t).Sync(t.Context(), migrate.SyncOptions{})
			if imapconn.Class(err) != imapconn.ClassLogin || !errors.Is(err, oauth.ErrRefused) {
				t.Errorf("Sync = %v, want a refused login", err)
			}
			if strings.Contains(fmt.Sprintf("%+v %v", err, err), "an0ther") {
				t.Errorf("the error shows the secret: %v", err)
			}
			if n := m.source.Count("AUTHENTICATE") + m.target.Count("AUTHENTICATE"); n != 0 {
				t.Errorf("%d logins without a token", n)
			}
		})
	}
}

// TestRefreshTokensAreKept in files that only their owner reads, and under
// names that tell nothing; another run signs in to nothing.
func TestRefreshTokensAreKept(t *testing.T) {
	t.Parallel()
	m := startOAuth(t, "device", time.Hour)
	if _, err := m.open(t).Sync(t.Context(), migrate.SyncOptions{}); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Join(m.dir, ".mxmove", "tokens"))
	if err != nil || len(files) != len(oauthUsers) {
		t.Fatalf("tokens holds %v, %v; want one file for each account", files, err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 || strings.Contains(f.Name(), "anna") || !strings.HasSuffix(f.Name(), ".json") {
			t.Errorf("%s has mode %v", f.Name(), info.Mode())
		}
	}
	m.options.SignIn = nil
	if _, err := m.open(t).Sync(t.Context(), migrate.SyncOptions{}); err != nil {
		t.Errorf("Sync with what was kept: %v", err)
	}
}

// TestTokenOfEachAccount: without a secret beside it, kind token takes the
// password cells.
func TestTokenOfEachAccount(t *testing.T) {
	t.Parallel()
	m := startOAuth(t, "token", time.Hour)
	data, err := os.ReadFile(filepath.Join(m.dir, "mxmove.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	m.write(t, "mxmove.yaml", strings.ReplaceAll(string(data), ", secret: {command: [print-token]}", ""))
	rows := "source_user,source_password,target_password\n"
	for _, user := range oauthUsers {
		rows += user + "," + m.tokens.Token(user) + "," + m.tokens.Token(user) + "\n"
	}
	m.write(t, "accounts.csv", rows)
	m.options.Secret = func(s config.Secret) (string, error) {
		text, _ := s.Literal()
		return text, nil
	}
	m.options.Renew = m.options.Secret
	if _, err := m.open(t).Sync(t.Context(), migrate.SyncOptions{}); err != nil {
		t.Errorf("Sync: %v", err)
	}
}
