package probe_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/mxmove/mxmove/migrate/probe"
)

// records is a resolver over "TYPE name." -> data. "!" is a record that is not
// answered, absence is NXDOMAIN.
type records map[string][]string

func (r records) ask(typ, name string) ([]string, error) {
	data, ok := r[typ+" "+strings.ToLower(strings.TrimSuffix(name, "."))+"."]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	if len(data) == 1 && data[0] == "!" {
		return nil, net.ErrClosed // any error that says nothing of absence
	}
	return data, nil
}

func (r records) LookupTXT(_ context.Context, name string) ([]string, error) {
	return r.ask("TXT", name)
}

func (r records) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	data, err := r.ask("MX", name)
	var mxs []*net.MX
	for _, host := range data {
		mxs = append(mxs, &net.MX{Host: host, Pref: 10})
	}
	return mxs, err
}

func (r records) LookupIPAddr(_ context.Context, name string) ([]net.IPAddr, error) {
	data, err := r.ask("A", name)
	var ips []net.IPAddr
	for _, ip := range data {
		ips = append(ips, net.IPAddr{IP: net.ParseIP(ip)})
	}
	return ips, err
}

func (r records) LookupAddr(_ context.Context, addr string) ([]string, error) {
	return r.ask("PTR", addr)
}

// with returns the records with some replaced; no data takes one away.
func (r records) with(pairs ...string) records {
	n := records{}
	for k, v := range r {
		n[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		if n[pairs[i]] = strings.Split(pairs[i+1], "|"); pairs[i+1] == "" {
			delete(n, pairs[i])
		}
	}
	return n
}

func newEd() ed25519.PrivateKey {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

func newRSA(bits int) func() *rsa.PrivateKey {
	return sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			panic(err)
		}
		return key
	})
}

// The keys of the tests: the target's, the old server's.
var (
	edKey    = newEd()
	oldKey   = newEd()
	rsaKey   = newRSA(2048)
	shortKey = newRSA(1024)
)

// keyRecord returns the TXT record of a key, with further tags.
func keyRecord(key crypto.Signer, tags string) string {
	if pub, ok := key.Public().(ed25519.PublicKey); ok {
		return "v=DKIM1; k=ed25519; " + tags + "p=" + base64.StdEncoding.EncodeToString(pub)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		panic(err)
	}
	return "v=DKIM1; k=rsa; " + tags + "p=" + base64.StdEncoding.EncodeToString(der)
}

// world is the DNS of example.org after its move.
func world() records {
	return records{
		"TXT example.org.":                    {"v=spf1 ip4:192.0.2.0/24 -all"},
		"TXT bounce.example.org.":             {"v=spf1 ip4:192.0.2.0/24 -all"},
		"TXT esp.example.net.":                {"v=spf1 ip4:198.51.100.0/24 -all"},
		"TXT _dmarc.example.org.":             {"v=DMARC1; p=reject"},
		"TXT ed._domainkey.example.org.":      {keyRecord(edKey, "")},
		"TXT rsa._domainkey.example.org.":     {keyRecord(rsaKey(), "")},
		"TXT old._domainkey.example.org.":     {keyRecord(oldKey, "")},
		"TXT sub._domainkey.s.example.org.":   {keyRecord(edKey, "")},
		"TXT esp._domainkey.esp.example.net.": {keyRecord(edKey, "")},
	}
}

const letter = "From: Anna <anna@example.org>\r\n" +
	"To: probe@elsewhere.example\r\n" +
	"Subject: hello\r\n" +
	"Date: Tue, 24 Nov 2026 10:00:00 +0000\r\n" +
	"Message-ID: <1@example.org>\r\n" +
	"\r\n" +
	"Hello.\r\n"

// signed returns the message with a signature of the key on top.
func signed(t *testing.T, msg string, domain, selector string, key crypto.Signer, change ...func(*dkim.SignOptions)) string {
	t.Helper()
	o := &dkim.SignOptions{
		Domain: domain, Selector: selector, Signer: key, Hash: crypto.SHA256,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	}
	for _, c := range change {
		c(o)
	}
	var out bytes.Buffer
	if err := dkim.Sign(&out, strings.NewReader(msg), o); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// from is the envelope of a message handed in by an address.
func from(ip, mailFrom string) probe.Envelope {
	return probe.Envelope{IP: netip.MustParseAddr(ip), Helo: "out.example.org", MailFrom: mailFrom}
}

// counted counts the questions to a resolver.
type counted struct {
	records
	asked *int
}

func (c counted) LookupTXT(ctx context.Context, name string) ([]string, error) {
	*c.asked++
	return c.records.LookupTXT(ctx, name)
}

func (c counted) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	*c.asked++
	return c.records.LookupMX(ctx, name)
}
