package imaplab

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Token makes an access token for a user without a question, for all with an
// empty name.
func (s *TokenServer) Token(user string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token(user)
}

// token makes an access token. The caller holds mu.
func (s *TokenServer) token(user string) string {
	token := rand.Text() + "-._~" + rand.Text()
	if s.o.Claims != nil {
		token = readable(s.o.Claims(user))
	}
	s.tokens[token] = grantedToken{user: user, until: time.Now().Add(s.o.Life)}
	return token
}

// issue answers with a token for a user, or for all. The caller holds mu.
func (s *TokenServer) issue(w http.ResponseWriter, user string, refresh bool) {
	token := s.token(user)
	doc := map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": int(s.o.Life / time.Second)}
	if refresh {
		again := rand.Text()
		s.refresh[again] = user
		doc["refresh_token"] = again
	}
	answer(w, http.StatusOK, doc)
}

// readable is a JSON Web Token with a signature that nobody checks.
func readable(claims map[string]any) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		payload = []byte("{}")
	}
	text := base64.RawURLEncoding.EncodeToString
	return text([]byte(`{"typ":"JWT","alg":"RS256"}`)) + "." + text(payload) + "." + text([]byte(rand.Text()))
}

// client reports whether a client is known and has shown its secret.
func (s *TokenServer) client(f url.Values) bool {
	secret, known := s.o.Secret[f.Get("client_id")]
	return known && f.Get("client_secret") == secret
}

func (s *TokenServer) clientCredentials(w http.ResponseWriter, f url.Values) {
	if !s.client(f) || s.o.Secret[f.Get("client_id")] == "" {
		refuse(w, "invalid_client", "AADSTS7000215: Invalid client secret provided for app "+f.Get("client_id"))
		return
	}
	s.issue(w, "", false)
}

// assertion checks what a service account has signed (RFC 7523, section 3, and
// what Google asks for).
func (s *TokenServer) assertion(w http.ResponseWriter, f url.Values) {
	var c struct {
		Iss, Sub, Aud, Scope string
		Iat, Exp             int64
	}
	if !s.verified(f.Get("assertion"), &c) || c.Iss != s.o.Email || c.Aud != s.URL() && !strings.HasPrefix(c.Aud, "https://oauth2.googleapis.com/") {
		refuse(w, "invalid_grant", "Invalid JWT Signature.")
		return
	}
	now := time.Now().Add(s.o.Ahead).Unix()
	unknown := func(scope string) bool { return s.o.Scopes != nil && !slices.Contains(s.o.Scopes, scope) }
	switch {
	case c.Iat > now+60 || c.Exp < now-60 || c.Exp > c.Iat+3700:
		refuse(w, "invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.")
	case c.Sub == "" || c.Scope == "" || slices.ContainsFunc(strings.Fields(c.Scope), unknown):
		refuse(w, "unauthorized_client", "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.")
	case s.o.Users != nil && !slices.Contains(s.o.Users, c.Sub):
		refuse(w, "invalid_grant", "Invalid email or User ID")
	default:
		s.issue(w, c.Sub, false)
	}
}

// verified checks the signature of a JSON Web Token by RS256 and reads it.
func (s *TokenServer) verified(text string, claims any) bool {
	parts := strings.Split(text, ".")
	if s.o.Key == nil || len(parts) != 3 {
		return false
	}
	decode := base64.RawURLEncoding.DecodeString
	signature, err := decode(parts[2])
	if err != nil {
		return false
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if rsa.VerifyPKCS1v15(s.o.Key, crypto.SHA256, sum[:], signature) != nil {
		return false
	}
	payload, err := decode(parts[1])
	return err == nil && json.Unmarshal(payload, claims) == nil
}

// A device is somebody who is to sign in.
type device struct {
	code    string // typed by the user
	until   time.Time
	polled  time.Time
	every   time.Duration
	user    string // who has signed in
	refused bool
}

// invite begins a sign-in (RFC 8628, section 3.2).
func (s *TokenServer) invite(w http.ResponseWriter, f url.Values) {
	if !s.client(f) {
		refuse(w, "invalid_client", "AADSTS700016: Application was not found in the directory")
		return
	}
	secret, code := rand.Text(), rand.Text()[:8]
	s.devices[secret] = &device{code: code, until: time.Now().Add(s.o.CodeLife), every: s.o.Interval}
	answer(w, http.StatusOK, map[string]any{
		"device_code": secret, "user_code": code, "verification_uri": strings.TrimSuffix(s.URL(), "token") + "link",
		"expires_in": int(s.o.CodeLife / time.Second), "interval": int(s.o.Interval / time.Second),
	})
}

// poll answers a device that waits (RFC 8628, section 3.5).
func (s *TokenServer) poll(w http.ResponseWriter, f url.Values) {
	d := s.devices[f.Get("device_code")]
	now := time.Now()
	const margin = 100 * time.Millisecond // the client's second and ours differ by the way
	switch {
	case d == nil:
		refuse(w, "invalid_grant", "no such device code")
	case !now.Before(d.until):
		refuse(w, "expired_token", "the code has expired")
	case d.refused:
		refuse(w, "access_denied", "the user has declined")
	case d.user != "":
		delete(s.devices, f.Get("device_code"))
		s.issue(w, d.user, true)
	case !d.polled.IsZero() && now.Sub(d.polled) < d.every-margin:
		d.every += 5 * time.Second
		d.polled = now
		refuse(w, "slow_down", "too often")
	default:
		d.polled = now
		refuse(w, "authorization_pending", "AADSTS70016: not yet")
	}
}

// SignIn is what a user does in a browser: it types the code and agrees, or
// declines. It reports whether the code is known.
func (s *TokenServer) SignIn(code, user string, agree bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.devices {
		if d.code == code {
			d.user, d.refused = user, !agree
			if !agree {
				d.user = ""
			}
			return true
		}
	}
	return false
}

// renew takes a refresh token and gives another (RFC 6749, section 6). The old
// one is good no longer.
func (s *TokenServer) renew(w http.ResponseWriter, f url.Values) {
	old := f.Get("refresh_token")
	user, ok := s.refresh[old]
	if !ok || !s.client(f) {
		refuse(w, "invalid_grant", "AADSTS700082: The refresh token has expired due to inactivity.")
		return
	}
	delete(s.refresh, old)
	s.issue(w, user, true)
}

// introspect tells whose a token is (RFC 7662, section 2.2).
func (s *TokenServer) introspect(w http.ResponseWriter, f url.Values) {
	g, ok := s.tokens[f.Get("token")]
	if !ok || !time.Now().Before(g.until) {
		answer(w, http.StatusOK, map[string]any{"active": false})
		return
	}
	answer(w, http.StatusOK, map[string]any{"active": true, "username": g.user, "exp": g.until.Unix(), "token_type": "Bearer"})
}
