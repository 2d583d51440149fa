package oauth_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/mailbox/oauth"
)

func TestOneTokenForWhom(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind oauth.Kind
		asks int // for two users, twice each
		same bool
	}{
		{oauth.ClientCredentials, 1, true},
		{oauth.ServiceAccount, 2, false},
	}
	for _, tt := range tests {
		s := imaplab.NewTokens(known())
		all := tokens(t, tt.kind, s, oauth.Options{})
		anna, ben := get(t, all, "anna@example.org"), get(t, all, "ben@example.org")
		again := get(t, all, "anna@example.org")
		if n := len(s.Asked()); n != tt.asks {
			t.Errorf("%s: %d questions, want %d", tt.kind, n, tt.asks)
		}
		if got := anna.Secret() == ben.Secret(); got != tt.same {
			t.Errorf("%s: two users have the same token: %v, want %v", tt.kind, got, tt.same)
		}
		if anna.Cached() || !again.Cached() || again.Secret() != anna.Secret() {
			t.Errorf("%s: the second token of an account is not the first one", tt.kind)
		}
		for _, token := range []*oauth.Token{anna, again} {
			if _, err := s.Check("anna@example.org", token.Secret()); err != nil {
				t.Errorf("%s: the server does not know its token: %v", tt.kind, err)
			}
		}
		if _, err := s.Check("ben@example.org", anna.Secret()); (err == nil) != tt.same {
			t.Errorf("%s: Check of another's token = %v", tt.kind, err)
		}
	}
}

func TestManyAskOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := imaplab.NewTokens(known())
		s.SetFault(func(http.ResponseWriter, *http.Request) bool {
			time.Sleep(time.Second) // all have come by then
			return false
		})
		all := tokens(t, oauth.ClientCredentials, s, oauth.Options{})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { get(t, all, "anna@example.org") })
		}
		wg.Wait()
		if n := len(s.Asked()); n != 1 {
			t.Errorf("%d questions for 20 connections, want 1", n)
		}
	})
}

// TestCalledOff: whoever asks for all may be interrupted; the others are not.
func TestCalledOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := imaplab.NewTokens(known())
		s.SetFault(func(_ http.ResponseWriter, r *http.Request) bool {
			select {
			case <-time.After(time.Minute):
				return false
			case <-r.Context().Done():
				return true
			}
		})
		all := tokens(t, oauth.ClientCredentials, s, oauth.Options{Timeout: time.Hour})
		stopped := errors.New("stopped")
		ctx, cancel := context.WithCancelCause(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := all.Account("anna").Token(ctx); !errors.Is(err, stopped) {
				t.Errorf("Token of who was stopped = %v", err)
			}
		})
		synctest.Wait() // it asks now
		wg.Go(func() { get(t, all, "ben") })
		synctest.Wait() // it waits now
		cancel(stopped)
		wg.Wait()
	})
}

func TestRenewedBeforeExpiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := imaplab.NewTokens(known()) // an hour of life
		all := tokens(t, oauth.ServiceAccount, s, oauth.Options{})
		first := get(t, all, "anna")
		time.Sleep(47 * time.Minute)
		if again := get(t, all, "anna"); again.Secret() != first.Secret() {
			t.Errorf("another token after 47 minutes of an hour")
		}
		time.Sleep(2 * time.Minute)
		second := get(t, all, "anna")
		if second.Secret() == first.Secret() || second.Cached() {
			t.Errorf("the same token after 49 minutes of an hour")
		}
	})
}

// TestLifeIsBelievedWithinBounds: a life of ten years, none, or a negative one.
func TestLifeIsBelievedWithinBounds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		says string
		wait time.Duration
		asks int32
	}{
		{`"expires_in": 315360000`, 23 * time.Hour, 2},
		{`"expires_in": 315360000`, 19 * time.Hour, 1},
		{`"expires_in": 99999999999999`, 25 * time.Hour, 2},
		{`"expires_in": "3600"`, 50 * time.Minute, 2},
		{`"expires_in": -5`, time.Second, 2},
		{`"expires_in": 0`, 240 * time.Hour, 1},
		{`"x": 0`, 240 * time.Hour, 1},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			s := imaplab.NewTokens(known())
			var asks atomic.Int32
			s.SetFault(func(w http.ResponseWriter, _ *http.Request) bool {
				asks.Add(1)
				w.Header().Set("Content-Type", "application/json")
				_, err := w.Write([]byte(`{"access_token": "abc", "token_type": "bearer", ` + tt.says + `}`))
				return err == nil
			})
			all := tokens(t, oauth.ClientCredentials, s, oauth.Options{})
			get(t, all, "anna")
			time.Sleep(tt.wait)
			get(t, all, "anna")
			if got := asks.Load(); got != tt.asks {
				t.Errorf("%s, %s later: %d questions, want %d", tt.says, tt.wait, got, tt.asks)
			}
		})
	}
}

