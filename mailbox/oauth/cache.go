package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"
)

// An entry is one token of the cache: of all accounts or of one.
type entry struct {
	access  string
	renew   time.Time // from then on a new one is asked for; zero: when it is refused
	dropped string    // the last one that a mail server refused
	refresh string    // a refresh token, of Device
	err     error     // why there is none
	ask     time.Time // from then on err no longer counts
	flight  *flight   // nil: nobody is asking
}

// A flight is one question to the token server that several wait for.
type flight struct {
	done   chan struct{}
	access string
	err    error
}

// most bounds the life that is believed. A token server that says more is
// asked again after it.
const most = 24 * time.Hour

// pause is how long a refusal holds: the connections of one run do not ask for
// the same again and again, and a watch notices when it has been put right.
const pause = 5 * time.Minute

// name is the entry that serves a user.
func (t *Tokens) name(user string) string {
	if t.grant.Kind == ClientCredentials || t.grant.Kind == Fixed && t.grant.Shared {
		return ""
	}
	return user
}

// get returns the access token for a user, and whether it lay there already.
func (t *Tokens) get(ctx context.Context, user string) (access string, cached bool, err error) {
	for {
		t.mu.Lock()
		e := t.entries[t.name(user)]
		if e == nil {
			e = new(entry)
			t.entries[t.name(user)] = e
		}
		switch {
		case e.err != nil && t.o.Now().Before(e.ask):
			err := e.err
			t.mu.Unlock()
			return "", false, err
		case e.access != "" && (e.renew.IsZero() || t.o.Now().Before(e.renew)):
			access := e.access
			t.mu.Unlock()
			return access, true, nil
		}
		f, first := e.flight, e.flight == nil
		if first {
			f = &flight{done: make(chan struct{})}
			e.flight = f
		}
		t.mu.Unlock()
		if first {
			t.fly(ctx, user, e, f)
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return "", false, context.Cause(ctx)
		}
		if f.err == nil || first || !gone(f.err) {
			return f.access, false, f.err
		}
		// Who asked was called off; that is no answer for the others.
	}
}

// gone reports whether an error is the end of somebody's context.
func gone(err error) bool {
	return !errors.Is(err, ErrTemporary) && !errors.Is(err, ErrRefused)
}

// fly asks for a token and tells those who wait.
func (t *Tokens) fly(ctx context.Context, user string, e *entry, f *flight) {
	began := t.o.Now()
	got, err := t.fetch(ctx, user, e)
	t.mu.Lock()
	defer t.mu.Unlock()
	defer close(f.done)
	e.flight = nil
	f.access, f.err = got.access, err
	if err != nil {
		t.o.Log.Info("no access token", "kind", string(t.grant.Kind), "account", user, "err", err)
		if errors.Is(err, ErrRefused) {
			e.err, e.ask = err, t.o.Now().Add(pause)
		}
		return
	}
	e.access, e.renew, e.err = got.access, time.Time{}, nil
	if got.life != 0 {
		// At four fifths of its life, so that whoever has just got it can
		// still use it. Counted from before the question: the server may have
		// answered slowly.
		e.renew = began.Add(min(got.life, most) * 4 / 5)
	}
	t.o.Log.Info("access token", "kind", string(t.grant.Kind), "account", user, "seconds", int(got.life.Seconds()))
}

// drop forgets a token that a mail server has refused, if it is still the one
// that is given out.
func (t *Tokens) drop(user, access string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.entries[t.name(user)]; e != nil && e.access == access {
		e.access, e.dropped = "", access
	}
}

// file is the name under which a refresh token is kept. It is bound to the
// client and the server that it is good for, and tells nothing.
func (t *Tokens) file(user string) string {
	g := t.grant
	sum := sha256.Sum256([]byte(strings.Join([]string{string(g.Kind), g.TokenURL, g.ClientID, strings.Join(g.Scopes, " "), user}, "\x00")))
	return hex.EncodeToString(sum[:16]) + ".json"
}
