package oauth

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/oauth2/jwt"
)

// got is what came of a question.
type got struct {
	access string
	life   time.Duration // 0: unknown
}

// tries is how often a token server is asked that has no time.
const tries = 3

// patience bounds the wait that a token server may ask for.
const patience = time.Minute

// fetch asks for a token, again where the server has no time.
func (t *Tokens) fetch(ctx context.Context, user string, e *entry) (got, error) {
	wait := time.Second
	for n := 1; ; n++ {
		g, err := t.once(ctx, user, e)
		if err == nil || n == tries || !errors.Is(err, ErrTemporary) {
			return g, err
		}
		if answer, ok := errors.AsType[*Error](err); ok && answer.After > wait {
			if answer.After > patience {
				return g, err
			}
			wait = answer.After
		}
		if err := t.o.Sleep(ctx, wait); err != nil {
			return g, err
		}
		wait *= 2
	}
}

// once asks for a token by the way of the grant.
func (t *Tokens) once(ctx context.Context, user string, e *entry) (got, error) {
	g := t.grant
	if g.Kind == Fixed {
		return t.made(ctx, user, e)
	}
	line := t.dial(ctx)
	switch g.Kind {
	case ClientCredentials:
		c := clientcredentials.Config{
			ClientID: g.ClientID, ClientSecret: g.Secret, TokenURL: g.TokenURL, Scopes: g.Scopes,
			AuthStyle: oauth2.AuthStyleInParams, // Microsoft and Google take it, and it costs no second question
		}
		answer, err := c.Token(line.ctx)
		return t.take(ctx, line, answer, err)
	case ServiceAccount:
		c := jwt.Config{
			Email: t.key.Email, PrivateKey: []byte(t.key.PrivateKey), PrivateKeyID: t.key.KeyID,
			Subject: user, Scopes: g.Scopes, TokenURL: g.TokenURL,
		}
		answer, err := c.TokenSource(line.ctx).Token()
		return t.take(ctx, line, answer, err)
	}
	return t.device(ctx, line, user, e)
}

// take turns an answer of the token server into a token.
func (t *Tokens) take(ctx context.Context, l *line, answer *oauth2.Token, err error) (got, error) {
	switch {
	case err != nil:
		return got{}, t.failed(ctx, l, err)
	case answer.AccessToken == "":
		return got{}, t.without(l, answer)
	case !strings.EqualFold(answer.Type(), "bearer"):
		return got{}, t.complaint(l, "the token is not of the type bearer")
	case !usable(answer.AccessToken):
		return got{}, t.complaint(l, "the token holds characters that no token has")
	}
	g := got{access: answer.AccessToken}
	if !answer.Expiry.IsZero() {
		// The time of the answer cancels out, whatever clock gave it.
		g.life = max(time.Until(answer.Expiry), time.Millisecond)
	}
	return g, nil
}

// without is an answer that looks like a token and holds none: some servers
// refuse with 200, and the library sees that for one kind alone.
func (t *Tokens) without(l *line, answer *oauth2.Token) error {
	code, _ := answer.Extra("error").(string)
	text, _ := answer.Extra("error_description").(string)
	if code == "" {
		return t.complaint(l, "the answer holds no token")
	}
	e := t.bare(l)
	e.Code, e.Text = l.clean(code, 60), l.clean(text, 300)
	return e
}

// made asks for a token that was made elsewhere. It has to be another one than
// the one that was refused.
func (t *Tokens) made(ctx context.Context, user string, e *entry) (got, error) {
	access, err := t.grant.Ask(ctx, user)
	switch {
	case ctx.Err() != nil:
		return got{}, context.Cause(ctx)
	case err != nil:
		return got{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	access = strings.TrimSpace(access)
	if !usable(access) {
		return got{}, fmt.Errorf("%w: what was given as one holds characters that no token has", ErrRefused)
	}
	t.mu.Lock()
	dropped, last := e.dropped, e.access
	t.mu.Unlock()
	if access == dropped {
		return got{}, fmt.Errorf("%w: the given one was refused by the mail server, and there is no other; give a new one", ErrRefused)
	}
	g := got{access: access}
	if c, ok := parseClaims(access); ok && !c.Expires.IsZero() {
		// The only life that is counted by the clock on the wall: the token
		// comes from elsewhere, and this is all that it says.
		if g.life = c.Expires.Sub(t.o.Now()); g.life <= 0 {
			if access == last {
				return got{}, fmt.Errorf("%w: the given one expired %s ago, and there is no other; give a new one", ErrRefused, -g.life.Round(time.Second))
			}
			g.life = time.Millisecond // a clock may be wrong; the mail server knows
		}
	}
	return g, nil
}

// checkPrivateKey accepts an RSA key in PEM, by PKCS #8 or PKCS #1.
func checkPrivateKey(text string) error {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return fmt.Errorf("%w: the private key of the service account is not PEM", ErrGrant)
	}
	if _, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if _, ok := key.(*rsa.PrivateKey); err != nil || !ok {
		return fmt.Errorf("%w: the private key of the service account is no RSA key", ErrGrant)
	}
	return nil
}

// sleep waits by the machine's clock.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
