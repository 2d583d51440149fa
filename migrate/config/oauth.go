package config

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// An OAuth describes how access tokens are had.
type OAuth struct {
	Kind     string // "client-credentials", "service-account", "device" or "token"
	Tenant   string // of Microsoft: an id or a domain; its token server is then known
	ClientID string
	Secret   Secret // of the client; for token the token, for service-account the key file's text

	TokenURL  string   // of another token server; empty: by the kind and the tenant
	DeviceURL string   // where its device flow begins
	Scopes    []string // nil: what opens mailboxes at the provider
}

// oauthKeys lists, for each kind, the keys that it needs and those that have a
// meaning besides.
var oauthKeys = map[string]struct{ needs, takes []string }{
	"client-credentials": {[]string{"client_id", "secret"}, []string{"tenant", "token_url", "scopes"}},
	"service-account":    {[]string{"secret"}, []string{"token_url", "scopes"}},
	"device":             {[]string{"client_id"}, []string{"secret", "tenant", "token_url", "device_url", "scopes"}},
	"token":              {nil, []string{"secret"}},
}

// oauth reads how access tokens are had. What a kind has no use for is
// refused: it would be believed to have an effect.
func (r *reader) oauth(dst **OAuth) field {
	return func(v value) {
		if v.null() {
			return
		}
		o := &OAuth{}
		seen := r.object(v, map[string]field{
			"client_id":  r.text(&o.ClientID),
			"device_url": r.tokenServer(&o.DeviceURL),
			"kind":       r.word(&o.Kind, "client-credentials", "service-account", "device", "token"),
			"scopes":     r.texts(&o.Scopes),
			"secret":     r.secret(&o.Secret),
			"tenant":     r.tenant(&o.Tenant),
			"token_url":  r.tokenServer(&o.TokenURL),
		}, "kind")
		*dst = o
		if r.err != nil {
			return
		}
		keys := oauthKeys[o.Kind]
		for _, key := range keys.needs {
			if _, ok := seen[key]; !ok {
				r.missing(v, key)
			}
		}
		for _, key := range []string{"client_id", "device_url", "scopes", "secret", "tenant", "token_url"} {
			if at, ok := seen[key]; ok && !slices.Contains(keys.needs, key) && !slices.Contains(keys.takes, key) {
				r.fail(at, fmt.Sprintf("%q has no meaning for the kind %s", key, o.Kind), "leave it out")
			}
		}
		r.oauthServer(v, *o, seen)
	}
}

// oauthServer sees to it that exactly one token server is named.
func (r *reader) oauthServer(v value, o OAuth, seen map[string]place) {
	at, own := seen["token_url"]
	switch {
	case own && o.Tenant != "":
		r.fail(at, `"token_url" and "tenant" name two token servers`, "keep the tenant for Microsoft, and the address for anybody else")
	case o.Kind == "service-account" || o.Kind == "token" || o.Tenant != "":
	case !own:
		r.fail(v.at, fmt.Sprintf("%q names no token server", v.key), "add the tenant, for Microsoft, or token_url")
	case o.Kind == "device" && o.DeviceURL == "":
		r.fail(v.at, fmt.Sprintf("%q lacks the key %q", v.key, "device_url"), "write where the token server begins a sign-in by code")
	}
	if at, ok := seen["device_url"]; ok && !own {
		r.fail(at, `"device_url" needs "token_url" beside it`, "")
	}
}

// tenantPattern is an id or a domain: it becomes part of an address.
var tenantPattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?$`)

func (r *reader) tenant(dst *string) field {
	return func(v value) {
		s, ok := r.line1(v)
		if !ok {
			return
		}
		if !tenantPattern.MatchString(s) || strings.Contains(s, "..") {
			r.fail(v.begin(), fmt.Sprintf("%q cannot be %s", v.key, quote(s)), "write the tenant's id, or a domain of it")
			return
		}
		*dst = s
	}
}

// tokenServer reads an address that secrets are sent to.
func (r *reader) tokenServer(dst *string) field {
	return func(v value) {
		s, ok := r.line1(v)
		if !ok {
			return
		}
		if strings.Contains(s, "@") {
			r.fail(v.begin(), fmt.Sprintf("the URL in %q holds a user", v.key), "the client stands in client_id and secret")
			return
		}
		u, err := url.Parse(s)
		secure := err == nil && (u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()))
		if !secure || u.Host == "" || u.Fragment != "" {
			r.fail(v.begin(), fmt.Sprintf("%q cannot be %s", v.key, quote(s)), "write an address such as https://login.example.org/token")
			return
		}
		*dst = s
	}
}
