package mailbox_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/mailbox/oauth"
)

// serviceKey makes the key of a service account and its file, once.
var serviceKey = sync.OnceValues(func() (*rsa.PrivateKey, string) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	file, err := json.Marshal(map[string]string{"client_email": "mover@project.example", "private_key": string(pem.EncodeToMemory(block))})
	if err != nil {
		panic(err)
	}
	return key, string(file)
})

// grants are one of each kind for a token server.
func grants(s *imaplab.TokenServer) map[string]oauth.Grant {
	_, key := serviceKey()
	given := func(context.Context, string) (string, error) { return s.Token(""), nil }
	return map[string]oauth.Grant{
		"client-credentials": {Kind: oauth.ClientCredentials, TokenURL: s.URL(), ClientID: "mover", Secret: "secret"},
		"service-account":    {Kind: oauth.ServiceAccount, TokenURL: s.URL(), Secret: key, Scopes: []string{"mail"}},
		"device":             {Kind: oauth.Device, TokenURL: s.URL(), DeviceURL: s.DeviceURL(), ClientID: "public"},
		"token":              {Kind: oauth.Fixed, Ask: given, Shared: true},
	}
}

// TestTokensExpireWhileCopying: every session ends with its token, which lives
// for a second, and each message arrives once.
func TestTokensExpireWhileCopying(t *testing.T) {
	t.Parallel()
	for kind := range grants(imaplab.NewTokens(imaplab.TokenOptions{})) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			copyWithTokens(t, kind)
		})
	}
}

func copyWithTokens(t *testing.T, kind string) {
	const messages, each = 150, 8 * time.Millisecond
	users := []string{"anna@example.org", "ben@example.org"}
	key, _ := serviceKey()
	server, err := imaplab.StartTokens(imaplab.TokenOptions{
		Life: time.Second, Secret: map[string]string{"mover": "secret", "public": ""}, Key: &key.PublicKey, Email: "mover@project.example",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	tokens, err := oauth.New(grants(server)[kind], oauth.Options{Show: func(_ context.Context, s oauth.SignIn) error {
		server.SignIn(s.Code, s.User, true)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	// One message a command, so that the copy outlives the tokens.
	o := imaplab.Options{Bearer: server.Check, Hide: []imap.Cap{imap.AuthCap("PLAIN"), imap.CapMultiAppend, imap.CapLiteralPlus}}
	source, target := serve(t, o), serve(t, o)
	var accounts []mailbox.Account
	for _, user := range users {
		from := source.Account(user, "")
		target.Account(user, "")
		for i := range messages {
			deliver(t, from, "INBOX", imaplab.Message{Body: fmt.Appendf(nil, "Message-ID: <%d.%s>\r\n\r\ntext\r\n", i, user)})
		}
		a := mailbox.Account{Name: user, Source: side(source, user, ""), Target: side(target, user, "")}
		a.Source.Login = imapconn.Login{User: user, Bearer: tokens.Account(user)}
		a.Target.Login = a.Source.Login
		accounts = append(accounts, a)
	}
	target.SetFaults(imaplab.Faults{Delay: each})
	books := openJournal(t, t.TempDir()+"/state.db")
	result, err := (&mailbox.Copier{Journal: books, Options: mailbox.Options{Settle: time.Millisecond, Connections: 1}}).Copy(t.Context(), accounts)
	if err == nil {
		err = result.Err()
	}
	if err != nil {
		t.Fatalf("Copy: %v", err)
	}
	for _, user := range users {
		seen := make(map[string]int)
		for _, m := range target.Lookup(user).Messages("INBOX") {
			seen[string(m.Body)]++
		}
		for _, m := range source.Lookup(user).Messages("INBOX") {
			if n := seen[string(m.Body)]; n != 1 {
				t.Errorf("%s: a message is there %d times, want once", user, n)
			}
		}
	}
	// Sessions did end: else this would have shown nothing.
	if n := target.Count("AUTHENTICATE"); n < 2*len(users) {
		t.Errorf("%d logins at the target, want several for each account", n)
	}
}
