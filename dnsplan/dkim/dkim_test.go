package dkim_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/dnsplan/dkim"
)

const ed = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=" // of RFC 8463, appendix A.2

func key(t *testing.T, text string) dkim.Key {
	t.Helper()
	k, err := dkim.Parse(text)
	if err != nil {
		t.Fatalf("Parse(%q): %v", text, err)
	}
	return k
}

func TestParse(t *testing.T) {
	t.Parallel()
	k := key(t, "v=DKIM1; k=ed25519; t=y:s; n=a note; p="+ed[:10]+" \t"+ed[10:]+";")
	if k.Type != "ed25519" || k.Bits != 256 || !k.Testing || !k.Strict || k.Revoked || k.Tags["p"] != ed {
		t.Errorf("key = %+v", k)
	}
	if k := key(t, "p="); !k.Revoked || k.Type != "rsa" {
		t.Errorf("revoked key = %+v", k)
	}
	for _, text := range []string{"", "v=DKIM1", "v=DKIM2; p=" + ed, "p=a; p=b", "v=DKIM1 k=rsa", "=x; p=", "o=-", strings.Repeat("x", 9000)} {
		if _, err := dkim.Parse(text); !errors.Is(err, dkim.ErrSyntax) {
			t.Errorf("Parse(%.40q) = %v, want ErrSyntax", text, err)
		}
	}
}

func TestEqual(t *testing.T) {
	t.Parallel()
	base := "v=DKIM1; k=ed25519; p=" + ed
	tests := []struct {
		name, other string
		equal, same bool
	}{
		{"order and blanks", "p=" + ed + " ;k=ed25519;v=DKIM1;", true, true},
		{"note", base + "; n=made in 2026", true, true},
		{"service written out", base + "; s=*", true, true},
		{"flag", base + "; t=s", false, true},
		{"other type", "v=DKIM1; p=" + ed, false, false},
		{"other key", "v=DKIM1; k=ed25519; p=" + strings.ToUpper(ed), false, false},
	}
	for _, tt := range tests {
		a, b := key(t, base), key(t, tt.other)
		if got := dkim.Equal(a, b); got != tt.equal {
			t.Errorf("%s: Equal = %v, want %v", tt.name, got, tt.equal)
		}
		if got := dkim.SameKey(a, b); got != tt.same {
			t.Errorf("%s: SameKey = %v, want %v", tt.name, got, tt.same)
		}
	}
	if !dkim.Equal(key(t, "k=rsa; p=QUJD"), key(t, "p=QUJD")) {
		t.Error("k=rsa is the default and was told apart")
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	rsaKey := func(bits int, pkcs1 bool) string {
		k, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		if pkcs1 {
			der = x509.MarshalPKCS1PublicKey(&k.PublicKey)
		}
		return base64.StdEncoding.EncodeToString(der)
	}
	short, good := rsaKey(1024, false), rsaKey(2048, true)
	tests := []struct{ name, text, want string }{
		{"good", "v=DKIM1; p=" + good, ""},
		{"good, bare key", "v=DKIM1; k=ed25519; p=" + ed, ""},
		{"1024 bits", "p=" + short, "1024 bits is short"},
		{"cut", "p=" + good[:len(good)-20], "cannot be read"},
		{"unknown type", "k=dsa; p=" + good, "unknown"},
		{"revoked", "p=", "revoked"},
		{"test", "t=y; p=" + good, "test"},
		{"SHA-1", "h=sha1; p=" + good, "SHA-256"},
		{"both hashes", "h=sha1:sha256; p=" + good, ""},
		{"other service", "s=tlsrpt; p=" + good, "not for e-mail"},
		{"e-mail", "s=email:tlsrpt; p=" + good, ""},
	}
	for _, tt := range tests {
		ps := key(t, tt.text).Problems()
		if tt.want == "" && len(ps) > 0 || tt.want != "" && !slices.ContainsFunc(ps, func(p string) bool { return strings.Contains(p, tt.want) }) {
			t.Errorf("%s: Problems = %q, want %q", tt.name, ps, tt.want)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	if got := dkim.Name("Sel.2026", "Example.org."); got != "sel.2026._domainkey.example.org." {
		t.Errorf("Name = %q", got)
	}
	if got := dkim.Selector("sel.2026._domainkey.EXAMPLE.org.", "example.org"); got != "sel.2026" {
		t.Errorf("Selector = %q", got)
	}
	if got := dkim.Selector("sel._domainkey.other.example.", "example.org"); got != "" {
		t.Errorf("Selector of another domain = %q", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"v=DKIM1; k=rsa; p=QUJD", "p=", "p=a b;t=y:s", ";;p=;", "v=DKIM1; h=sha1:sha256; s=*; p=" + ed} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := dkim.Parse(text)
		if err != nil {
			return
		}
		if !dkim.Equal(k, k) || !dkim.SameKey(k, k) {
			t.Errorf("%q is not equal to itself", text)
		}
		_ = k.Problems()
		var tags []string
		for name, value := range k.Tags {
			tags = append(tags, name+"="+value)
		}
		again, err := dkim.Parse(strings.Join(tags, "; "))
		if err != nil || !dkim.Equal(k, again) {
			t.Errorf("%q written as %q: %v", text, tags, err)
		}
	})
}
