package imaplab

import (
	"crypto/rsa"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// TokenOptions say what a token server knows. The zero value knows nobody.
type TokenOptions struct {
	TLS      *tls.Config       // nil: clear text, on loopback
	Life     time.Duration     // of an access token, in whole seconds; 0: an hour
	Secret   map[string]string // of each client, by its id; empty: a public client, which has none
	Key      *rsa.PublicKey    // of the service account
	Email    string            // of the service account
	Scopes   []string          // that the service account may ask for; nil: any
	Users    []string          // who exists; nil: whoever is named
	Interval time.Duration     // between two polls of a device, in whole seconds; 0: one
	CodeLife time.Duration     // of a device's code, in whole seconds; 0: fifteen minutes

	// Ahead is how far the server's clock is ahead.
	Ahead time.Duration

	// Claims makes access tokens that can be read, as Microsoft's are; nil:
	// they are words without meaning.
	Claims func(user string) map[string]any
}

// A TokenServer gives access tokens by RFC 6749 (sections 4.4, 5 and 6), RFC
// 7523 and RFC 8628, for the tests and labs, and tells a mail server of them by
// RFC 7662. Every address but those that end in "devicecode" and "introspect"
// is its token endpoint.
type TokenServer struct {
	o    TokenOptions
	ln   net.Listener // nil: NewTokens
	http *http.Server
	done chan struct{} // closed when serving has ended

	mu       sync.Mutex
	fault    func(w http.ResponseWriter, r *http.Request) bool
	asked    []url.Values
	tokens   map[string]grantedToken
	refresh  map[string]string // refresh token to user
	devices  map[string]*device
	accepted int
}

type grantedToken struct {
	user  string // empty: for all
	until time.Time
}

// NewTokens returns a token server that nobody can connect to: what wants to
// ask it calls ServeHTTP.
func NewTokens(o TokenOptions) *TokenServer {
	if o.Life == 0 {
		o.Life = time.Hour
	}
	if o.Interval == 0 {
		o.Interval = time.Second
	}
	if o.CodeLife == 0 {
		o.CodeLife = 15 * time.Minute
	}
	return &TokenServer{
		o: o, tokens: make(map[string]grantedToken), refresh: make(map[string]string), devices: make(map[string]*device),
	}
}

// StartTokens opens a token server on loopback. The caller closes it.
func StartTokens(o TokenOptions) (*TokenServer, error) {
	s := NewTokens(o)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.ln, s.done = ln, make(chan struct{})
	s.http = &http.Server{Handler: s, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute}
	if o.TLS != nil {
		ln = tls.NewListener(ln, o.TLS)
	}
	go func() {
		defer close(s.done)
		_ = s.http.Serve(ln) // ends when the server is closed
	}()
	return s, nil
}

// Close ends the server and all its connections.
func (s *TokenServer) Close() error {
	err := s.http.Close()
	<-s.done
	return err
}

// Addr returns the server's "host:port".
func (s *TokenServer) Addr() string { return s.ln.Addr().String() }

// URL returns the token endpoint.
func (s *TokenServer) URL() string {
	switch {
	case s.ln == nil:
		return "https://login.example/token"
	case s.o.TLS != nil:
		return "https://" + s.Addr() + "/token"
	}
	return "http://" + s.Addr() + "/token"
}

// DeviceURL returns where a device begins.
func (s *TokenServer) DeviceURL() string { return strings.TrimSuffix(s.URL(), "token") + "devicecode" }

// SetFault lets f answer requests in place of the server; f returns false for
// those that it leaves alone.
func (s *TokenServer) SetFault(f func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Asked returns what has been asked of the token endpoint so far.
func (s *TokenServer) Asked() []url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]url.Values(nil), s.asked...)
}

// errToken refuses a token.
var errToken = errors.New("imaplab: no such token, or it has expired")

// Check is for Options.Bearer: it accepts a token of this server until it
// expires.
func (s *TokenServer) Check(user, token string) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.tokens[token]
	if !ok || g.user != "" && g.user != user || !time.Now().Before(g.until) {
		return time.Time{}, errToken
	}
	s.accepted++
	return g.until, nil
}

// Accepted counts the logins that Check has let in.
func (s *TokenServer) Accepted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

// Expire ends all access tokens now, whatever was said of their life.
func (s *TokenServer) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// Revoke takes back all that users have granted: refresh tokens, and with them
// the access tokens.
func (s *TokenServer) Revoke() {
	s.Expire()
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.refresh)
}

// ServeHTTP implements http.Handler.
func (s *TokenServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", time.Now().Add(s.o.Ahead).UTC().Format(http.TimeFormat))
	s.mu.Lock()
	fault := s.fault
	s.mu.Unlock()
	if fault != nil && fault(w, r) {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if r.Method != http.MethodPost || r.ParseForm() != nil {
		answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_request"})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.HasSuffix(r.URL.Path, "devicecode") {
		s.invite(w, r.PostForm)
		return
	}
	if strings.HasSuffix(r.URL.Path, "introspect") {
		s.introspect(w, r.PostForm)
		return
	}
	s.asked = append(s.asked, r.PostForm)
	switch r.PostForm.Get("grant_type") {
	case "client_credentials":
		s.clientCredentials(w, r.PostForm)
	case "urn:ietf:params:oauth:grant-type:jwt-bearer":
		s.assertion(w, r.PostForm)
	case "urn:ietf:params:oauth:grant-type:device_code":
		s.poll(w, r.PostForm)
	case "refresh_token":
		s.renew(w, r.PostForm)
	default:
		answer(w, http.StatusBadRequest, map[string]any{"error": "unsupported_grant_type"})
	}
}

// answer writes JSON as RFC 6749, section 5.1, wants it.
func answer(w http.ResponseWriter, status int, doc map[string]any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(doc) // the client may be gone
}

// refuse writes an error of RFC 6749, section 5.2.
func refuse(w http.ResponseWriter, code, text string) {
	status := http.StatusBadRequest
	if code == "invalid_client" {
		status = http.StatusUnauthorized
	}
	answer(w, status, map[string]any{"error": code, "error_description": text})
}
