package oauth_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/mailbox/oauth"
)

// readable is a token that says something of itself.
func readable(t testing.TB, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return "e30." + base64.RawURLEncoding.EncodeToString(payload) + ".c2ln"
}

// ways are how something may be printed.
func ways(v any) string {
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		fmt.Fprintf(&b, verb+"\n", v)
	}
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "v", v)
	return b.String()
}

func TestNothingPrintsASecret(t *testing.T) {
	t.Parallel()
	s := imaplab.NewTokens(known())
	g := grant(oauth.ClientCredentials, s)
	all := tokens(t, oauth.ClientCredentials, s, oauth.Options{})
	token := get(t, all, "anna")
	for _, v := range []any{g, all, all.Account("anna"), token} {
		text := ways(v)
		for _, hidden := range []string{secret, token.Secret()} {
			if strings.Contains(text, hidden) || strings.Contains(text, fmt.Sprintf("%x", hidden)) {
				t.Errorf("%T prints a secret: %s", v, text)
			}
		}
	}
}

// FuzzEcho: a token server that repeats what it was asked, in whatever place
// and however much of it, gets nothing of it into errors, findings or logs.
func FuzzEcho(f *testing.F) {
	f.Add("invalid_client", "you sent <SECRET>", 401, "x")
	f.Add("<SECRET>", "<SECRET><SECRET>", 400, "<SECRET>")
	f.Add("invalid_grant", strings.Repeat("x", 290)+"<SECRET>", 400, "")
	f.Add("", "", 500, "<SECRET>")
	f.Add("e", "url form: <ESCAPED>", 200, "")
	f.Add("\x1b[2J", "\u202e<SECRET>\r\n", 503, "\x00")
	f.Fuzz(func(t *testing.T, code, text string, status int, header string) {
		if status < 200 || status > 599 {
			status = 400
		}
		for _, kind := range []oauth.Kind{oauth.ClientCredentials, oauth.ServiceAccount, oauth.Device} {
			echo(t, kind, code, text, status, header)
		}
	})
}

// echo asks a server that repeats the secrets of the question.
func echo(t *testing.T, kind oauth.Kind, code, text string, status int, header string) {
	s := imaplab.NewTokens(known())
	var hidden []string
	s.SetFault(func(w http.ResponseWriter, r *http.Request) bool {
		if r.ParseForm() != nil {
			return false
		}
		for _, name := range []string{"client_secret", "assertion", "refresh_token", "device_code"} {
			secret := r.PostForm.Get(name)
			if secret == "" {
				continue
			}
			hidden = append(hidden, secret)
			fill := strings.NewReplacer("<SECRET>", secret, "<ESCAPED>", url.QueryEscape(secret))
			code, text, header = fill.Replace(code), fill.Replace(text), fill.Replace(header)
		}
		body, err := json.Marshal(map[string]string{"error": code, "error_description": text})
		if err != nil {
			return false
		}
		w.Header()["X-Echo"] = []string{header}
		return said(status, isJSON, string(body))(w, r)
	})
	var log bytes.Buffer
	kept := &store{}
	o := oauth.Options{Store: everywhere{kept}, Log: slog.New(slog.NewTextHandler(&log, nil))}
	_, err := tokens(t, kind, s, o).Account("anna").Token(t.Context())
	if err == nil {
		t.Fatal("there is a token")
	}
	f, _ := oauth.Diagnose(err)
	all := fmt.Sprintf("%v %+v %#v", err, f, f) + ways(err) + log.String()
	for _, h := range hidden {
		if strings.Contains(all, h) || strings.Contains(all, url.QueryEscape(h)) {
			t.Errorf("%s: a secret is repeated: %v", kind, err)
		}
	}
	if strings.ContainsAny(err.Error(), "\x00\x1b\r\n") || len(err.Error()) > 700 {
		t.Errorf("%s: Token = %q", kind, err)
	}
}

// everywhere has a refresh token for whoever asks.
type everywhere struct{ *store }

func (everywhere) Load(string) ([]byte, error) {
	return []byte(`{"version":1,"refresh_token":"0.AXoA-refresh~token+of/anna=="}`), nil
}

// FuzzClaims: a token that can be read is hostile as well.
func FuzzClaims(f *testing.F) {
	f.Add(`{"aud":"https://outlook.office365.com","roles":["IMAP.AccessAsApp"],"appid":"1","oid":"2","exp":1e300}`)
	f.Add(`{"aud":["x"],"roles":{"a":1},"scp":7,"exp":-1,"upn":"\u001b[2J\n"}`)
	f.Add(`null`)
	f.Add(`{"roles":[` + strings.Repeat(`"x",`, 500) + `"y"]}`)
	f.Fuzz(func(t *testing.T, payload string) {
		token := "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln"
		all, err := oauth.New(oauth.Grant{Kind: oauth.Fixed, Ask: func(context.Context, string) (string, error) { return token, nil }}, oauth.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := all.Account("anna").Token(t.Context())
		if err != nil {
			return // too long
		}
		attempt, err := got.Attempt("h", 1, func(string) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		d, ok := oauth.Diagnose(attempt.Refused(errors.New("NO")))
		said := d.Text + d.Fix + strings.Join(d.Evidence, "")
		if !ok || strings.ContainsAny(said, "\x00\x1b\r\n") || len(said) > 10<<10 {
			t.Errorf("Diagnose = %q", said)
		}
	})
}

// TestDeviceCodeIsHidden: what the server has given is a secret too.
func TestDeviceCodeIsHidden(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := imaplab.NewTokens(known())
		s.SetFault(func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, "devicecode") {
				return said(200, isJSON, `{"device_code":"d3vice-code","user_code":"ABC","verification_uri":"https://login.example/","expires_in":60}`)(w, r)
			}
			return said(400, isJSON, `{"error":"access_denied","error_description":"for d3vice-code"}`)(w, r)
		})
		o := oauth.Options{Show: func(context.Context, oauth.SignIn) error { return nil }}
		_, err := tokens(t, oauth.Device, s, o).Account("anna").Token(t.Context())
		if err == nil || strings.Contains(err.Error(), "d3vice-code") || !strings.Contains(err.Error(), "access_denied") {
			t.Errorf("Token = %v", err)
		}
	})
}
