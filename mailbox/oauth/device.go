package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"time"

	"golang.org/x/oauth2"
)

// Bounds of what a server may ask of somebody who signs in.
const (
	longestSignIn = 30 * time.Minute
	longestPause  = 30 * time.Second
	maxCode       = 64
)

// kept is a refresh token as it lies in the store.
type kept struct {
	Version int    `json:"version"`
	Refresh string `json:"refresh_token"`
}

// config is the library's view of the grant.
func (t *Tokens) config() *oauth2.Config {
	g := t.grant
	return &oauth2.Config{
		ClientID: g.ClientID, ClientSecret: g.Secret, Scopes: g.Scopes,
		Endpoint: oauth2.Endpoint{TokenURL: g.TokenURL, DeviceAuthURL: g.DeviceURL, AuthStyle: oauth2.AuthStyleInParams},
	}
}

// device gets a token by the refresh token of an earlier sign-in, or asks
// somebody to sign in.
func (t *Tokens) device(ctx context.Context, l *line, user string, e *entry) (got, error) {
	if e.refresh == "" {
		e.refresh = t.recall(user)
	}
	for e.refresh != "" {
		g, err := t.renew(ctx, l, user, e)
		refusal, ok := errors.AsType[*Error](err)
		if err == nil || !ok || refusal.Code != "invalid_grant" && refusal.Code != "interaction_required" {
			return g, err
		}
		if other := t.recall(user); other != "" && other != e.refresh {
			e.refresh = other // another process has renewed it meanwhile
			continue
		}
		// Revoked, or not used for too long. Whoever can be asked signs in
		// again; else the refusal is the cause that counts.
		if t.o.Show == nil {
			return g, err
		}
		e.refresh = ""
	}
	return t.signIn(ctx, l, user, e)
}

// renew uses a refresh token.
func (t *Tokens) renew(ctx context.Context, l *line, user string, e *entry) (got, error) {
	answer, err := t.config().TokenSource(l.ctx, &oauth2.Token{RefreshToken: e.refresh}).Token()
	return t.keep(ctx, l, user, e, answer, err)
}

// keep takes an answer, and the refresh token that came with it: servers may
// give another one each time, and the old one is then no longer good.
func (t *Tokens) keep(ctx context.Context, l *line, user string, e *entry, answer *oauth2.Token, err error) (got, error) {
	g, err := t.take(ctx, l, answer, err)
	if err != nil || answer.RefreshToken == "" || answer.RefreshToken == e.refresh {
		return g, err
	}
	e.refresh = answer.RefreshToken
	if t.o.Store == nil {
		return g, nil
	}
	data, err := json.Marshal(kept{Version: 1, Refresh: e.refresh})
	if err == nil {
		err = t.o.Store.Save(t.file(user), data)
	}
	if err != nil {
		return got{}, fmt.Errorf("refresh token of %s: %w", printable(user, 100), err)
	}
	return g, nil
}

// recall reads the refresh token of an earlier run. One that cannot be read is
// as good as none.
func (t *Tokens) recall(user string) string {
	if t.o.Store == nil {
		return ""
	}
	data, err := t.o.Store.Load(t.file(user))
	var k kept
	if err == nil {
		err = json.Unmarshal(data, &k)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil || k.Version != 1 || len(k.Refresh) > maxToken:
		t.o.Log.Warn("refresh token cannot be read", "account", user)
		return ""
	}
	return k.Refresh
}

// signIn shows a code and waits until somebody has typed it. One account comes
// after the other: nobody can follow two codes at once.
func (t *Tokens) signIn(ctx context.Context, l *line, user string, e *entry) (got, error) {
	if t.o.Show == nil {
		return got{}, fmt.Errorf("%w (account %s)", ErrNobody, printable(user, 100))
	}
	select {
	case t.signing <- struct{}{}:
		defer func() { <-t.signing }()
	case <-ctx.Done():
		return got{}, context.Cause(ctx)
	}
	c := t.config()
	device, err := c.DeviceAuth(l.ctx)
	if err != nil {
		return got{}, t.failed(ctx, l, err)
	}
	l.hide(device.DeviceCode)
	s, err := t.invitation(l, user, device)
	if err != nil {
		return got{}, err
	}
	if err := t.o.Show(ctx, s); err != nil {
		return got{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return t.poll(ctx, l, user, e, c, device)
}

// invitation checks what a person will be shown: a server that was taken over
// must not lead anybody to a page in clear text.
func (t *Tokens) invitation(l *line, user string, d *oauth2.DeviceAuthResponse) (SignIn, error) {
	u, err := url.Parse(d.VerificationURI)
	code := printable(d.UserCode, maxCode)
	if err != nil || checkURL(u.String()) != nil || len(d.VerificationURI) > 300 || code == "" || code != d.UserCode || d.DeviceCode == "" {
		return SignIn{}, t.complaint(l, "the invitation to sign in makes no sense")
	}
	left := longestSignIn
	if !d.Expiry.IsZero() {
		left = min(left, time.Until(d.Expiry))
	}
	d.Expiry = time.Now().Add(left)
	d.Interval = min(d.Interval, int64(longestPause/time.Second))
	return SignIn{User: printable(user, 100), URL: printable(u.String(), 300), Code: code, Expires: left.Round(time.Second)}, nil
}

// poll asks until somebody has signed in. The library keeps the interval and
// slows down when told so (RFC 8628, section 3.5); what is a matter of the
// network is tried again as long as the code is good.
func (t *Tokens) poll(ctx context.Context, l *line, user string, e *entry, c *oauth2.Config, d *oauth2.DeviceAuthResponse) (got, error) {
	for {
		answer, err := c.DeviceAccessToken(l.ctx, d)
		expired := !time.Now().Before(d.Expiry)
		if err != nil && ctx.Err() == nil && expired {
			return got{}, t.late(l, user)
		}
		g, err := t.keep(ctx, l, user, e, answer, err)
		refusal, ok := errors.AsType[*Error](err)
		switch {
		case ok && refusal.Code == "expired_token":
			return got{}, t.late(l, user)
		case ok && refusal.Code == "slow_down", errors.Is(err, ErrTemporary):
			continue // the library waits an interval before it asks
		}
		return g, err
	}
}

// late is the refusal of a code that nobody has typed in time.
func (t *Tokens) late(l *line, user string) error {
	e := t.bare(l)
	e.Code, e.Text = "expired_token", "nobody has signed in as "+printable(user, 100)+" in time"
	return e
}
