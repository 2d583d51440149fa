package migrate_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/migrate"
)

// hostCertificate is a certificate for host names, and the file to trust it by.
func hostCertificate(t *testing.T, hosts ...string) (*tls.Config, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: hosts,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// TestTokenServersOfProviders: a tenant means Microsoft's token server and the
// rights of Exchange Online, a service account Google's. A rehearsal leads both
// to this machine, and a sign-in at one side serves both.
func TestTokenServersOfProviders(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, oauth, host string
		paths, scopes     []string // in the order of the first question of each
	}{
		{"Microsoft, an application", "{kind: client-credentials, tenant: contoso.example, client_id: mover, secret: {env: CLIENT}}", "login.microsoftonline.com",
			[]string{"/contoso.example/oauth2/v2.0/token"}, []string{"https://outlook.office365.com/.default"}},
		{"Microsoft, by signing in", "{kind: device, tenant: contoso.example, client_id: public}", "login.microsoftonline.com",
			[]string{"/contoso.example/oauth2/v2.0/devicecode", "/contoso.example/oauth2/v2.0/token"},
			[]string{"https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/SMTP.Send offline_access"}},
		{"Google", "{kind: service-account, secret: {env: KEY}}", "oauth2.googleapis.com", []string{"/token"}, []string{""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			key, _ := serviceKey()
			server, ca := hostCertificate(t, tt.host)
			tokens, err := imaplab.StartTokens(imaplab.TokenOptions{
				TLS: server, Secret: map[string]string{"mover": "cl1ent-secret", "public": ""}, Key: &key.PublicKey, Email: "mover@project.example",
				Scopes: []string{"https://www.googleapis.com/auth/gmail.imap_admin"},
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = tokens.Close() })
			var mu sync.Mutex
			var paths, scopes []string
			tokens.SetFault(func(_ http.ResponseWriter, r *http.Request) bool {
				mu.Lock()
				defer mu.Unlock()
				if !slices.Contains(paths, r.URL.Path) {
					paths = append(paths, r.URL.Path)
				}
				if r.ParseForm() == nil && !slices.Contains(scopes, r.PostForm.Get("scope")) {
					scopes = append(scopes, r.PostForm.Get("scope"))
				}
				return false
			})
			m := startOAuthAt(t, tokens, "target", tt.oauth)
			extend(t, filepath.Join(m.dir, "mxmove.yaml"), fmt.Sprintf("rehearsal: {ca: ca.pem, connect: {\"%s:443\": \"%s\"}}\n", tt.host, tokens.Addr()))
			m.write(t, "ca.pem", string(ca))
			if _, err := m.open(t).Sync(t.Context(), migrate.SyncOptions{}); err != nil {
				t.Fatalf("Sync: %v", err)
			}
			if !slices.Equal(paths, tt.paths) || !slices.Equal(scopes, tt.scopes) {
				t.Errorf("asked %q for %q, want %q for %q", paths, scopes, tt.paths, tt.scopes)
			}
		})
	}
}

func extend(t *testing.T, file, text string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, append(data, text...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestRedirectIsNotFollowed: a token server that leads elsewhere gets no
// further, and neither does the secret.
func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	m := startOAuth(t, "client-credentials", time.Hour)
	elsewhere, err := imaplab.StartTokens(imaplab.TokenOptions{Secret: map[string]string{"mover": "cl1ent-secret"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = elsewhere.Close() })
	m.tokens.SetFault(func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, elsewhere.URL(), http.StatusTemporaryRedirect)
		return true
	})
	_, err = m.open(t).Sync(t.Context(), migrate.SyncOptions{})
	if err == nil || !strings.Contains(err.Error(), "not followed") {
		t.Errorf("Sync = %v, want that a redirect is not followed", err)
	}
	if n := len(elsewhere.Asked()); n != 0 {
		t.Errorf("%d questions went elsewhere", n)
	}
}
