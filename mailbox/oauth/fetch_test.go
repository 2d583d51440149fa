package oauth_test

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/mailbox/oauth"
)

// said answers every question in the same way.
func said(status int, kind, body string, header ...string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, err := io.WriteString(w, body)
		return err == nil
	}
}

const (
	isJSON = "application/json"
	isHTML = "text/html; charset=utf-8"
)

// TestAnswers: what is no token, and whether another time is better.
func TestAnswers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		fault func(http.ResponseWriter, *http.Request) bool
		want  error
		says  string
	}{
		{"too many requests", said(429, isJSON, `{"error":"temporarily_unavailable"}`), oauth.ErrTemporary, "429"},
		{"an error of the server", said(500, isHTML, "<h1>oops</h1>"), oauth.ErrTemporary, "answered 500"},
		{"a gateway", said(502, "text/plain", "bad gateway"), oauth.ErrTemporary, "502"},
		{"a refusal with 200", said(200, isJSON, `{"error":"invalid_client","error_description":"no"}`), oauth.ErrRefused, "invalid_client: no"},
		{"malformed JSON", said(200, isJSON, `{"access_token":`), oauth.ErrTemporary, "makes no sense"},
		{"a page of a proxy", said(200, isHTML, "<html>sign in to the network</html>"), oauth.ErrTemporary, "makes no sense"},
		{"a page that says not found", said(404, isHTML, "<html>"), oauth.ErrRefused, "answered 404"},
		{"no token", said(200, isJSON, `{}`), oauth.ErrTemporary, ""},
		{"another type", said(200, isJSON, `{"access_token":"abc","token_type":"mac"}`), oauth.ErrTemporary, "bearer"},
		{"a token that breaks out", said(200, isJSON, `{"access_token":"a\u0001auth=Bearer b","token_type":"bearer"}`), oauth.ErrTemporary, "characters"},
		{"a token that is too long", said(200, isJSON, `{"access_token":"`+strings.Repeat("a", 20<<10)+`","token_type":"bearer"}`), oauth.ErrTemporary, "characters"},
		{"a huge answer", said(200, isJSON, `{"access_token":"`+strings.Repeat("a", 1<<20)+`"}`), oauth.ErrTemporary, "64 KiB"},
		{"a huge refusal", said(400, isJSON, `{"error":"`+strings.Repeat("a", 1<<20)+`"}`), oauth.ErrTemporary, "64 KiB"},
		{"somewhere else", said(302, isHTML, "", "Location", "https://evil.example/"), oauth.ErrRefused, "not followed"},
		{"the same question elsewhere", said(307, isHTML, "", "Location", "https://evil.example/"), oauth.ErrRefused, "not followed"},
		{"a terminal", said(400, isJSON, `{"error":"invalid_grant","error_description":"\u001b[2J\r\nTrace ID: 1"}`), oauth.ErrRefused, "Trace ID"},
	}
	for _, kind := range []oauth.Kind{oauth.ClientCredentials, oauth.ServiceAccount} {
		for _, tt := range tests {
			s := imaplab.NewTokens(known())
			var asks atomic.Int32
			s.SetFault(func(w http.ResponseWriter, r *http.Request) bool {
				if asks.Add(1); r.URL.Host != "login.example" {
					t.Errorf("%s: %s was asked", tt.name, r.URL.Host)
				}
				return tt.fault(w, r)
			})
			_, err := tokens(t, kind, s, oauth.Options{}).Account("anna").Token(t.Context())
			if !errors.Is(err, tt.want) || err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%s, %s: Token = %v, want %v that says %q", kind, tt.name, err, tt.want, tt.says)
			}
			if err != nil && (len(err.Error()) > 600 || strings.ContainsAny(err.Error(), "\x1b\r\n")) {
				t.Errorf("%s, %s: Token = %q", kind, tt.name, err)
			}
			want := int32(1)
			if tt.want == oauth.ErrTemporary {
				want = 3
			}
			if got := asks.Load(); got != want {
				t.Errorf("%s, %s: %d questions, want %d", kind, tt.name, got, want)
			}
		}
	}
}

