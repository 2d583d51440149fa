package probe

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
)

// maxPage bounds what is read of a web host's answer: enough to recognise it.
const maxPage = 4 << 10

// discoveryPath is where Outlook asks a domain's web host, before the DNS.
const discoveryPath = "/autodiscover/autodiscover.xml"

// A WebAnswer is what a domain's own web host answers where mail programs ask
// before they ask the DNS. The zero value is no answer that keeps them.
type WebAnswer struct {
	URL     string
	Answer  string // printable, of bounded length
	Service bool   // it speaks the protocol: somebody's mail server answers
	All     bool   // a path that nobody has is answered alike
	Leads   string // host that it redirects to, lower case
}

// Keeps reports whether a mail program that asks is kept from asking the DNS.
func (a WebAnswer) Keeps() bool { return a.Answer != "" }

// AskWebHost asks a domain's web host, an A-label, the way Outlook does first:
// over HTTPS with a certificate for the domain, but without a login, and
// without following a redirect. A host that is not there, closed, or without a
// certificate that fits keeps nobody from the DNS, and is no error; any error
// means that nobody knows.
func AskWebHost(ctx context.Context, domain string, o Outside) (WebAnswer, error) {
	host := strings.ToLower(strings.TrimSuffix(domain, "."))
	ctx, cancel := context.WithTimeout(ctx, o.timeout())
	defer cancel()
	client := o.client()
	defer client.CloseIdleConnections()
	a, err := askPath(ctx, client, host, discoveryPath)
	if err != nil || !a.Keeps() {
		return WebAnswer{}, absent(host, err)
	}
	other, err := askPath(ctx, client, host, "/autodiscover/mxmove-"+strings.ToLower(rand.Text()[:12])+".xml")
	a.All = err == nil && !a.Service && other.Keeps() && !other.Service
	return a, nil
}

func askPath(ctx context.Context, client *http.Client, host, path string) (WebAnswer, error) {
	a := WebAnswer{URL: "https://" + host + path}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL, nil)
	if err != nil {
		return a, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusOK, resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusMethodNotAllowed:
		a.Answer = resp.Status
		page, err := io.ReadAll(io.LimitReader(resp.Body, maxPage))
		if err != nil {
			return a, err
		}
		a.Service = bytes.Contains(bytes.ToLower(page), []byte("<autodiscover"))
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		to, err := resp.Location()
		if err != nil {
			return a, nil // it leads nowhere
		}
		a.Answer, a.Leads = resp.Status+" to "+location(to), strings.ToLower(to.Hostname())
	}
	a.Answer = printable(a.Answer, 200)
	return a, nil
}

// location prints where a redirect leads, without what may identify anybody.
func location(to *url.URL) string {
	return (&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}).String()
}

// absent tells a web host that is not there, as every program finds it, from
// one that nobody could ask.
func absent(host string, err error) error {
	if err == nil || errors.Is(err, ErrForbidden) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil
	}
	if no, ok := errors.AsType[*net.DNSError](err); ok && no.IsNotFound {
		return nil
	}
	if _, ok := errors.AsType[*NoPolicyError](unfetched(host, err)); ok {
		return nil // its certificate does not fit
	}
	return fmt.Errorf("probe: web host of %s: %w", host, err)
}
