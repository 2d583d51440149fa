package resolver_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mxmove/mxmove/dnsplan/dnslab"
	"github.com/mxmove/mxmove/dnsplan/resolver"
)

// A dead server costs its timeout once (three tries), not once per name. The
// bounds leave room for a slow machine and none for a second name's timeout
// after another: a snapshot asks for more than sixty.
func TestDeadServerCostsItsTimeoutOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ns2.Break(dnslab.Fault{Kind: dnslab.Drop})
	began := time.Now()
	snap := snapshot(t, w, resolver.Source{})
	if took := time.Since(began); took > 20*w.client.Timeout {
		t.Errorf("the snapshot took %v with a dead server, whose timeout is %v", took, w.client.Timeout)
	}
	if got := codes(snap.Findings); got != "MX012 warn ns2.example.org. (198.51.100.53:53)" {
		t.Errorf("findings = %s", got)
	}
	if n := len(w.ns2.Queries()); n > 3 {
		t.Errorf("the dead server was asked %d times, want the 3 tries of one question", n)
	}
	if _, err := w.client.Visible(t.Context(), "example.org", nil); err != nil {
		t.Error(err)
	}
	if n := len(w.ns2.Queries()); n > 3 {
		t.Errorf("the dead server was asked again: %d questions", n)
	}
}

func TestDeadResolverCostsItsTimeoutOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.outside.Break(dnslab.Fault{Kind: dnslab.Drop})
	for i := range 20 {
		if _, err := w.client.Lookup(t.Context(), fmt.Sprintf("host%d.example", i), dns.TypeA); !errors.Is(err, resolver.ErrNoAnswer) {
			t.Errorf("Lookup = %v, want ErrNoAnswer", err)
		}
	}
	if n := len(w.outside.Queries()); n > 3 {
		t.Errorf("the dead resolver was asked %d times, want the 3 tries of one question", n)
	}
}

// A server that answers is asked for every name, even if it is silent about
// one of them.
func TestSilenceAboutOneNameIsNoDeath(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.client.Lookup(t.Context(), "example.org", dns.TypeMX); err != nil {
		t.Fatal(err)
	}
	w.outside.Break(dnslab.Fault{Kind: dnslab.Drop, Type: dns.TypeTLSA})
	if _, err := w.client.Lookup(t.Context(), "_25._tcp.mail.example.org", dns.TypeTLSA); !errors.Is(err, resolver.ErrNoAnswer) {
		t.Errorf("Lookup = %v, want ErrNoAnswer", err)
	}
	if data, err := w.client.Lookup(t.Context(), "example.org", dns.TypeTXT); err != nil || len(data) == 0 {
		t.Errorf("Lookup of another type = %q, %v", data, err)
	}
}

// A server that is back is asked again once the memory has faded.
func TestSilenceIsForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.client.Timeout = 5 * time.Millisecond
	w.outside.Break(dnslab.Fault{Kind: dnslab.Drop, Times: 3})
	for {
		_, err := w.client.Lookup(t.Context(), "example.org", dns.TypeMX)
		if err == nil {
			return
		}
		if !errors.Is(err, resolver.ErrNoAnswer) || t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}
