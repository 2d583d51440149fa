package oauth_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/mailbox/oauth"
)

const (
	client  = "client-1"
	secret  = "s3cret~of.the-client"
	service = "mover@project.iam.gserviceaccount.com"
)

// serviceKey makes the key of a service account and its file, once.
var serviceKey = sync.OnceValues(func() (*rsa.PrivateKey, string) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	file, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": service, "client_id": "1234567890",
		"private_key_id": "k1", "private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"token_uri": "https://evil.example/token",
	})
	if err != nil {
		panic(err)
	}
	return key, string(file)
})

// known are the options of a server that knows the clients above.
func known() imaplab.TokenOptions {
	key, _ := serviceKey()
	return imaplab.TokenOptions{Secret: map[string]string{client: secret, "public": ""}, Key: &key.PublicKey, Email: service}
}

// memory is a transport that asks a server without a network.
type memory struct{ server http.Handler }

func (m memory) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	m.server.ServeHTTP(w, r)
	return w.Result(), nil
}

// grants are one of each kind, for a server.
func grant(kind oauth.Kind, s *imaplab.TokenServer) oauth.Grant {
	g := oauth.Grant{Kind: kind, TokenURL: s.URL(), DeviceURL: s.DeviceURL(), Scopes: []string{"mail"}}
	switch kind {
	case oauth.ClientCredentials:
		g.ClientID, g.Secret = client, secret
	case oauth.ServiceAccount:
		_, g.Secret = serviceKey()
	case oauth.Device:
		g.ClientID = "public"
	}
	return g
}

// tokens makes the tokens of a grant, over memory.
func tokens(t *testing.T, kind oauth.Kind, s *imaplab.TokenServer, o oauth.Options) *oauth.Tokens {
	t.Helper()
	if o.Transport == nil {
		o.Transport = memory{s}
	}
	if o.Sleep == nil {
		o.Sleep = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	}
	all, err := oauth.New(grant(kind, s), o)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// get asks for a token that has to be there.
func get(t *testing.T, all *oauth.Tokens, user string) *oauth.Token {
	t.Helper()
	token, err := all.Account(user).Token(t.Context())
	if err != nil {
		t.Fatalf("Token of %s: %v", user, err)
	}
	return token
}

// store is a Store in memory.
type store struct {
	mu    sync.Mutex
	files map[string][]byte
}

func (s *store) Load(name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return data, nil
}

func (s *store) Save(name string, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil {
		s.files = make(map[string][]byte)
	}
	s.files[name] = data
	return nil
}
