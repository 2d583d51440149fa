package migrate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/mxmove/mxmove/mailbox/oauth"
	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/state"
)

// A use is what a token is for: at Google a mailbox is opened with another
// right than a message is sent by.
type use string

const (
	reading use = "imap"
	sending use = "smtp"
)

// Token servers and rights of the two providers that mail is moved to by OAuth.
const (
	microsoftLogin = "https://login.microsoftonline.com/"
	googleToken    = "https://oauth2.googleapis.com/token"

	exchangeScope  = "https://outlook.office365.com/.default" // what the application was granted
	exchangeIMAP   = "https://outlook.office.com/IMAP.AccessAsUser.All"
	exchangeSMTP   = "https://outlook.office.com/SMTP.Send"
	refreshScope   = "offline_access"
	gmailIMAPScope = "https://www.googleapis.com/auth/gmail.imap_admin" // shows every label, whatever the user has hidden
	gmailScope     = "https://mail.google.com/"
)

// wallet holds the tokens of both sides. All connections of a Move share it.
// What is had in the same way is had once: of two that renew the same refresh
// token one would be left with an old one.
type wallet struct {
	mu     sync.Mutex
	purses map[string]*purse
}

// A purse is what one grant gives, and the password cells that hold the tokens
// where each account has its own.
type purse struct {
	tokens *oauth.Tokens

	mu    sync.Mutex
	cells map[string]config.Secret
	asked map[string]bool
}

// bearer returns the account of a user whose logins are by token. cell is the
// account's password cell.
func (m *Move) bearer(o *config.OAuth, u use, user string, cell config.Secret) (*oauth.Account, error) {
	p, err := m.purse(o, u)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cells[user] = cell
	return p.tokens.Account(user), nil
}

// purse returns what gives tokens for one side and use.
func (m *Move) purse(o *config.OAuth, u use) (*purse, error) {
	g := m.grant(o, u)
	key := strings.Join([]string{string(g.Kind), g.TokenURL, g.ClientID, o.Secret.String(), strings.Join(g.Scopes, " ")}, "\x00")
	if g.Kind == oauth.Fixed {
		key = fmt.Sprintf("%s of %t", key, o == m.Config.Target.OAuth)
	}
	m.wallet.mu.Lock()
	defer m.wallet.mu.Unlock()
	if p := m.wallet.purses[key]; p != nil {
		return p, nil
	}
	p := &purse{cells: make(map[string]config.Secret), asked: make(map[string]bool)}
	if g.Kind == oauth.Fixed {
		g.Shared = !o.Secret.IsZero()
		g.Ask = func(_ context.Context, user string) (string, error) { return m.given(o, p, user) }
	} else if !o.Secret.IsZero() {
		text, err := m.secret(o.Secret)
		if err != nil {
			return nil, fmt.Errorf("secret of oauth: %w", err)
		}
		g.Secret = text
	}
	options, err := m.tokenOptions()
	if err != nil {
		return nil, err
	}
	p.tokens, err = oauth.New(g, options)
	if err != nil {
		return nil, &config.Error{File: m.Config.File, Text: err.Error(), Fix: "mxmove handout admin says what to fill in", Err: err}
	}
	if m.wallet.purses == nil {
		m.wallet.purses = make(map[string]*purse)
	}
	m.wallet.purses[key] = p
	return p, nil
}

// grant says how the tokens of one side are had, without the secret.
func (m *Move) grant(o *config.OAuth, u use) oauth.Grant {
	g := oauth.Grant{
		Kind: oauth.Kind(o.Kind), ClientID: o.ClientID, TokenURL: o.TokenURL, DeviceURL: o.DeviceURL, Scopes: o.Scopes,
	}
	if o.Tenant != "" {
		g.TokenURL = microsoftLogin + o.Tenant + "/oauth2/v2.0/token"
		g.DeviceURL = microsoftLogin + o.Tenant + "/oauth2/v2.0/devicecode"
	}
	if g.Kind == oauth.ServiceAccount && g.TokenURL == "" {
		g.TokenURL = googleToken
	}
	if g.Scopes == nil {
		g.Scopes = usualScopes(g, o == m.Config.Target.OAuth, u)
	}
	return g
}

// usualScopes are what opens mailboxes at the two providers. Of another token
// server nothing is known: it is asked for what it gives by itself.
func usualScopes(g oauth.Grant, target bool, u use) []string {
	switch microsoft := strings.HasPrefix(g.TokenURL, microsoftLogin); {
	case microsoft && g.Kind == oauth.ClientCredentials:
		return []string{exchangeScope}
	case microsoft && target:
		// One sign-in for both: nobody should have to do it twice.
		return []string{exchangeIMAP, exchangeSMTP, refreshScope}
	case microsoft:
		return []string{exchangeIMAP, refreshScope}
	case g.TokenURL == googleToken && u == sending:
		return []string{gmailScope}
	case g.TokenURL == googleToken:
		return []string{gmailIMAPScope}
	}
	return nil
}

// given returns a token that was made elsewhere: the one secret of the side,
// or the account's password cell. From the second time on it is read anew.
func (m *Move) given(o *config.OAuth, p *purse, user string) (string, error) {
	p.mu.Lock()
	s := o.Secret
	if s.IsZero() {
		s = p.cells[user]
	}
	again := p.asked[user]
	p.asked[user] = true
	p.mu.Unlock()
	if again && m.o.Renew != nil {
		return m.o.Renew(s)
	}
	return m.secret(s)
}

// tokenOptions are how the token servers of this move are reached, and what
// they are asked by.
func (m *Move) tokenOptions() (oauth.Options, error) {
	transport, err := m.transport()
	if err != nil {
		return oauth.Options{}, err
	}
	return oauth.Options{
		Transport: transport, Show: m.o.SignIn, Log: m.o.Log,
		Store: tokenStore{filepath.Join(m.Config.Dir, state.Dir, "tokens")},
	}, nil
}

// transport reaches servers by HTTP: by the connections and the trust of this
// move, so that a rehearsal holds for them too.
func (m *Move) transport() (http.RoundTripper, error) {
	trust, err := m.tls(config.TLS{})
	if err != nil {
		return nil, err
	}
	return &http.Transport{
		DialContext: m.dial, TLSClientConfig: trust, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: 15 * time.Second, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10,
	}, nil
}

// tokenStore keeps refresh tokens in files that nobody else can read.
type tokenStore struct{ dir string }

// maxTokenFile bounds what is read of one.
const maxTokenFile = 64 << 10

// Load implements oauth.Store.
func (s tokenStore) Load(name string) ([]byte, error) {
	f, err := os.Open(filepath.Join(s.dir, name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxTokenFile+1))
	if err == nil && len(data) > maxTokenFile {
		err = errors.New("migrate: file of a token is too large")
	}
	return data, err
}

// Save implements oauth.Store.
func (s tokenStore) Save(name string, data []byte) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	return state.WriteFile(filepath.Join(s.dir, name), data)
}
