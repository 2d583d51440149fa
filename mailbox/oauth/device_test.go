package oauth_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/mailbox/oauth"
)

// person signs in some time after an invitation.
type person struct {
	s     *imaplab.TokenServer
	after time.Duration
	agree bool

	mu    sync.Mutex
	shown []oauth.SignIn
	wg    sync.WaitGroup
}

func (p *person) show(_ context.Context, s oauth.SignIn) error {
	p.mu.Lock()
	p.shown = append(p.shown, s)
	p.mu.Unlock()
	p.wg.Go(func() {
		time.Sleep(p.after)
		p.s.SignIn(s.Code, s.User, p.agree)
	})
	return nil
}

func (p *person) invitations() []oauth.SignIn {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]oauth.SignIn(nil), p.shown...)
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := imaplab.NewTokens(known())
		p := &person{s: s, after: 12 * time.Second, agree: true}
		defer p.wg.Wait()
		kept := new(store)
		o := oauth.Options{Show: p.show, Store: kept}
		first := get(t, tokens(t, oauth.Device, s, o), "anna@example.org")
		if _, err := s.Check("anna@example.org", first.Secret()); err != nil {
			t.Errorf("the token is not good: %v", err)
		}
		shown := p.invitations()
		if len(shown) != 1 || shown[0].User != "anna@example.org" || shown[0].URL != "https://login.example/link" || shown[0].Expires != 15*time.Minute {
			t.Fatalf("shown = %+v", shown)
		}
		// Another run needs nobody: the refresh token was kept, and each
		// answer brings another one, which is kept too.
		o.Show = nil
		for range 3 {
			get(t, tokens(t, oauth.Device, s, o), "anna@example.org")
		}
		if len(kept.files) != 1 {
			t.Errorf("%d files for one account", len(kept.files))
		}
		for name := range kept.files {
			if strings.Contains(name, "anna") || strings.ContainsAny(name, "/@") {
				t.Errorf("the name %q tells who it is", name)
			}
		}
		// And in a run that lasts, the token is renewed in time.
		all := tokens(t, oauth.Device, s, o)
		get(t, all, "anna@example.org")
		time.Sleep(time.Hour)
		if again := get(t, all, "anna@example.org"); again.Cached() {
			t.Error("a token that has expired is given out")
		}
	})
}

// TestSignInOneByOne: nobody can follow two codes at once.
func TestSignInOneByOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := imaplab.NewTokens(known())
		p := &person{s: s, after: 30 * time.Second, agree: true}
		defer p.wg.Wait()
		all := tokens(t, oauth.Device, s, oauth.Options{Show: p.show})
		var wg sync.WaitGroup
		for _, user := range []string{"anna", "ben", "cleo"} {
			wg.Go(func() { get(t, all, user) })
		}
		time.Sleep(10 * time.Second)
		if n := len(p.invitations()); n != 1 {
			t.Errorf("%d codes are shown at once, want 1", n)
		}
		wg.Wait()
		if n := len(p.invitations()); n != 3 {
			t.Errorf("%d codes were shown, want 3", n)
		}
	})
}

// TestSignInEnds: declined, late, revoked, or with nobody there.
func TestSignInEnds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		after time.Duration
		agree bool
		says  string
	}{
		{"declined", 3 * time.Second, false, "access_denied"},
		{"late", time.Hour, true, "nobody has signed in as anna in time"},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			s := imaplab.NewTokens(known())
			p := &person{s: s, after: tt.after, agree: tt.agree}
			defer p.wg.Wait()
			_, err := tokens(t, oauth.Device, s, oauth.Options{Show: p.show}).Account("anna").Token(t.Context())
			if !errors.Is(err, oauth.ErrRefused) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%s: Token = %v, want ErrRefused that says %q", tt.name, err, tt.says)
			}
		})
	}
}

func TestSignInNeedsSomebody(t *testing.T) {
	t.Parallel()
	s := imaplab.NewTokens(known())
	_, err := tokens(t, oauth.Device, s, oauth.Options{}).Account("anna").Token(t.Context())
	if !errors.Is(err, oauth.ErrNobody) || !errors.Is(err, oauth.ErrRefused) {
		t.Errorf("Token = %v, want ErrNobody", err)
	}
}

