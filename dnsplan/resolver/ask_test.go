package resolver_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/dnslab"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/dnsplan/zone"
)

func data(set *zone.RRset) string {
	if set == nil {
		return "absent"
	}
	return fmt.Sprint(set.TTL, " ", strings.Join(set.Data, " | "))
}

func TestAsk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tests := []struct {
		name string
		typ  uint16
		want string
	}{
		{"Example.Org", dns.TypeMX, "86400 10 mail.example.org."},
		{"example.org.", dns.TypeTXT, `3600 "v=spf1 mx" " -all" | "MS=ms123"`},
		{"example.org.", dns.TypeCAA, "absent"},
		{"nobody.example.org.", dns.TypeA, "absent"},
		{"_domainkey.example.org.", dns.TypeTXT, "absent"},
		{"autodiscover.example.org.", dns.TypeCNAME, "3600 mail.example.org."},
		{"autodiscover.example.org.", dns.TypeA, "absent"},
	}
	for _, tt := range tests {
		got, err := w.client.Ask(t.Context(), server(w.ns1), tt.name, tt.typ)
		if err != nil || data(got) != tt.want {
			t.Errorf("Ask(%s %s) = %s, %v; want %s", tt.name, dns.TypeToString[tt.typ], data(got), err, tt.want)
		}
	}
	for _, q := range w.ns1.Queries() {
		if q.Recurse {
			t.Errorf("%s was asked with RD", q.Name)
		}
	}
}

func TestAskTakesNoSilenceForAbsence(t *testing.T) {
	t.Parallel()
	for _, kind := range []dnslab.Kind{dnslab.Servfail, dnslab.Refused, dnslab.Drop, dnslab.Lame} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.ns1.Break(dnslab.Fault{Kind: kind})
			w.outside.Break(dnslab.Fault{Kind: kind})
			w.client.Timeout = 30 * time.Millisecond
			if got, err := w.client.Ask(t.Context(), server(w.ns1), "example.org", dns.TypeMX); !errors.Is(err, resolver.ErrNoAnswer) {
				t.Errorf("Ask = %s, %v; want ErrNoAnswer", data(got), err)
			}
			if kind == dnslab.Lame {
				return // of a resolver no authority is expected
			}
			if got, err := w.client.Lookup(t.Context(), "example.org", dns.TypeMX); !errors.Is(err, resolver.ErrNoAnswer) {
				t.Errorf("Lookup = %s, %v; want ErrNoAnswer", got, err)
			}
		})
	}
}

func TestAskTriesAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ns1.Break(dnslab.Fault{Kind: dnslab.Drop, Times: 2})
	got, err := w.client.Ask(t.Context(), server(w.ns1), "example.org", dns.TypeMX)
	if err != nil || got == nil {
		t.Errorf("after two lost packets: %s, %v", data(got), err)
	}
}

func TestAskGoesToTCP(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ns1.Break(dnslab.Fault{Kind: dnslab.Truncate})
	got, err := w.client.Ask(t.Context(), server(w.ns1), "example.org", dns.TypeMX)
	if err != nil || got == nil {
		t.Fatalf("truncated over UDP: %s, %v", data(got), err)
	}
	var networks []string
	for _, q := range w.ns1.Queries() {
		networks = append(networks, q.Network)
	}
	if want := []string{"udp", "tcp"}; !slices.Equal(networks, want) {
		t.Errorf("asked over %v, want %v", networks, want)
	}
}

func TestAskIsInterrupted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ns1.Break(dnslab.Fault{Kind: dnslab.Drop})
	w.client.Timeout = time.Hour
	cause := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(cause) })
	if _, err := w.client.Ask(ctx, server(w.ns1), "example.org", dns.TypeMX); !errors.Is(err, cause) {
		t.Errorf("Ask = %v, want the cause of the cancellation", err)
	}
}

func TestExactDropsWhatAWildcardGives(t *testing.T) {
	t.Parallel()
	w := newWorld(t, read(t, "example.org.", exampleZone+"* 60 IN A 192.0.2.99\n* 60 IN TXT junk\nreal 60 IN TXT text\n"))
	tests := []struct {
		name  string
		typ   uint16
		ask   string
		exact string
	}{
		{"mta-sts.example.org.", dns.TypeA, "60 192.0.2.99", "absent"},
		{"a.b.example.org.", dns.TypeA, "60 192.0.2.99", "absent"},
		{"real.example.org.", dns.TypeTXT, `60 "text"`, `60 "text"`},
		{"*.example.org.", dns.TypeA, "60 192.0.2.99", "60 192.0.2.99"},
		{"example.org.", dns.TypeMX, "86400 10 mail.example.org.", "86400 10 mail.example.org."},
	}
	for _, tt := range tests {
		got, err := w.client.Ask(t.Context(), server(w.ns1), tt.name, tt.typ)
		exact, err2 := w.client.Exact(t.Context(), server(w.ns1), "example.org", tt.name, tt.typ)
		if err != nil || err2 != nil || data(got) != tt.ask || data(exact) != tt.exact {
			t.Errorf("%s: Ask %s (%v), want %s; Exact %s (%v), want %s", tt.name, data(got), err, tt.ask, data(exact), err2, tt.exact)
		}
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tests := []struct {
		name string
		typ  uint16
		want []string
	}{
		{"example.org", dns.TypeMX, []string{"10 mail.example.org."}},
		{"autodiscover.example.org", dns.TypeA, []string{"192.0.2.10"}},
		{"alias.example.org", dns.TypeA, []string{"203.0.113.1"}},
		{"alias.example.org", dns.TypeCNAME, []string{"www.provider.example."}},
		{"alias.example.org", dns.TypeMX, nil},
		{"nobody.example.org", dns.TypeA, nil},
		{"example.org", dns.TypeSRV, nil},
	}
	for _, tt := range tests {
		got, err := w.client.Lookup(t.Context(), tt.name, tt.typ)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("Lookup(%s %s) = %q, %v; want %q", tt.name, dns.TypeToString[tt.typ], got, err, tt.want)
		}
	}
}

func TestLookupEndsALoop(t *testing.T) {
	t.Parallel()
	w := newWorld(t, read(t, "example.org.", "@ 60 IN SOA ns hostmaster 1 1 1 1 1\na 60 IN CNAME b\nb 60 IN CNAME a\n"))
	if got, err := w.client.Lookup(t.Context(), "a.example.org", dns.TypeA); !errors.Is(err, resolver.ErrNoAnswer) {
		t.Errorf("Lookup = %v, %v; want ErrNoAnswer", got, err)
	}
}

func TestLookupRefusesAServerThatDoesNotResolve(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.client.Resolver = w.ns1.Addr()
	if got, err := w.client.Lookup(t.Context(), "elsewhere.test", dns.TypeA); !errors.Is(err, resolver.ErrNoAnswer) {
		t.Errorf("Lookup = %v, %v; want ErrNoAnswer", got, err)
	}
}
