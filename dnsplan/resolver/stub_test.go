package resolver_test

import (
	"errors"
	"net"
	"testing"

	"blitiri.com.ar/go/spf"
	"github.com/emersion/go-msgauth/dkim"

	"github.com/mxmove/mxmove/dnsplan/dnslab"
	"github.com/mxmove/mxmove/dnsplan/resolver"
)

var _ spf.DNSResolver = resolver.Stub{}

func TestStubServesSPF(t *testing.T) {
	t.Parallel()
	tests := []struct {
		ip     string
		broken bool
		want   spf.Result
	}{
		{"192.0.2.10", false, spf.Pass},
		{"192.0.2.11", false, spf.Fail},
		{"192.0.2.10", true, spf.TempError},
	}
	for _, tt := range tests {
		w := newWorld(t)
		if tt.broken {
			w.outside.Break(dnslab.Fault{Kind: dnslab.Servfail})
		}
		got, err := spf.CheckHostWithSender(net.ParseIP(tt.ip), "mail.example.org", "anna@example.org",
			spf.WithResolver(resolver.Stub{Client: w.client}), spf.WithContext(t.Context()))
		if got != tt.want {
			t.Errorf("%s, broken %v: %s (%v), want %s", tt.ip, tt.broken, got, err, tt.want)
		}
	}
}

func TestStubServesDKIM(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	options := dkim.VerifyOptions{LookupTXT: resolver.Stub{Client: w.client}.TXT(t.Context())}
	texts, err := options.LookupTXT("example.org")
	if err != nil || len(texts) != 2 || texts[0] != "v=spf1 mx -all" {
		t.Errorf("LookupTXT = %q, %v; want the strings joined", texts, err)
	}
}

func TestStubErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t, read(t, "example.org.", exampleZone), read(t, "2.0.192.in-addr.arpa.", "@ 60 IN SOA ns. h. 1 1 1 1 1\n10 60 IN PTR mail.example.org.\n"))
	stub := resolver.Stub{Client: w.client}
	calls := map[string]func(name string) error{
		"TXT":    func(name string) error { _, err := stub.LookupTXT(t.Context(), name); return err },
		"MX":     func(name string) error { _, err := stub.LookupMX(t.Context(), name); return err },
		"IPAddr": func(name string) error { _, err := stub.LookupIPAddr(t.Context(), name); return err },
	}
	for what, call := range calls {
		for _, name := range []string{"nobody.example.org", "_domainkey.example.org", "bad..name"} {
			var dnsErr *net.DNSError
			if err := call(name); !errors.As(err, &dnsErr) || !dnsErr.IsNotFound || dnsErr.IsTemporary {
				t.Errorf("%s of %s = %v, want not found", what, name, err)
			}
		}
	}
	if names, err := stub.LookupAddr(t.Context(), "192.0.2.10"); err != nil || len(names) != 1 || names[0] != "mail.example.org." {
		t.Errorf("LookupAddr = %v, %v", names, err)
	}
	w.outside.Break(dnslab.Fault{Kind: dnslab.Refused})
	for what, call := range calls {
		var dnsErr *net.DNSError
		err := call("example.org")
		if !errors.As(err, &dnsErr) || dnsErr.IsNotFound || !dnsErr.Temporary() || !errors.Is(err, resolver.ErrNoAnswer) {
			t.Errorf("%s with a broken resolver = %v, want temporary", what, err)
		}
	}
}

func TestStubTellsWhatExists(t *testing.T) {
	t.Parallel()
	w := newWorld(t, read(t, "example.org.", exampleZone+"dead 60 IN CNAME gone\n"))
	stub := resolver.Stub{Client: w.client}
	for name, want := range map[string]bool{
		"example.org": true, "mail.example.org": true, "_dmarc.example.org": true, "alias.example.org": true,
		"_tcp.example.org": true, // nothing stands there, and something below it
		"dead.example.org": true, // an alias that leads nowhere
		"gone.example.org": false, "x.mail.example.org": false, "a..b": false,
	} {
		if got, err := stub.Exists(t.Context(), name); got != want || err != nil {
			t.Errorf("Exists(%s) = %v, %v, want %v", name, got, err, want)
		}
	}
	w.outside.Break(dnslab.Fault{Kind: dnslab.Servfail})
	if got, err := stub.Exists(t.Context(), "mail.example.org"); got || err == nil {
		t.Errorf("Exists with a broken resolver = %v, %v, want an error", got, err)
	}
}

// TestStubAsksForAnyName: what an SPF record asks for may hold the local part
// of a sender. Such a name is answered at once, and the resolver is not taken
// for silent.
func TestStubAsksForAnyName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, read(t, "example.org.", exampleZone+"o\\'brien 60 IN TXT \"here\"\na\\ b 60 IN TXT \"here\"\n"))
	w.client.Timeout = 0 // nobody is silent here
	stub := resolver.Stub{Client: w.client}
	for _, name := range []string{"o'brien.example.org", "a b.Example.org", `a\032b.example.org`} {
		texts, err := stub.LookupTXT(t.Context(), name)
		if err != nil || len(texts) != 1 || texts[0] != "here" {
			t.Errorf("LookupTXT(%q) = %q, %v", name, texts, err)
		}
	}
	for _, name := range []string{"x\x00.example.org", "\xffx.example.org", "(a;b)@.example.org", `"x".example.org`, `x\`} {
		var dnsErr *net.DNSError
		if texts, err := stub.LookupTXT(t.Context(), name); !errors.As(err, &dnsErr) || !dnsErr.IsNotFound {
			t.Errorf("LookupTXT(%q) = %q, %v, want not found", name, texts, err)
		}
	}
	if known, err := stub.Exists(t.Context(), "o'brien.example.org"); !known || err != nil {
		t.Errorf("Exists of an odd name = %v, %v", known, err)
	}
}

// TestStubPassesOverNoText: a TXT record without any string is malformed, and
// its neighbours count.
func TestStubPassesOverNoText(t *testing.T) {
	t.Parallel()
	w := newWorld(t, read(t, "example.org.", exampleZone+"null 60 IN TXT \nboth 60 IN TXT \nboth 60 IN TXT \"v=spf1\"\n"))
	w.client.Timeout = 0 // nobody is silent here
	stub := resolver.Stub{Client: w.client}
	if texts, err := stub.LookupTXT(t.Context(), "both.example.org"); err != nil || len(texts) != 1 || texts[0] != "v=spf1" {
		t.Errorf("LookupTXT = %q, %v, want the one text", texts, err)
	}
	var dnsErr *net.DNSError
	if texts, err := stub.LookupTXT(t.Context(), "null.example.org"); !errors.As(err, &dnsErr) || !dnsErr.IsNotFound {
		t.Errorf("LookupTXT = %q, %v, want not found", texts, err)
	}
}