// TestPatience: a server that says when is asked then, and not before; one that
// wants an hour is left alone.
func TestPatience(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		after, waited int
		want          error
	}{{7, 7, nil}, {3600, 0, oauth.ErrTemporary}, {-1, 1, nil}} {
		synctest.Test(t, func(t *testing.T) {
			s := imaplab.NewTokens(known())
			began := time.Now()
			asked := 0
			s.SetFault(func(w http.ResponseWriter, r *http.Request) bool {
				asked++
				return asked == 1 && said(429, isJSON, "{}", "Retry-After", strconv.Itoa(tt.after))(w, r)
			})
			all, err := oauth.New(grant(oauth.ClientCredentials, s), oauth.Options{Transport: memory{s}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = all.Account("anna").Token(t.Context())
			if !errors.Is(err, tt.want) {
				t.Errorf("Retry-After %d: Token = %v, want %v", tt.after, err, tt.want)
			}
			if waited := time.Since(began); waited != time.Duration(tt.waited)*time.Second {
				t.Errorf("Retry-After %d: waited %s, want %ds", tt.after, waited, tt.waited)
			}
		})
	}
}

// TestSilence is over a real connection: the time limit has to end a read.
func TestSilence(t *testing.T) {
	t.Parallel()
	s, err := imaplab.StartTokens(known())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.SetFault(func(w http.ResponseWriter, r *http.Request) bool {
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		<-r.Context().Done() // never a body
		return true
	})
	for _, kind := range []oauth.Kind{oauth.ClientCredentials, oauth.ServiceAccount} {
		all := tokens(t, kind, s, oauth.Options{Transport: new(http.Transport), Timeout: 50 * time.Millisecond})
		if _, err := all.Account("anna").Token(t.Context()); !errors.Is(err, oauth.ErrTemporary) {
			t.Errorf("%s: Token of a silent server = %v, want ErrTemporary", kind, err)
		}
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	s, err := imaplab.StartTokens(known())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []oauth.Kind{oauth.ClientCredentials, oauth.ServiceAccount} {
		all := tokens(t, kind, s, oauth.Options{Transport: new(http.Transport)})
		if _, err := all.Account("anna").Token(t.Context()); !errors.Is(err, oauth.ErrTemporary) {
			t.Errorf("%s: Token of nobody = %v, want ErrTemporary", kind, err)
		}
	}
}

// TestUntrusted: a certificate that nobody vouches for gets no secret.
func TestUntrusted(t *testing.T) {
	t.Parallel()
	asked := atomic.Bool{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Store(true) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	all, err := oauth.New(oauth.Grant{Kind: oauth.ClientCredentials, TokenURL: s.URL, ClientID: client, Secret: secret}, oauth.Options{Transport: new(http.Transport)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = all.Account("anna").Token(t.Context())
	if !errors.Is(err, oauth.ErrRefused) || !strings.Contains(err.Error(), "certificate") || asked.Load() {
		t.Errorf("Token = %v, asked %v; want ErrRefused for the certificate", err, asked.Load())
	}
}

// TestClocksApart: Google refuses what a clock has dated wrongly, and the error
// says that it is the clock.
func TestClocksApart(t *testing.T) {
	t.Parallel()
	o := known()
	o.Ahead = -20 * time.Minute
	s := imaplab.NewTokens(o)
	_, err := tokens(t, oauth.ServiceAccount, s, oauth.Options{}).Account("anna").Token(t.Context())
	answer, ok := errors.AsType[*oauth.Error](err)
	if !ok || answer.Skew.Abs().Round(time.Minute) != 20*time.Minute || !strings.Contains(err.Error(), "apart") {
		t.Fatalf("Token = %v, want a word about the clocks", err)
	}
	if f, _ := oauth.Diagnose(err); !strings.Contains(f.Fix, "clock of this machine") {
		t.Errorf("fix = %q, want the clock", f.Fix)
	}
}

// TestKeyFileNamesNoServer: the address in a key file is not followed; only the
// one that was configured is asked.
func TestKeyFileNamesNoServer(t *testing.T) {
	t.Parallel()
	s := imaplab.NewTokens(known())
	get(t, tokens(t, oauth.ServiceAccount, s, oauth.Options{}), "anna")
	asked := s.Asked()
	if len(asked) != 1 || asked[0].Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		t.Errorf("asked = %v", asked)
	}
}
