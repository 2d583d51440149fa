package probe

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/mxmove/mxmove/dnsplan/dmarc"
	"github.com/mxmove/mxmove/migrate/finding"
)

// Bounds on what is verified. Real mail carries one to four signatures.
const (
	maxSignatures = 10
	maxSigned     = 4000 // names in all h= tags together
)

// keyLife is how long after signing a missing key is still the signer's
// fault. Afterwards it may have been rotated, as it should be.
const keyLife = 7 * 24 * time.Hour

// A signature is one DKIM-Signature header, its tags and the key record that
// was found for it.
type signature struct {
	tags map[string]string
	key  string
	seen bool // the key record was asked for and answered
}

// signatures verifies every DKIM signature of the message.
func (j *judge) signatures(ctx context.Context) []DKIM {
	var sigs []*signature
	signed := 0
	for _, value := range j.m.all("DKIM-Signature") {
		s := &signature{tags: tagList(value)}
		signed += 1 + strings.Count(s.tags["h"], ":")
		sigs = append(sigs, s)
	}
	if len(sigs) > maxSignatures {
		j.say(finding.Note, finding.SignatureUnsafe, fmt.Sprintf("the message has %d signatures; the first %d are judged", len(sigs), maxSignatures),
			"look at what adds them")
		sigs = sigs[:maxSignatures]
	}
	out := make([]DKIM, 0, len(sigs))
	for i, err := range j.verify(ctx, sigs, signed) {
		d := j.describe(sigs[i])
		d.Result, d.Text = j.result(sigs[i], err)
		j.caveats(d, sigs[i])
		out = append(out, d)
	}
	return out
}

