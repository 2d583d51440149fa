package resolver_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/dnsplan/dnslab"
	"github.com/mxmove/mxmove/dnsplan/resolver"
)

func TestZone(t *testing.T) {
	t.Parallel()
	child := read(t, "sub.example.org.", "@ 60 IN SOA ns1.example.org. hostmaster 1 1 1 1 1\n@ 60 IN NS ns1.example.org.\n")
	tests := []struct {
		name, want string
	}{
		{"example.org", "example.org."},
		{"Mail.Example.ORG", "example.org."},
		{"selector._domainkey.example.org", "example.org."},
		{"sub.example.org", "sub.example.org."},
		{"selector._domainkey.sub.example.org", "sub.example.org."},
	}
	for _, named := range []bool{false, true} {
		w := newWorld(t, read(t, "example.org.", exampleZone+"sub 60 IN NS ns1\n"), child)
		if named {
			w.client.Servers = []string{w.ns1.Addr()}
		}
		for _, tt := range tests {
			got, err := w.client.Zone(t.Context(), tt.name)
			if err != nil || got != tt.want {
				t.Errorf("Zone(%s) = %s, %v; want %s", tt.name, got, err, tt.want)
			}
		}
		if asked(w.outside, "selector._domainkey.example.org.") {
			t.Error("a name that may be about to come was asked of the shared resolver")
		}
	}
}

func TestZoneIsUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if got, err := w.client.Zone(t.Context(), "nothing.test"); !errors.Is(err, resolver.ErrNoZone) {
		t.Errorf("Zone = %s, %v; want ErrNoZone", got, err)
	}
	w.outside.Break(dnslab.Fault{Kind: dnslab.Servfail})
	if got, err := w.client.Zone(t.Context(), "example.org"); !errors.Is(err, resolver.ErrNoAnswer) {
		t.Errorf("with a broken resolver: Zone = %s, %v; want ErrNoAnswer", got, err)
	}
}

func TestAuthoritative(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got, err := w.client.Authoritative(t.Context(), "example.org")
	want := []resolver.Server{{Name: "ns1.example.org.", Addr: "192.0.2.53:53"}, {Name: "ns2.example.org.", Addr: "198.51.100.53:53"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("Authoritative = %v, %v; want %v", got, err, want)
	}
	w.client.Servers = []string{"192.0.2.1", "192.0.2.2:5353", "2001:db8::1"}
	got, err = w.client.Authoritative(t.Context(), "example.org")
	want = []resolver.Server{
		{Name: "192.0.2.1:53", Addr: "192.0.2.1:53"}, {Name: "192.0.2.2:5353", Addr: "192.0.2.2:5353"},
		{Name: "[2001:db8::1]:53", Addr: "[2001:db8::1]:53"},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("with servers named: %v, %v; want %v", got, err, want)
	}
}

func TestAuthoritativeWithoutAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, read(t, "example.org.", "@ 60 IN SOA ns hostmaster 1 1 1 1 1\n@ 60 IN NS ns\n"))
	if _, err := w.client.Authoritative(t.Context(), "example.org"); !errors.Is(err, resolver.ErrNoAnswer) {
		t.Errorf("Authoritative = %v, want ErrNoAnswer", err)
	}
}

func TestTSIG(t *testing.T) {
	t.Parallel()
	tests := []struct {
		key  resolver.TSIG
		want string // part of the error
	}{
		{resolver.TSIG{Name: "key", Secret: "c2VjcmV0"}, ""},
		{resolver.TSIG{Name: "key.", Algorithm: "HMAC-SHA512.", Secret: "c2VjcmV0"}, ""},
		{resolver.TSIG{Secret: "c2VjcmV0"}, "no domain name"},
		{resolver.TSIG{Name: "key", Algorithm: "hmac-md5", Secret: "c2VjcmV0"}, "unknown algorithm"},
		{resolver.TSIG{Name: "key", Secret: "not base64!"}, "not base64"},
		{resolver.TSIG{Name: "key"}, "not base64"},
	}
	for _, tt := range tests {
		err := tt.key.Validate()
		switch {
		case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: Validate = %v, want %q", tt.key, err, tt.want)
		case err != nil && tt.key.Secret != "" && strings.Contains(err.Error(), tt.key.Secret):
			t.Errorf("the error shows the secret: %v", err)
		}
	}
}
