package mailbox

import (
	"slices"
	"strings"
	"testing"
)

func TestSignatures(t *testing.T) {
	t.Parallel()
	domains := []string{"example.org", "example.net"}
	long := strings.Repeat("a", 64)
	tests := []struct {
		name, fields string
		want         []string
	}{
		{"one", "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=mail2026; bh=x=; b=y==\r\n\r\n", []string{"mail2026._domainkey.example.org."}},
		{"folded", "dkim-signature: v=1;\r\n\td=Example.ORG.;\r\n s=\r\n  k1 ; b=a\r\n b\r\n", []string{"k1._domainkey.example.org."}},
		{"two, one of them twice", "DKIM-Signature: d=example.org; s=a\nDKIM-Signature: d=example.org; s=A\nDKIM-Signature: d=example.net; s=b.c\n",
			[]string{"a._domainkey.example.org.", "b.c._domainkey.example.net."}},
		{"another domain", "DKIM-Signature: d=evil.example; s=a\r\n", nil},
		{"below the domain", "DKIM-Signature: d=news.example.org; s=a\r\n", nil},
		{"another field", "X-DKIM-Signature: d=example.org; s=a\r\n", nil},
		{"no selector", "DKIM-Signature: d=example.org\r\n", nil},
		{"a tag twice", "DKIM-Signature: d=example.org; s=a; s=b\r\n", nil},
		{"no label", "DKIM-Signature: d=example.org; s=a..b\r\n", nil},
		{"a blank", "DKIM-Signature: d=example.org; s=a b\r\n", nil},
		{"a wildcard", "DKIM-Signature: d=example.org; s=*\r\n", nil},
		{"a control character", "DKIM-Signature: d=example.org; s=a\x1b[2J\r\n", nil},
		{"a hyphen at the end", "DKIM-Signature: d=example.org; s=a-\r\n", nil},
		{"too long a label", "DKIM-Signature: d=example.org; s=" + long + "\r\n", nil},
		{"too long a name", "DKIM-Signature: d=example.org; s=" + strings.TrimSuffix(strings.Repeat(long[:60]+".", 4), ".") + "\r\n", nil},
		{"behind too many", strings.Repeat("DKIM-Signature: d=evil.example; s=a\r\n", maxSignatures) + "DKIM-Signature: d=example.org; s=a\r\n", nil},
	}
	for _, tt := range tests {
		var got []string
		for _, s := range signatures([]byte(tt.fields), domains) {
			got = append(got, s.Owner())
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: signatures = %q, want %q", tt.name, got, tt.want)
		}
	}
}

func FuzzSignatures(f *testing.F) {
	for _, seed := range []string{
		"DKIM-Signature: v=1; d=example.org; s=mail\r\n", "DKIM-Signature: d=example.org;\r\n\ts=a.b;;b=\r\n", ": =;", " \r\n\t\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, fields []byte) {
		found := signatures(fields, []string{"example.org"})
		if len(found) > maxSignatures {
			t.Fatalf("%d selectors from one message", len(found))
		}
		for _, s := range found {
			owner := s.Owner()
			again := signatures([]byte("DKIM-Signature: d="+s.Domain+"; s="+s.Name), []string{"example.org"})
			if len(owner) > 254 || !strings.HasSuffix(owner, "._domainkey.example.org.") || !slices.Equal(again, []Selector{s}) {
				t.Errorf("selector %q of %q, and %q when read again", owner, fields, again)
			}
		}
	})
}

// Of many accounts the same number is looked into, whatever their count.
func TestListens(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, listenAccounts, listenAccounts + 1, 100, 1001, 100_000} {
		count, last := 0, 0
		for i := range n {
			if listens(i, n) {
				count, last = count+1, i
			}
		}
		if count != min(n, listenAccounts) || last < n-1-n/listenAccounts-1 {
			t.Errorf("of %d accounts %d are looked into, the last is %d; want %d, spread to the end", n, count, last, min(n, listenAccounts))
		}
	}
}
