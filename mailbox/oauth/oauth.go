// Package oauth gets access tokens and logs in with them: by XOAUTH2, as
// Gmail and Exchange Online have made it up, or by OAUTHBEARER (RFC 7628).
//
// A Grant says how tokens are had. Tokens gets them from the token server,
// one at a time for each account that needs its own, and gives the same one
// to all connections until most of its life has passed. An Account is one
// user of it, and a Token becomes an Attempt, which is a sasl.Client for one
// login.
//
// Whatever a token server says is bounded and made printable. Secrets and
// tokens stand in no error, no log and no String.
package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// A Kind is a way to get tokens.
type Kind string

// The kinds, by the words of mxmove.yaml.
const (
	ClientCredentials Kind = "client-credentials" // one for all accounts (RFC 6749, section 4.4)
	ServiceAccount    Kind = "service-account"    // one for each, signed with a key (RFC 7523)
	Device            Kind = "device"             // somebody signs in once for each (RFC 8628)
	Fixed             Kind = "token"              // made elsewhere
)

// Errors of this package, to be tested with errors.Is.
var (
	ErrGrant     = errors.New("oauth: unusable grant")
	ErrRefused   = errors.New("oauth: no token")
	ErrTemporary = errors.New("oauth: no token now")
	ErrNobody    = fmt.Errorf("%w: somebody has to sign in, and nobody can be asked", ErrRefused)
	ErrMechanism = errors.New("oauth: the server takes no token")
)

// A Grant says how tokens are had. It prints without its secrets.
type Grant struct {
	Kind      Kind
	TokenURL  string   // https, or http on loopback; not for Fixed
	DeviceURL string   // the same, for Device
	ClientID  string   // not for Fixed; ServiceAccount has it in its key
	Secret    string   // of the client; ServiceAccount: the text of its key file; Device: usually none
	Scopes    []string // asked for

	// Ask returns a token that was made elsewhere; it is called again when
	// the last one has expired or was refused. For Fixed alone.
	Ask func(ctx context.Context, user string) (string, error)

	// Shared says that Ask returns the same token for every user.
	Shared bool
}

// String names the kind and the client.
func (g Grant) String() string { return string(g.Kind) + " " + printable(g.ClientID, 100) }

// GoString is String, so that no way of printing shows the secret.
func (g Grant) GoString() string { return "oauth.Grant(" + g.String() + ")" }

// A SignIn is what somebody has to do in a browser.
type SignIn struct {
	User    string        // the account to sign in with
	URL     string        // https
	Code    string        // to be typed there
	Expires time.Duration // how long the code is good
}

// Options are what Tokens needs from the outside; the zero value works for
// grants that ask nobody and have nothing to keep.
type Options struct {
	// Transport reaches the token server; nil means http.DefaultTransport.
	Transport http.RoundTripper
	// Timeout bounds one request; 0 means 30 seconds.
	Timeout time.Duration
	// Show tells somebody to sign in, and returns at once; nil: nobody can be
	// asked. It is called for one account at a time.
	Show func(ctx context.Context, s SignIn) error
	// Store keeps refresh tokens; nil keeps them in memory alone.
	Store Store
	// Now must give times with a monotonic reading, as time.Now, which is
	// what nil means: a clock that is set must not age a token.
	Now func() time.Time
	// Sleep waits; nil waits by the machine's clock.
	Sleep func(ctx context.Context, d time.Duration) error
	// Log gets a line per token; nil discards.
	Log *slog.Logger
}

// A Store keeps refresh tokens under names that tell nothing. Load returns
// fs.ErrNotExist for a name that was never saved.
type Store interface {
	Load(name string) ([]byte, error)
	Save(name string, data []byte) error
}

// Tokens gets the tokens of one grant and keeps them as long as they are
// good. It may be used by several goroutines.
type Tokens struct {
	grant Grant
	key   *serviceKey // of a service account
	o     Options

	signing chan struct{} // holds one: who signs in

	mu      sync.Mutex
	entries map[string]*entry
}

