package arc

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"testing"

	"github.com/emersion/go-msgauth/dkim"
)

// TestCanonicalization verifies what another library signs, in all four forms
// and with both algorithms: a message signature is made as a DKIM-Signature
// is.
func TestCanonicalization(t *testing.T) {
	t.Parallel()
	long, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(long.Public())
	if err != nil {
		t.Fatal(err)
	}
	public, short, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signers := map[string]struct {
		key    crypto.Signer
		record string
	}{
		"rsa": {long, "v=DKIM1; p=" + base64.StdEncoding.EncodeToString(der)},
		"ed":  {short, "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)},
	}
	bodies := []string{"", "\r\n", "one line", "a  b \r\n\tc\r\n \r\nd\t\r\n\r\n\r\n", " \r\n\t\r\n"}
	for name, s := range signers {
		for _, header := range []dkim.Canonicalization{dkim.CanonicalizationSimple, dkim.CanonicalizationRelaxed} {
			for _, form := range []dkim.Canonicalization{dkim.CanonicalizationSimple, dkim.CanonicalizationRelaxed} {
				for _, body := range bodies {
					msg := "From: Anna  <anna@example.org>\r\nSubject:\ta folded\r\n  subject \r\nTo: b@example.org\r\n\r\n" + body
					var signed bytes.Buffer
					if err := dkim.Sign(&signed, bytes.NewReader([]byte(msg)), &dkim.SignOptions{
						Domain: "example.org", Selector: name, Signer: s.key, HeaderCanonicalization: header, BodyCanonicalization: form,
						HeaderKeys: []string{"From", "Subject", "To", "Reply-To"},
					}); err != nil {
						t.Fatal(err)
					}
					m, err := split(signed.Bytes())
					if err != nil {
						t.Fatal(err)
					}
					list, ok := tags(m.fields[0].value())
					if !ok {
						t.Fatalf("no tags in %q", m.fields[0].raw)
					}
					lookup := func(string) ([]string, error) { return []string{s.record}, nil }
					if err := m.verifyMessage(&m.fields[0], list, lookup); err != nil {
						t.Errorf("%s %s/%s of %q: %v", name, header, form, body, err)
					}
				}
			}
		}
	}
}
