package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// maxPolicy bounds the text of a policy (RFC 8461, section 3.3).
const maxPolicy = 64 << 10

// A NoPolicyError says what a policy host answered in place of a policy. A
// sender gets the same and treats the domain as one without a policy, unless
// it holds an earlier one.
type NoPolicyError struct {
	Host   string
	Answer string // printable, of bounded length
}

func (e *NoPolicyError) Error() string {
	return fmt.Sprintf("probe: %s serves no MTA-STS policy: %s", e.Host, e.Answer)
}

// FetchPolicy fetches the MTA-STS policy of a domain, an A-label, the way a
// sender does (RFC 8461, section 3.3): over HTTPS with a certificate for the
// policy host, and without following a redirect. A *NoPolicyError is what the
// host answered; any other error means that nobody knows.
func FetchPolicy(ctx context.Context, domain string, o Outside) (string, error) {
	host := "mta-sts." + strings.ToLower(strings.TrimSuffix(domain, "."))
	ctx, cancel := context.WithTimeout(ctx, o.timeout())
	defer cancel()
	client := o.client()
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/.well-known/mta-sts.txt", nil)
	if err != nil {
		return "", fmt.Errorf("probe: policy of %s: %w", printable(domain, 255), err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", unfetched(host, err)
	}
	defer resp.Body.Close()
	return readPolicy(host, resp)
}

func readPolicy(host string, resp *http.Response) (string, error) {
	no := func(format string, args ...any) (string, error) {
		return "", &NoPolicyError{Host: host, Answer: printable(fmt.Sprintf(format, args...), 200)}
	}
	if resp.StatusCode != http.StatusOK {
		return no("status %s", resp.Status)
	}
	if typ, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || typ != "text/plain" {
		return no("media type %q, which is not text/plain", resp.Header.Get("Content-Type"))
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPolicy+1))
	if err != nil {
		return "", fmt.Errorf("probe: policy of %s: %w", host, err)
	}
	if len(body) > maxPolicy {
		return no("more than %d octets", maxPolicy)
	}
	if strings.TrimSpace(string(body)) == "" {
		return no("an empty file")
	}
	return string(body), nil
}

// unfetched tells a host without a certificate that fits, which is what every
// sender meets, from one that could not be reached.
func unfetched(host string, err error) error {
	var wrong *tls.CertificateVerificationError
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	if errors.As(err, &wrong) || errors.As(err, &name) || errors.As(err, &authority) {
		return &NoPolicyError{Host: host, Answer: "its certificate is not valid for the name"}
	}
	return fmt.Errorf("probe: policy of %s: %w", host, err)
}
