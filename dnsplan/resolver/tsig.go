package resolver

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// A TSIG is a key for signed transactions (RFC 8945). It prints without its
// secret, whatever the verb.
type TSIG struct {
	Name      string // "key." or "key"
	Algorithm string // "hmac-sha256"; "" means that one
	Secret    string // base64
}

// algorithms are the ones that RFC 8945, section 6, does not discourage, and
// SHA-1, which old servers still have; MD5 is not taken.
var algorithms = []string{dns.HmacSHA256, dns.HmacSHA384, dns.HmacSHA512, dns.HmacSHA224, dns.HmacSHA1}

// Validate reports what is wrong with the key as it was written, without
// showing its secret.
func (t TSIG) Validate() error {
	if _, ok := dns.IsDomainName(t.Name); !ok || strings.Trim(t.Name, ".") == "" {
		return fmt.Errorf("tsig key name %q is no domain name", t.Name)
	}
	if !slices.Contains(algorithms, t.algorithm()) {
		return fmt.Errorf("tsig key %s: unknown algorithm %q; known are %s", t.Name, t.Algorithm,
			strings.ReplaceAll(strings.Join(algorithms, " "), ". ", " "))
	}
	if b, err := base64.StdEncoding.DecodeString(t.Secret); err != nil || len(b) == 0 {
		return fmt.Errorf("tsig key %s: %w", t.Name, errSecret)
	}
	return nil
}

var errSecret = errors.New("the secret is not base64")

// String returns the key without its secret.
func (t TSIG) String() string { return t.name() + " " + strings.TrimSuffix(t.algorithm(), ".") }

// GoString returns the key without its secret.
func (t TSIG) GoString() string { return t.String() }

// LogValue returns the key without its secret.
func (t TSIG) LogValue() slog.Value { return slog.StringValue(t.String()) }

func (t TSIG) name() string { return dns.CanonicalName(t.Name) }

func (t TSIG) algorithm() string {
	if t.Algorithm == "" {
		return dns.HmacSHA256
	}
	return dns.CanonicalName(t.Algorithm)
}
