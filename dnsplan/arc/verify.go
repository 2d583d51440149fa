package arc

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// errTemporary is wrapped when the DNS did not answer for a key.
var errTemporary = errors.New("arc: the DNS did not answer")

// verify checks the newest signature over the message, then every seal from
// the newest down.
func (m *message) verify(sets []set, lookup Lookup) (Result, string) {
	newest := sets[len(sets)-1]
	if err := m.verifyMessage(newest.message, newest.messageTags, lookup); err != nil {
		return failure(err, newest.Instance, "the message signature")
	}
	for n := len(sets); n > 0; n-- {
		if err := verifySeal(sets[:n], lookup); err != nil {
			return failure(err, n, "the seal")
		}
	}
	return Pass, ""
}

func failure(err error, instance int, what string) (Result, string) {
	result := Fail
	if errors.Is(err, errTemporary) {
		result = TempError
	}
	return result, fmt.Sprintf("instance %d: %s: %v", instance, what, err)
}

// verifyMessage checks a signature over the message, which is made as a
// DKIM-Signature is (RFC 8617, section 4.1.2).
func (m *message) verifyMessage(f *field, t map[string]string, lookup Lookup) error {
	headerForm, bodyForm, _ := strings.Cut(t["c"], "/")
	hash, err := m.bodyHash(bodyForm)
	if err != nil {
		return err
	}
	canon := map[string]func([]byte) []byte{"": simpleField, "simple": simpleField, "relaxed": relaxField}[headerForm]
	names := strings.Split(strings.ToLower(t["h"]), ":")
	switch claimed, err := base64.StdEncoding.DecodeString(t["bh"]); {
	case canon == nil:
		return errors.New("its canonicalization is not known")
	case t["l"] != "":
		return errors.New("it leaves the end of the body unsigned (l=)")
	case len(names) > maxSigned:
		return errors.New("it names too many fields")
	case !slices.Contains(names, "from"):
		return errors.New("it does not cover From")
	case m.count("from") != 1:
		// What a reader is shown need not be what was signed.
		return errors.New("the message has not exactly one From")
	case slices.Contains(names, nameSeal):
		return errors.New("it covers a seal, which changes later")
	case err != nil || !bytes.Equal(claimed, hash):
		return errors.New("the body was changed")
	}
	var signed []byte
	for _, f := range m.pick(names) {
		signed = append(append(signed, canon(f.raw)...), "\r\n"...)
	}
	return check(append(signed, canon(unsigned(f.raw))...), t, lookup)
}

// pick returns the fields that h= names, the last of each name first.
func (m *message) pick(names []string) []*field {
	left := make(map[string][]*field)
	for i := range m.fields {
		f := &m.fields[i]
		left[f.name] = append(left[f.name], f)
	}
	var picked []*field
	for _, name := range names {
		if fs := left[name]; len(fs) > 0 {
			picked = append(picked, fs[len(fs)-1])
			left[name] = fs[:len(fs)-1]
		}
	}
	return picked
}

func (m *message) count(name string) int {
	n := 0
	for _, f := range m.fields {
		if f.name == name {
			n++
		}
	}
	return n
}

func (m *message) bodyHash(form string) ([]byte, error) {
	if form == "" {
		form = "simple"
	}
	if h, done := m.hashes[form]; done {
		return h, nil
	}
	canon := map[string]func([]byte) []byte{"simple": simpleBody, "relaxed": relaxBody}[form]
	if canon == nil {
		return nil, errors.New("its canonicalization is not known")
	}
	sum := sha256.Sum256(canon(m.body))
	m.hashes[form] = sum[:]
	return sum[:], nil
}

// verifySeal checks the seal of the last set, which covers all sets up to it
// in their order (RFC 8617, section 5.1.1).
func verifySeal(sets []set, lookup Lookup) error {
	var signed []byte
	for i, s := range sets {
		for _, f := range []*field{s.results, s.message} {
			signed = append(append(signed, relaxField(f.raw)...), "\r\n"...)
		}
		if i < len(sets)-1 {
			signed = append(append(signed, relaxField(s.seal.raw)...), "\r\n"...)
		}
	}
	last := sets[len(sets)-1]
	return check(append(signed, relaxField(unsigned(last.seal.raw))...), last.sealTags, lookup)
}

// check verifies one signature with the key that the DNS has for it.
func check(signed []byte, t map[string]string, lookup Lookup) error {
	signature, err := base64.StdEncoding.DecodeString(t["b"])
	if err != nil || len(signature) == 0 || t["d"] == "" || t["s"] == "" {
		return errors.New("it is not complete")
	}
	name := strings.ToLower(t["s"] + "._domainkey." + t["d"])
	records, err := lookup(name)
	switch {
	case err != nil:
		return fmt.Errorf("%w for its key", errTemporary)
	case len(records) != 1:
		return errors.New("its key is not there")
	}
	key, err := publicKey(records[0], t["a"])
	if err != nil {
		return err
	}
	sum := sha256.Sum256(signed)
	ok := false
	switch key := key.(type) {
	case *rsa.PublicKey:
		ok = rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
	case ed25519.PublicKey:
		ok = ed25519.Verify(key, sum[:], signature)
	}
	if !ok {
		return errors.New("it does not verify")
	}
	return nil
}

// publicKey reads a key record (RFC 6376, section 3.6.1; RFC 8463) for an
// algorithm.
func publicKey(record, algorithm string) (crypto.PublicKey, error) {
	t, ok := tags(record)
	kind, _, _ := strings.Cut(algorithm, "-")
	if k := t["k"]; !ok || k != kind && (k != "" || kind != "rsa") || t["p"] == "" {
		return nil, errors.New("its key cannot be used")
	}
	if h := t["h"]; h != "" && !slices.Contains(strings.Split(h, ":"), "sha256") {
		return nil, errors.New("its key is for another hash")
	}
	data, err := base64.StdEncoding.DecodeString(t["p"])
	if err != nil {
		return nil, errors.New("its key cannot be read")
	}
	switch algorithm {
	case "ed25519-sha256":
		if len(data) == ed25519.PublicKeySize {
			return ed25519.PublicKey(data), nil
		}
	case "rsa-sha256":
		return rsaKey(data)
	}
	return nil, errors.New("its algorithm cannot be checked")
}

func rsaKey(der []byte) (crypto.PublicKey, error) {
	var key *rsa.PublicKey
	if any, err := x509.ParsePKIXPublicKey(der); err == nil {
		key, _ = any.(*rsa.PublicKey)
	} else if key, err = x509.ParsePKCS1PublicKey(der); err != nil {
		return nil, errors.New("its key cannot be read")
	}
	// RFC 8301: shorter keys are no proof. Longer ones only cost time.
	if key == nil || key.N.BitLen() < 1024 || key.N.BitLen() > 8192 {
		return nil, errors.New("its key has a length that proves nothing")
	}
	return key, nil
}
