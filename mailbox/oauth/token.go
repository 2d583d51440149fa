package oauth

import (
	"fmt"
	"log/slog"
	"strings"
)

// A Token is an access token for one login. It never prints itself.
type Token struct {
	account *Account
	access  string
	cached  bool
}

// String prints no token.
func (t *Token) String() string { return "token of " + t.account.String() }

// GoString is String.
func (t *Token) GoString() string { return "oauth.Token(" + t.account.String() + ")" }

// LogValue is String for slog.
func (t *Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// Secret is the token itself, so that it can be taken out of what a server
// repeats.
func (t *Token) Secret() string { return t.access }

// Cached reports whether the token lay there when it was asked for: once a
// server has refused it, another login with a new one is worth trying.
func (t *Token) Cached() bool { return t.cached }

// maxToken bounds an access token. Exchange Online's take about 2 KiB.
const maxToken = 16 << 10

// usable reports whether a text can be an access token (RFC 6750, section
// 2.1): anything else could break out of the line that it is sent in.
func usable(access string) bool {
	const others = "-._~+/="
	if access == "" || len(access) > maxToken {
		return false
	}
	for _, c := range []byte(access) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && !strings.ContainsRune(others, rune(c)) {
			return false
		}
	}
	return true
}

// Attempt begins a login at the host that was configured, by the mechanism
// that the server offers: OAUTHBEARER, which is a standard, before XOAUTH2.
// It serves one login.
func (t *Token) Attempt(host string, port int, offers func(mechanism string) bool) (*Attempt, error) {
	a := &Attempt{token: t, host: host, port: port}
	for _, name := range []string{bearer, xoauth2} {
		if offers(name) {
			a.mechanism = name
			return a, nil
		}
	}
	return nil, fmt.Errorf("%w: neither %s nor %s is offered by %s", ErrMechanism, bearer, xoauth2, printable(host, 100))
}
