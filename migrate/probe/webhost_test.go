package probe_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mxmove/mxmove/migrate/probe"
)

// webHost is a policyHost under the domain's own name.
func webHost(t *testing.T, cert string, serve http.HandlerFunc) *host {
	t.Helper()
	h := policyHost(t, cert, nil, "", serve)
	h.outside.Resolver = records{"A example.org.": {"192.0.2.80"}}
	return h
}

func to(url string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, url, http.StatusFound) }
}

func TestAskWebHost(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, cert string
		serve      http.HandlerFunc
		want       string // answer, then what is known of it
	}{
		{"serves every path", "example.org", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>welcome") }, "200 OK all"},
		{"serves the path", "example.org", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/autodiscover/autodiscover.xml" {
				http.NotFound(w, r)
			}
		}, "200 OK"},
		{"speaks the protocol", "example.org", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `<?xml version="1.0"?><Autodiscover><Response/></Autodiscover>`)
		}, "200 OK service"},
		{"asks for a login", "example.org", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, "401 Unauthorized all"},
		{"leads elsewhere", "example.org", to("https://MX.hoster.example/autodiscover/autodiscover.xml?user=x"), "302 Found to https://MX.hoster.example/autodiscover/autodiscover.xml all mx.hoster.example"},
		{"leads nowhere", "example.org", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusFound)
		}, ""},
		{"has no such page", "example.org", http.NotFound, ""},
		{"forbids it", "example.org", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, ""},
		{"is ill", "example.org", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, ""},
		{"has a certificate of another name", "www.example.org", func(http.ResponseWriter, *http.Request) {}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := webHost(t, tt.cert, tt.serve)
			a, err := probe.AskWebHost(t.Context(), "Example.org.", h.outside)
			if err != nil {
				t.Fatal(err)
			}
			got := a.Answer
			if a.All {
				got += " all"
			}
			if a.Service {
				got += " service"
			}
			if got = strings.TrimSpace(got + " " + a.Leads); got != tt.want || a.Keeps() != (tt.want != "") {
				t.Errorf("AskWebHost = %q, want %q", got, tt.want)
			}
			for _, addr := range h.dialled {
				if addr != "192.0.2.80:443" {
					t.Errorf("dialled %s, want the web host alone", addr)
				}
			}
		})
	}
}

func TestAskWebHostThatIsNotThere(t *testing.T) {
	t.Parallel()
	h := webHost(t, "example.org", nil)
	for name, r := range map[string]records{
		"no address": {}, "an address inside": {"A example.org.": {"10.1.2.3"}}, "nobody listens": {"A example.org.": {"127.0.0.1"}},
	} {
		o := h.outside
		o.Resolver = r
		o.Rehearsed = func(addr string) bool { return addr == "127.0.0.1:443" }
		if name == "nobody listens" {
			o.Dial = func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
			}
		}
		if a, err := probe.AskWebHost(t.Context(), "example.org", o); err != nil || a.Keeps() {
			t.Errorf("%s: AskWebHost = %+v, %v, want that nobody is kept from the DNS", name, a, err)
		}
	}
}

func TestAskWebHostNotMeasured(t *testing.T) {
	t.Parallel()
	silent := webHost(t, "example.org", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	silent.outside.Timeout = 50 * time.Millisecond
	deaf := webHost(t, "example.org", nil)
	deaf.outside.Resolver = records{"A example.org.": {"!"}}
	for name, o := range map[string]probe.Outside{"silent": silent.outside, "nobody knows the address": deaf.outside, "nobody to ask": {}} {
		if a, err := probe.AskWebHost(t.Context(), "example.org", o); err == nil {
			t.Errorf("%s: AskWebHost = %+v, want an error", name, a)
		}
	}
}