// New checks a grant. It asks nobody yet.
func New(g Grant, o Options) (*Tokens, error) {
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	t := &Tokens{grant: g, o: o, signing: make(chan struct{}, 1), entries: make(map[string]*entry)}
	return t, t.check()
}

// check says what a grant lacks.
func (t *Tokens) check() error {
	g := &t.grant
	if g.Kind == Fixed {
		if g.Ask == nil {
			return fmt.Errorf("%w: no token is given", ErrGrant)
		}
		return nil
	}
	if err := checkURL(g.TokenURL); err != nil {
		return err
	}
	switch g.Kind {
	case ClientCredentials:
		if g.ClientID == "" || g.Secret == "" {
			return fmt.Errorf("%w: client credentials are an id and a secret", ErrGrant)
		}
	case ServiceAccount:
		key, err := parseKey(g.Secret)
		if err != nil {
			return err
		}
		t.key = key
		if g.ClientID == "" {
			g.ClientID = key.ClientID
		}
	case Device:
		if g.ClientID == "" {
			return fmt.Errorf("%w: signing in needs the client's id", ErrGrant)
		}
		return checkURL(g.DeviceURL)
	default:
		return fmt.Errorf("%w: unknown kind", ErrGrant)
	}
	return nil
}

// checkURL accepts what no secret can be read or led astray on.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("%w: no address of a token server, or one that holds a user", ErrGrant)
	}
	ip := net.ParseIP(u.Hostname())
	near := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !near) {
		return fmt.Errorf("%w: a token server is asked by https alone, not at %q", ErrGrant, printable(u.Host, 100))
	}
	return nil
}

// serviceKey is what is used of the key file of a service account.
type serviceKey struct {
	Email      string `json:"client_email"`
	ClientID   string `json:"client_id"`
	PrivateKey string `json:"private_key"`
	KeyID      string `json:"private_key_id"`
}

// parseKey reads a key file. What it says must not get into an error. Its own
// address of a token server is not followed: a file from elsewhere must not
// choose who gets to see what is signed with it.
func parseKey(text string) (*serviceKey, error) {
	key := new(serviceKey)
	if json.Unmarshal([]byte(text), key) != nil || key.Email == "" || key.PrivateKey == "" {
		return nil, fmt.Errorf("%w: this is not the JSON key of a service account", ErrGrant)
	}
	if err := checkPrivateKey(key.PrivateKey); err != nil {
		return nil, err
	}
	return key, nil
}

// String names the grant without secrets.
func (t *Tokens) String() string { return "tokens by " + t.grant.String() }

// GoString is String.
func (t *Tokens) GoString() string { return "oauth.Tokens(" + t.grant.String() + ")" }

// Account returns one user of the grant.
func (t *Tokens) Account(user string) *Account { return &Account{tokens: t, user: user} }

// An Account is a user whose mailbox is opened with a token.
type Account struct {
	tokens *Tokens
	user   string
}

// String names the user.
func (a *Account) String() string { return printable(a.user, 100) }

// GoString is String.
func (a *Account) GoString() string { return "oauth.Account(" + a.String() + ")" }

// LogValue is String for slog.
func (a *Account) LogValue() slog.Value { return slog.StringValue(a.String()) }

// Token returns a token that is still good, from the token server if need be.
// Of several callers one asks, and the others get its answer. An ErrRefused
// holds for some minutes, in which nobody is asked again.
func (a *Account) Token(ctx context.Context) (*Token, error) {
	if strings.ContainsAny(a.user, "\x00\x01\r\n") || a.user == "" {
		return nil, fmt.Errorf("%w: unusable user name", ErrRefused)
	}
	access, cached, err := a.tokens.get(ctx, a.user)
	if err != nil {
		return nil, err
	}
	return &Token{account: a, access: access, cached: cached}, nil
}
