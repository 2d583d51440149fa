package arc_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/dnsplan/arc"
)

var vectors = filepath.Join("..", "..", "testdata", "mail", "arc")

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(vectors, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// keys answers with the key records of the vectors.
func keys(t testing.TB) arc.Lookup {
	t.Helper()
	zone := make(map[string][]string)
	for line := range strings.Lines(string(read(t, "zone.txt"))) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		zone[strings.TrimSuffix(name, ".")] = []string{text}
	}
	return func(name string) ([]string, error) { return zone[name], nil }
}

// TestVectors verifies chains that another implementation sealed, whole and
// broken in each way that RFC 8617, section 5.2, names.
func TestVectors(t *testing.T) {
	t.Parallel()
	lookup, n := keys(t), 0
	for line := range strings.Lines(string(read(t, "want.txt"))) {
		line, _, _ = strings.Cut(line, "#")
		part := strings.SplitN(strings.TrimSpace(line), ": ", 3)
		if len(part) < 2 {
			continue
		}
		n++
		t.Run(part[0], func(t *testing.T) {
			t.Parallel()
			c, err := arc.Verify(read(t, part[0]+".eml"), lookup)
			if err != nil {
				t.Fatal(err)
			}
			want := arc.Result(strings.TrimSuffix(part[1], ":"))
			if c.Result != want || len(part) == 3 && !strings.Contains(c.Reason, part[2]) || (c.Reason == "") != (want != arc.Fail) {
				t.Errorf("Verify = %s %q, want %q", c.Result, c.Reason, part[1:])
			}
		})
	}
	files, err := filepath.Glob(filepath.Join(vectors, "*.eml"))
	if err != nil || len(files) != n || n < 30 {
		t.Errorf("%d files and %d wanted results, %v", len(files), n, err)
	}
}

func TestSets(t *testing.T) {
	t.Parallel()
	c, err := arc.Verify(read(t, "whole-4.eml"), keys(t))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range c.Sets {
		got = append(got, s.Domain+"/"+s.Selector+" "+s.Chain)
	}
	want := []string{"lists.example.org/l1 none", "forwarder.example/f pass", "campus.example/arc-2026 pass", "mx.elsewhere.example/k9 pass"}
	if !slices.Equal(got, want) {
		t.Errorf("sets %q, want %q", got, want)
	}
	if r := c.Sets[0].Results; !strings.HasPrefix(r, "lists.example.org;") || !strings.Contains(r, "spf=pass smtp.mailfrom=anna@example.org") {
		t.Errorf("the first hop says %q", r)
	}
}

// TestSilentDNS: a key that nobody answered for is not a key that is gone.
func TestSilentDNS(t *testing.T) {
	t.Parallel()
	whole := keys(t)
	for _, silent := range []string{"l1._domainkey.lists.example.org", "f._domainkey.forwarder.example"} {
		c, err := arc.Verify(read(t, "whole-2.eml"), func(name string) ([]string, error) {
			if name == silent {
				return nil, errors.New("no answer")
			}
			return whole(name)
		})
		if err != nil || c.Result != arc.TempError {
			t.Errorf("with %s silent = %+v, %v, want temperror", silent, c, err)
		}
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	whole := keys(t)
	good, err := whole("f._domainkey.forwarder.example")
	if err != nil {
		t.Fatal(err)
	}
	weak, err := whole("weak._domainkey.forwarder.example")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		txts []string
		want string
	}{
		{"none", nil, "its key is not there"},
		{"two", []string{good[0], good[0]}, "its key is not there"},
		{"revoked", []string{"v=DKIM1; p="}, "its key cannot be used"},
		{"of another kind", []string{strings.Replace(good[0], "k=rsa", "k=ed25519", 1)}, "its key cannot be used"},
		{"for another hash", []string{"h=sha1; " + good[0]}, "its key is for another hash"},
		{"no base64", []string{"p=***"}, "its key cannot be read"},
		{"no key", []string{"p=AAAA"}, "its key cannot be read"},
		{"weak", weak, "a length that proves nothing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := arc.Verify(read(t, "whole-2.eml"), func(name string) ([]string, error) {
				if strings.HasPrefix(name, "f.") {
					return tt.txts, nil
				}
				return whole(name)
			})
			if err != nil || c.Result != arc.Fail || !strings.Contains(c.Reason, tt.want) {
				t.Errorf("Verify = %+v, %v, want %q", c, err, tt.want)
			}
		})
	}
}

func TestNoMessage(t *testing.T) {
	t.Parallel()
	for _, msg := range []string{"", "\r\nbody", "no header at all", "a: " + strings.Repeat("x", 300<<10), strings.Repeat("a: b\r\n", 5000)} {
		if _, err := arc.Verify([]byte(msg), keys(t)); !errors.Is(err, arc.ErrMessage) {
			t.Errorf("Verify(%.20q) = %v, want ErrMessage", msg, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	for _, name := range []string{"whole-1", "whole-3", "doubled-seal", "cv-missing", "no-chain"} {
		f.Add(read(f, name+".eml"))
	}
	f.Add([]byte("ARC-Seal: i=1; a=rsa-sha256; cv=none; d=a; s=b; b=\r\nARC-Message-Signature: i=1; h=from:from; c=/; b==; bh=\r\nARC-Authentication-Results: i=1; a\r\n\r\n"))
	lookup := keys(f)
	f.Fuzz(func(t *testing.T, msg []byte) {
		before := bytes.Clone(msg)
		c, err := arc.Verify(msg, lookup)
		if !bytes.Equal(before, msg) {
			t.Fatal("the message was changed")
		}
		if err != nil {
			return
		}
		switch {
		case c.Result == arc.None && len(c.Sets) > 0, c.Result == arc.Pass && len(c.Sets) == 0, len(c.Sets) > 50:
			t.Errorf("%s with %d sets", c.Result, len(c.Sets))
		case (c.Reason == "") != (c.Result == arc.None || c.Result == arc.Pass):
			t.Errorf("%s with the reason %q", c.Result, c.Reason)
		}
	})
}