// TestRefusalHolds: the connections of a run do not ask again and again, and a
// watch notices when it has been put right.
func TestRefusalHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := known()
		o.Secret = map[string]string{client: "another"}
		s := imaplab.NewTokens(o)
		all := tokens(t, oauth.ClientCredentials, s, oauth.Options{})
		for range 5 {
			if _, err := all.Account("anna").Token(t.Context()); !errors.Is(err, oauth.ErrRefused) {
				t.Fatalf("Token = %v, want ErrRefused", err)
			}
		}
		if n := len(s.Asked()); n != 1 {
			t.Errorf("%d questions after a refusal, want 1", n)
		}
		o.Secret[client] = secret
		time.Sleep(6 * time.Minute)
		get(t, all, "anna")
	})
}

// TestRefusedByTheMailServer: a token that was not taken is not given out
// again, and one that has come since is left alone.
func TestRefusedByTheMailServer(t *testing.T) {
	t.Parallel()
	s := imaplab.NewTokens(known())
	all := tokens(t, oauth.ClientCredentials, s, oauth.Options{})
	first := get(t, all, "anna")
	refuse := func(token *oauth.Token) {
		attempt, err := token.Attempt("imap.example", 993, func(string) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		if err := attempt.Refused(errors.New("NO")); !strings.Contains(err.Error(), "NO") {
			t.Errorf("Refused = %v", err)
		}
	}
	refuse(first)
	second := get(t, all, "anna")
	if second.Secret() == first.Secret() {
		t.Error("a refused token is given out again")
	}
	refuse(first)
	if third := get(t, all, "anna"); third.Secret() != second.Secret() {
		t.Error("the refusal of an old token has dropped the new one")
	}
}

func TestFixed(t *testing.T) {
	t.Parallel()
	next := []string{"one", "two", "two"}
	all, err := oauth.New(oauth.Grant{Kind: oauth.Fixed, Ask: func(context.Context, string) (string, error) {
		token := next[0]
		next = next[1:]
		return token, nil
	}}, oauth.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"one", "two"} {
		token := get(t, all, "anna")
		if token.Secret() != want {
			t.Errorf("token = %q, want %q", token.Secret(), want)
		}
		attempt, err := token.Attempt("h", 1, func(string) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		_ = attempt.Refused(errors.New("NO"))
	}
	if _, err := all.Account("anna").Token(t.Context()); !errors.Is(err, oauth.ErrRefused) || !strings.Contains(err.Error(), "give a new one") {
		t.Errorf("the same refused token once more: %v", err)
	}
}

func TestFixedIsUsable(t *testing.T) {
	t.Parallel()
	for _, given := range []string{"", "a b", "a\x01b", "a\nb", "ä", strings.Repeat("a", 17<<10)} {
		all, err := oauth.New(oauth.Grant{Kind: oauth.Fixed, Ask: func(context.Context, string) (string, error) { return given, nil }}, oauth.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := all.Account("anna").Token(t.Context()); !errors.Is(err, oauth.ErrRefused) {
			t.Errorf("Token from %.10q = %v, want ErrRefused", given, err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	_, key := serviceKey()
	good := oauth.Grant{Kind: oauth.ClientCredentials, TokenURL: "https://login.example/t", ClientID: "c", Secret: "hunter2"}
	tests := map[string]func(*oauth.Grant){
		"clear text":        func(g *oauth.Grant) { g.TokenURL = "http://login.example/t" },
		"user in the URL":   func(g *oauth.Grant) { g.TokenURL = "https://a:hunter2@login.example/t" },
		"no URL":            func(g *oauth.Grant) { g.TokenURL = "login.example" },
		"no secret":         func(g *oauth.Grant) { g.Secret = "" },
		"no kind":           func(g *oauth.Grant) { g.Kind = "" },
		"no key":            func(g *oauth.Grant) { g.Kind, g.Secret = oauth.ServiceAccount, "{}" },
		"a key that is cut": func(g *oauth.Grant) { g.Kind, g.Secret = oauth.ServiceAccount, strings.Replace(key, "MII", "MI", 1) },
		"no device URL":     func(g *oauth.Grant) { g.Kind = oauth.Device },
		"nobody to ask":     func(g *oauth.Grant) { g.Kind = oauth.Fixed },
	}
	if _, err := oauth.New(good, oauth.Options{}); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range tests {
		g := good
		spoil(&g)
		_, err := oauth.New(g, oauth.Options{})
		if !errors.Is(err, oauth.ErrGrant) {
			t.Errorf("%s: New = %v, want ErrGrant", name, err)
		}
		if err != nil && g.Secret != "" && strings.Contains(err.Error(), g.Secret) {
			t.Errorf("%s: the error shows the secret", name)
		}
	}
}
