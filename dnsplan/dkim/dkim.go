// Package dkim reads DKIM key records (RFC 6376, section 3.6.1) for
// comparison: is the key in the zone the one that the provider's console
// shows, and is it any good.
package dkim

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrSyntax is wrapped by every error of Parse.
var ErrSyntax = errors.New("dkim: syntax")

// maxKey bounds the text of a key record; the longest in use, RSA of 4096
// bits, has about 750 octets.
const maxKey = 8192

// A Key is a key record.
type Key struct {
	Tags    map[string]string // every tag, blanks taken out of p
	Type    string            // k: rsa or ed25519, "rsa" when absent
	Bits    int               // of an RSA modulus, 256 for Ed25519; 0 when the key cannot be read
	Revoked bool              // p is empty: the selector is withdrawn
	Testing bool              // t=y
	Strict  bool              // t=s: no sub-domains
}

// Parse reads a key record from its joined text.
func Parse(text string) (Key, error) {
	if len(text) > maxKey {
		return Key{}, fmt.Errorf("%w: longer than %d octets", ErrSyntax, maxKey)
	}
	k := Key{Tags: make(map[string]string), Type: "rsa"}
	for spec := range strings.SplitSeq(text, ";") {
		if strings.TrimSpace(spec) == "" {
			continue
		}
		name, value, ok := strings.Cut(spec, "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" {
			return Key{}, fmt.Errorf("%w: %.80q is not a tag", ErrSyntax, spec)
		}
		if _, twice := k.Tags[name]; twice {
			return Key{}, fmt.Errorf("%w: tag %s stands there twice", ErrSyntax, name)
		}
		k.Tags[name] = strings.TrimSpace(value)
	}
	if v, ok := k.Tags["v"]; ok && v != "DKIM1" {
		return Key{}, fmt.Errorf("%w: version %.80q", ErrSyntax, v)
	}
	p, ok := k.Tags["p"]
	if !ok {
		return Key{}, fmt.Errorf("%w: no key (tag p)", ErrSyntax)
	}
	k.Tags["p"] = strings.Join(strings.Fields(p), "")
	if t := k.Tags["k"]; t != "" {
		k.Type = strings.ToLower(t)
	}
	for flag := range strings.SplitSeq(k.Tags["t"], ":") {
		k.Testing = k.Testing || strings.TrimSpace(flag) == "y"
		k.Strict = k.Strict || strings.TrimSpace(flag) == "s"
	}
	k.Revoked = k.Tags["p"] == ""
	k.Bits = bits(k.Type, k.Tags["p"])
	return k, nil
}

// bits returns the strength of a key in p, or 0.
func bits(typ, p string) int {
	der, err := base64.StdEncoding.DecodeString(p)
	if err != nil {
		return 0
	}
	switch typ {
	case "ed25519":
		if len(der) == 32 {
			return 256
		}
	case "rsa":
		if key, err := x509.ParsePKIXPublicKey(der); err == nil {
			if r, ok := key.(*rsa.PublicKey); ok {
				return r.N.BitLen()
			}
		}
		// RFC 6376 asks for SubjectPublicKeyInfo, many have the bare key.
		if r, err := x509.ParsePKCS1PublicKey(der); err == nil {
			return r.N.BitLen()
		}
	}
	return 0
}

// Equal reports whether two records say the same: the tags in any order,
// defaults written out or not.
func Equal(a, b Key) bool { return maps.Equal(a.significant(), b.significant()) }

// SameKey reports whether two records hold the same public key, whatever
// their other tags say.
func SameKey(a, b Key) bool { return a.Type == b.Type && a.Tags["p"] == b.Tags["p"] }

func (k Key) significant() map[string]string {
	tags := make(map[string]string, len(k.Tags))
	for name, value := range k.Tags {
		switch {
		case name == "v", name == "k" && k.Type == "rsa", name == "s" && value == "*", name == "n", value == "" && name != "p":
		default:
			tags[name] = value
		}
	}
	return tags
}

// Problems says what is wrong with the key, one phrase each, nothing when it
// is good (RFC 8301, RFC 8463).
func (k Key) Problems() []string {
	var ps []string
	switch {
	case k.Revoked:
		ps = append(ps, "the key is revoked (p is empty)")
	case k.Type != "rsa" && k.Type != "ed25519":
		ps = append(ps, "key type "+k.Type+" is unknown to receivers")
	case k.Bits == 0:
		ps = append(ps, "the key cannot be read; it may have been cut when it was copied")
	case k.Type == "rsa" && k.Bits < 1024:
		ps = append(ps, fmt.Sprintf("an RSA key of %d bits is refused (RFC 8301)", k.Bits))
	case k.Type == "rsa" && k.Bits < 2048:
		ps = append(ps, fmt.Sprintf("an RSA key of %d bits is short, 2048 is wanted", k.Bits))
	}
	if k.Testing {
		ps = append(ps, "the key is marked as a test (t=y)")
	}
	if h := k.Tags["h"]; h != "" && !slices.Contains(list(h), "sha256") {
		ps = append(ps, "the key does not allow SHA-256")
	}
	if s := k.Tags["s"]; s != "" && !slices.Contains(list(s), "*") && !slices.Contains(list(s), "email") {
		ps = append(ps, "the key is not for e-mail (tag s)")
	}
	return ps
}

func list(value string) []string {
	var l []string
	for v := range strings.SplitSeq(value, ":") {
		l = append(l, strings.ToLower(strings.TrimSpace(v)))
	}
	return l
}

// Name returns the name of a selector's record, absolute.
func Name(selector, domain string) string {
	return strings.ToLower(strings.TrimSuffix(selector, ".") + "._domainkey." + strings.TrimSuffix(domain, ".") + ".")
}

// Selector returns the selector of a record's name, or "" when it is none of
// the domain's.
func Selector(name, domain string) string {
	suffix := "._domainkey." + strings.ToLower(strings.TrimSuffix(domain, "."))
	s, ok := strings.CutSuffix(strings.ToLower(strings.TrimSuffix(name, ".")), suffix)
	if !ok {
		return ""
	}
	return s
}
