package oauth

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

// Bounds of what is read of a token server.
const (
	maxAnswer  = 64 << 10
	maxRequest = 64 << 10
)

// errTooLarge ends an answer that no token server gives.
var errTooLarge = errors.New("the answer is larger than 64 KiB")

// secretFields are what a request must not be seen to hold.
var secretFields = []string{"client_secret", "assertion", "refresh_token", "device_code"}

// A line is one conversation with the token server. It remembers what was
// sent, so that nothing of it is repeated, and what the server's clock said.
type line struct {
	ctx     context.Context // carries the client to the library
	next    http.RoundTripper
	timeout time.Duration

	mu      sync.Mutex
	secrets []string
	skew    time.Duration // how far the server's clock is ahead of ours
	err     error         // why no answer came, or not all of it
}

// dial begins a conversation. No redirect is followed: a token server has no
// reason for one, and the secret would go along.
func (t *Tokens) dial(ctx context.Context) *line {
	l := &line{next: t.o.Transport, timeout: t.o.Timeout}
	if t.grant.Secret != "" && t.grant.Kind != ServiceAccount {
		l.secrets = append(l.secrets, t.grant.Secret)
	}
	client := &http.Client{
		Transport:     l,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	l.ctx = context.WithValue(ctx, oauth2.HTTPClient, client)
	return l
}

// RoundTrip implements http.RoundTripper.
func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	_ = l.lost(nil)
	r = r.Clone(r.Context())
	if r.Body != nil {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
		_ = r.Body.Close() // read from memory
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		l.remember(body)
	}
	// What the library asks without a context of its own ends with ours. The
	// time limit is here and not in the client, where it would hold on to
	// every answer whose body the library leaves open.
	ctx, cancel := context.WithTimeout(r.Context(), l.timeout)
	defer cancel()
	defer context.AfterFunc(l.ctx, cancel)()
	answer, err := l.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return nil, l.lost(err)
	}
	if err := l.read(answer); err != nil {
		return nil, l.lost(err)
	}
	return answer, nil
}

// read takes an answer in whole, so that what the library sees is bounded and
// has come.
func (l *line) read(answer *http.Response) error {
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return err
	case len(body) > maxAnswer:
		return errTooLarge
	case string(bytes.TrimSpace(body)) == "null":
		body = []byte("{}") // golang.org/x/oauth2 v0.38.0 panics where a device begins
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	if at, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		l.mu.Lock()
		l.skew = time.Until(at)
		l.mu.Unlock()
	}
	return nil
}

// lost remembers an error of the network: the library wraps not all of them.
func (l *line) lost(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
	return err
}

// remember keeps the secrets of a request, to be taken out of the answer.
func (l *line) remember(body []byte) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range secretFields {
		if s := form.Get(name); s != "" {
			l.secrets = append(l.secrets, s, url.QueryEscape(s))
		}
	}
}

// hide keeps a secret that the server has given.
func (l *line) hide(secret string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.secrets = append(l.secrets, secret)
}