// verify runs the library over all signatures at once and returns its error
// for each.
func (j *judge) verify(ctx context.Context, sigs []*signature, signed int) []error {
	errs := make([]error, len(sigs))
	if len(sigs) == 0 {
		return errs
	}
	fill := func(err error) []error {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	if signed > maxSigned {
		return fill(fmt.Errorf("signatures name %d header fields, more than %d", signed, maxSigned))
	}
	keys := j.keys(ctx, sigs)
	verified, err := dkim.VerifyWithOptions(bytes.NewReader(j.m.octets), &dkim.VerifyOptions{
		// The library asks from several goroutines; the answers are here.
		LookupTXT: func(name string) ([]string, error) {
			k := keys[dmarc.Canonical(name)]
			return k.txts, k.err
		},
		MaxVerifications: maxSignatures,
	})
	if len(verified) != len(sigs) {
		return fill(fmt.Errorf("signatures cannot be read: %w", err))
	}
	for i, v := range verified {
		errs[i] = v.Err
	}
	return errs
}

// keys asks for the key records of all signatures, in their order.
func (j *judge) keys(ctx context.Context, sigs []*signature) map[string]keyAnswer {
	keys := map[string]keyAnswer{}
	for _, s := range sigs {
		name := s.keyName()
		k, asked := keys[name]
		if !asked {
			k = keyAnswer{err: &net.DNSError{Err: "no domain name", Name: name, IsNotFound: true}}
			if dmarc.ValidName(name) {
				k.txts, k.err = j.ask.LookupTXT(ctx, name)
			}
			keys[name] = k
		}
		s.seen = k.err == nil || notFound(k.err)
		if len(k.txts) == 1 {
			s.key = k.txts[0]
		}
	}
	return keys
}

type keyAnswer struct {
	txts []string
	err  error
}

// result is the RFC 8601 word for a signature, and why it is no pass.
func (j *judge) result(s *signature, err error) (word, text string) {
	switch {
	case err == nil && s.keyFlag("s") && !s.sameIdentity():
		// RFC 6376, section 3.6.1; the library reads the flag and ignores it.
		return "permerror", "the key allows no sub-domain in i= (t=s), and i= names one"
	case err == nil && !s.backward():
		return "pass", ""
	case s.tags["l"] != "":
		return "policy", "l= leaves the end of the body unsigned; it is never a pass"
	case s.backward():
		return "permerror", "it expires before it was made"
	case dkim.IsTempFail(err):
		return "temperror", errorText(err)
	case !slices.Contains([]string{"rsa-sha256", "ed25519-sha256", "rsa-sha1"}, s.tags["a"]) && s.tags["a"] != "":
		return "neutral", "algorithm " + printable(s.tags["a"], 32) + " cannot be checked here"
	case j.outlived(s, err):
		return notMeasured, "not measurable any more: the key is gone, changed or expired since the message was signed"
	case dkim.IsPermFail(err):
		return "permerror", errorText(err)
	}
	return "fail", errorText(err)
}

// outlived reports whether an old signature fails for a reason that time
// alone explains.
func (j *judge) outlived(s *signature, err error) bool {
	if !dmarc.ValidName(s.keyName()) || s.backward() {
		return false // it never was a signature
	}
	when := s.time()
	if when.IsZero() {
		when = j.m.date()
	}
	if j.o.Now.IsZero() || when.IsZero() || j.o.Now.Sub(when) < keyLife {
		return false
	}
	x, expired := s.seconds("x")
	// The library has one error for a wrong body hash and a wrong signature;
	// only the second can come from another key.
	changed := strings.Contains(err.Error(), "signature did not verify")
	return s.seen && (s.key == "" || tagList(s.key)["p"] == "") || changed || expired && j.o.Now.After(x)
}

// describe fills what a signature says about itself.
func (j *judge) describe(s *signature) DKIM {
	d := DKIM{
		Domain:    dmarc.Canonical(s.tags["d"]),
		Selector:  printable(s.tags["s"], 64),
		Algorithm: printable(s.tags["a"], 32),
		Key:       printable(s.key, 1024),
		Bits:      rsaBits(s.key),
	}
	if !dmarc.ValidName(d.Domain) {
		d.Domain = ""
	}
	for _, old := range j.o.OldSelectors {
		old = dmarc.Canonical(old)
		d.Old = d.Old || old == dmarc.Canonical(s.tags["s"]) || old == s.keyName()
	}
	return d
}

// caveats names what makes a passing signature one not to rely on.
func (j *judge) caveats(d DKIM, s *signature) {
	if d.Result != "pass" {
		return
	}
	if d.Bits > 0 && d.Bits < 2048 {
		j.say(finding.Note, finding.SignatureUnsafe, fmt.Sprintf("the key of selector %s has %d bits; RFC 8301 asks for 2048", d.Selector, d.Bits),
			"have the target make a longer key")
	}
	if s.keyFlag("y") {
		j.say(finding.Warn, finding.SignatureUnsafe, fmt.Sprintf("the key of selector %s says that it is being tested (t=y)", d.Selector),
			"take t=y out of the key record")
	}
}

// keyName is where the key record of a signature stands.
func (s *signature) keyName() string {
	return dmarc.Canonical(s.tags["s"] + "._domainkey." + s.tags["d"])
}

// keyFlag reports whether the t tag of the key record holds a flag.
func (s *signature) keyFlag(flag string) bool {
	return slices.Contains(strings.Split(tagList(s.key)["t"], ":"), flag)
}

// sameIdentity reports whether i= names the very domain of d=.
func (s *signature) sameIdentity() bool {
	i, ok := s.tags["i"]
	return !ok || dmarc.Canonical(i[strings.LastIndexByte(i, '@')+1:]) == dmarc.Canonical(s.tags["d"])
}

// time is when the signature says it was made; zero when it does not.
func (s *signature) time() time.Time {
	t, _ := s.seconds("t")
	return t
}

// backward reports whether the signature expires before it was made, which
// RFC 6376, section 3.5, rules out.
func (s *signature) backward() bool {
	made, said := s.seconds("t")
	ends, limited := s.seconds("x")
	return said && limited && !ends.After(made)
}

func (s *signature) seconds(tag string) (time.Time, bool) {
	n, err := strconv.ParseInt(s.tags[tag], 10, 48)
	if err != nil || n <= 0 {
		return time.Time{}, false
	}
	return time.Unix(n, 0), true
}

// tagList reads a list of RFC 6376, section 3.2. White space goes: no tag
// that is asked for here has any. The first of several equal names counts.
func tagList(text string) map[string]string {
	tags := map[string]string{}
	for part := range strings.SplitSeq(text, ";") {
		name, value, _ := strings.Cut(part, "=")
		name = strings.Join(strings.Fields(name), "")
		if _, ok := tags[name]; !ok && name != "" {
			tags[name] = strings.Join(strings.Fields(value), "")
		}
	}
	return tags
}

// rsaBits is the length of an RSA key record, 0 for any other.
func rsaBits(record string) int {
	tags := tagList(record)
	if k := tags["k"]; k != "" && k != "rsa" {
		return 0
	}
	der, err := base64.StdEncoding.DecodeString(tags["p"])
	if err != nil {
		return 0
	}
	if pub, err := x509.ParsePKIXPublicKey(der); err == nil {
		if key, ok := pub.(*rsa.PublicKey); ok {
			return key.N.BitLen()
		}
		return 0
	}
	if key, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return key.N.BitLen()
	}
	return 0
}