// TestRevoked: who has taken back what was granted is asked again where
// somebody is there, and is refused with the server's reason where not.
func TestRevoked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := imaplab.NewTokens(known())
		p := &person{s: s, after: time.Second, agree: true}
		defer p.wg.Wait()
		o := oauth.Options{Show: p.show, Store: new(store)}
		get(t, tokens(t, oauth.Device, s, o), "anna")
		s.Revoke()
		alone := o
		alone.Show = nil
		_, err := tokens(t, oauth.Device, s, alone).Account("anna").Token(t.Context())
		answer, ok := errors.AsType[*oauth.Error](err)
		if !ok || answer.Code != "invalid_grant" || !errors.Is(err, oauth.ErrRefused) {
			t.Errorf("Token with a revoked grant = %v, want invalid_grant", err)
		}
		get(t, tokens(t, oauth.Device, s, o), "anna")
		if n := len(p.invitations()); n != 2 {
			t.Errorf("%d invitations, want 2", n)
		}
	})
}

// TestPollSurvives: what is a matter of the network or of the server's load is
// tried again as long as the code is good, at the pace that the server wants.
func TestPollSurvives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := imaplab.NewTokens(known())
		p := &person{s: s, after: 40 * time.Second, agree: true}
		defer p.wg.Wait()
		var mu sync.Mutex
		var at []time.Time
		began := time.Now()
		s.SetFault(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/token" {
				return false
			}
			mu.Lock()
			defer mu.Unlock()
			at = append(at, time.Now())
			switch len(at) {
			case 1:
				return said(503, isHTML, "busy")(w, r)
			case 2:
				return said(400, isJSON, `{"error":"slow_down"}`)(w, r)
			case 3:
				return said(200, isHTML, "<html>")(w, r)
			}
			return false
		})
		get(t, tokens(t, oauth.Device, s, oauth.Options{Show: p.show}), "anna")
		if gap := at[2].Sub(at[1]); gap < 6*time.Second {
			t.Errorf("%s after slow_down, want an interval that is 5 s longer", gap)
		}
		if all := time.Since(began); all > 60*time.Second {
			t.Errorf("signed in after 40 s, noticed after %s", all)
		}
	})
}

// TestInvitation: a server that was taken over leads nobody astray.
func TestInvitation(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"device_code":"d","user_code":"ABC","verification_uri":"http://evil.example/"}`,
		`{"device_code":"d","user_code":"ABC","verification_uri":"javascript:alert(1)"}`,
		`{"device_code":"d","user_code":"\u001b[2J","verification_uri":"https://login.example/"}`,
		`{"device_code":"d","user_code":"` + strings.Repeat("A", 200) + `","verification_uri":"https://login.example/"}`,
		`{"device_code":"","user_code":"ABC","verification_uri":"https://login.example/"}`,
		`{}`,
		`null`,
	} {
		s := imaplab.NewTokens(known())
		s.SetFault(said(200, isJSON, body))
		o := oauth.Options{Show: func(_ context.Context, s oauth.SignIn) error {
			t.Errorf("%s is shown as %+v", body, s)
			return nil
		}}
		if _, err := tokens(t, oauth.Device, s, o).Account("anna").Token(t.Context()); !errors.Is(err, oauth.ErrTemporary) {
			t.Errorf("Token after %s = %v, want ErrTemporary", body, err)
		}
	}
}

// TestStoreThatIsSpoilt counts as none.
func TestStoreThatIsSpoilt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := imaplab.NewTokens(known())
		p := &person{s: s, after: time.Second, agree: true}
		defer p.wg.Wait()
		kept := new(store)
		o := oauth.Options{Show: p.show, Store: kept}
		get(t, tokens(t, oauth.Device, s, o), "anna")
		for name := range kept.files {
			kept.files[name] = []byte(`{"version":`)
		}
		get(t, tokens(t, oauth.Device, s, o), "anna")
		if n := len(p.invitations()); n != 2 {
			t.Errorf("%d invitations, want 2", n)
		}
	})
}

// TestTwoProcesses: a server that takes each refresh token once does not part
// two runs that share a directory.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := imaplab.NewTokens(known())
		p := &person{s: s, after: time.Second, agree: true}
		defer p.wg.Wait()
		o := oauth.Options{Show: p.show, Store: new(store)}
		one := tokens(t, oauth.Device, s, o)
		get(t, one, "anna")
		two := tokens(t, oauth.Device, s, o)
		get(t, two, "anna") // renews what one has in memory
		for range 3 {
			time.Sleep(time.Hour)
			get(t, one, "anna")
			get(t, two, "anna")
		}
		if n := len(p.invitations()); n != 1 {
			t.Errorf("%d invitations, want 1", n)
		}
	})
}
