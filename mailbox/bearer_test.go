package mailbox_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
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

// grants are one of each kind for a token server; asked is told of what is not
// asked of the server itself.
func grants(s *imaplab.TokenServer, asked func()) map[string]oauth.Grant {
	_, key := serviceKey()
	given := func(context.Context, string) (string, error) {
		asked()
		return s.Token(""), nil
	}
	return map[string]oauth.Grant{
		"client-credentials": {Kind: oauth.ClientCredentials, TokenURL: s.URL(), ClientID: "mover", Secret: "secret"},
		"service-account":    {Kind: oauth.ServiceAccount, TokenURL: s.URL(), Secret: key, Scopes: []string{"mail"}},
		"device":             {Kind: oauth.Device, TokenURL: s.URL(), DeviceURL: s.DeviceURL(), ClientID: "public"},
		"token":              {Kind: oauth.Fixed, Ask: given, Shared: true},
	}
}

// TestTokensExpireWhileCopying: sessions end because their token has expired,
// on both sides and again and again, and each message arrives once.
func TestTokensExpireWhileCopying(t *testing.T) {
	t.Parallel()
	for kind := range grants(imaplab.NewTokens(imaplab.TokenOptions{}), nil) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			copyWithTokens(t, kind)
		})
	}
}

// hours is a clock that the tokens' life is counted by.
type hours struct{ passed, tokens atomic.Int64 }

func (h *hours) now() time.Time { return time.Now().Add(time.Duration(h.passed.Load()) * time.Hour) }

// at lets a token's life pass before the nth command of a kind, and ends the
// session that sends it.
func (h *hours) at(n int, verb string) imaplab.Faults {
	return imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if c.Verb != verb || c.N != n {
			return imaplab.Pass
		}
		h.passed.Add(1)
		return imaplab.Bye
	}}
}

func copyWithTokens(t *testing.T, kind string) {
	const rounds, messages = 3, 40
	users := []string{"anna@example.org", "ben@example.org"}
	key, _ := serviceKey()
	var clock hours
	server, err := imaplab.StartTokens(imaplab.TokenOptions{
		Secret: map[string]string{"mover": "secret", "public": ""}, Key: &key.PublicKey, Email: "mover@project.example",
		Claims: func(user string) map[string]any {
			return map[string]any{"sub": user, "jti": rand.Text(), "exp": clock.now().Add(time.Hour).Unix()}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	show := func(_ context.Context, s oauth.SignIn) error {
		server.SignIn(s.Code, s.User, true)
		return nil
	}
	tokens, err := oauth.New(grants(server, func() { clock.tokens.Add(1) })[kind], oauth.Options{Show: show, Now: clock.now})
	if err != nil {
		t.Fatal(err)
	}
	// One message a command, so that there are many.
	o := imaplab.Options{Bearer: server.Check, Hide: []imap.Cap{imap.AuthCap("PLAIN"), imap.CapMultiAppend}}
	source, target := serve(t, o), serve(t, o)
	var accounts []mailbox.Account
	for _, user := range users {
		source.Account(user, "")
		target.Account(user, "")
		a := mailbox.Account{Name: user, Source: side(source, user, ""), Target: side(target, user, "")}
		a.Source.Login = imapconn.Login{User: user, Bearer: tokens.Account(user)}
		a.Target.Login = a.Source.Login
		accounts = append(accounts, a)
	}
	books := openJournal(t, t.TempDir()+"/state.db")
	for round := range rounds {
		for _, user := range users {
			for i := range messages {
				deliver(t, source.Lookup(user), "INBOX", imaplab.Message{Body: fmt.Appendf(nil, "Message-ID: <%d.%d.%s>\r\n\r\ntext\r\n", round, i, user)})
			}
		}
		// Once on each side: a run bears two losses without progress.
		source.SetFaults(clock.at(2, "UID FETCH"))
		target.SetFaults(clock.at(15, "APPEND"))
		result, err := (&mailbox.Copier{Journal: books, Options: mailbox.Options{Settle: time.Millisecond}}).Copy(t.Context(), accounts)
		if err = errors.Join(err, result.Err()); err != nil {
			t.Fatalf("Copy: %v", err)
		}
		if got, want := result.Tally(), (round+1)*messages*len(users); got.Copied != want {
			t.Errorf("tally = %+v, want %d copied", got, want)
		}
	}
	eachOnce(t, source, target, users)
	// Sessions did end and tokens were renewed: else this has shown nothing.
	asked := len(server.Asked()) + int(clock.tokens.Load())
	if passed := clock.passed.Load(); passed != 2*rounds || asked < rounds {
		t.Errorf("%d lives of a token have passed, want %d; %d tokens were had", passed, 2*rounds, asked)
	}
}

// eachOnce checks that the target has each message of the source's INBOX once.
func eachOnce(t *testing.T, source, target *imaplab.Server, users []string) {
	t.Helper()
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
}
