package wire_test

import (
	"bytes"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

func TestFingerprintSame(t *testing.T) {
	t.Parallel()
	base := "Message-ID: <a@b>\r\nSubject: one two\r\nFrom: x@y\r\n\r\n"
	for name, header := range map[string]string{
		"order":          "From: x@y\r\nSubject: one two\r\nMessage-ID: <a@b>\r\n\r\n",
		"folded":         "Message-ID:\r\n <a@b>\r\nSubject: one\r\n\ttwo\r\nFrom: x@y\r\n",
		"case of names":  "MESSAGE-ID: <a@b>\r\nSUBJECT: one two\r\nfrom: x@y\r\n",
		"white space":    "Message-ID:<a@b>  \r\nSubject:  one  two\r\nFrom : x@y\r\n",
		"line ends":      "Message-ID: <a@b>\nSubject: one two\nFrom: x@y\n",
		"empty fields":   "Cc:\r\nMessage-ID: <a@b>\r\nSubject: one two\r\nFrom: x@y\r\n",
		"another ID":     "Message-ID: <new@x>\r\nSubject: one two\r\nFrom: x@y\r\nX-MS-Exchange-Parent-Message-Id: <a@b>\r\n",
		"encoded":        "Message-ID: <a@b>\r\nSubject: =?utf-8?q?one?=\r\n =?us-ascii?B?IHR3bw==?=\r\nFrom: \"x\"@y\r\n",
		"NULs":           "Message-ID: <a@b>\r\nSub\x00ject: one\x00 two\r\nFrom: x@y\r\n\x00\r\nTo: q\r\n",
		"other fields":   "Received: by z\r\nMessage-ID: <a@b>\r\nSubject: one two\r\nFrom: x@y\r\n",
		"behind the end": "Message-ID: <a@b>\r\nSubject: one two\r\nFrom: x@y\r\n\r\nTo: q\r\n",
	} {
		if wire.Fingerprint([]byte(header)) != wire.Fingerprint([]byte(base)) {
			t.Errorf("%s: fingerprints differ", name)
		}
	}
	if wire.Fingerprint([]byte("Subject: \xfc\r\n")) != wire.Fingerprint([]byte("Subject: \xc3\xbc\r\n")) {
		t.Error("octets above 127: fingerprints differ")
	}
}

func TestFingerprintDiffers(t *testing.T) {
	t.Parallel()
	seen := make(map[wire.Digest]string)
	for _, header := range []string{
		"", "Subject: a\r\n", "Subject: A\r\n", "Subject: ab\r\n", "Subject: a b\r\n", "From: a\r\n", "To: a\r\n", "Cc: a\r\n", "Date: a\r\n",
		"Subject: a\r\nSubject: a\r\n", "Message-ID: a\r\n", "Message-ID: a\r\nX-MS-Exchange-Parent-Message-Id: b\r\n",
	} {
		d := wire.Fingerprint([]byte(header))
		if before, double := seen[d]; double {
			t.Errorf("Fingerprint(%q) = Fingerprint(%q)", header, before)
		}
		seen[d] = header
	}
}

var ends = regexp.MustCompile(`\r\n|\r|\n`)

// slow is what BodyHash computes, in one line.
func slow(body string) wire.Digest {
	canonical := strings.TrimRight(ends.ReplaceAllString(body, "\n"), "\n") + "\n"
	return wire.Digest(sha256.Sum256([]byte(strings.ReplaceAll(canonical, "\n", "\r\n"))))
}

func TestBodyHash(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	bodies := []string{"", "a", "a\r\n", "a\n", "a\r", "\r\n\r\n", "a\r\r\nb", "\n\ra", strings.Repeat("x", 10_000), strings.Repeat("line\r\n", 3000) + "\n\n\n"}
	for range 300 {
		b := make([]byte, r.IntN(200))
		for i := range b {
			b[i] = "ab\r\n\n"[r.IntN(5)]
		}
		bodies = append(bodies, string(b))
	}
	for _, body := range bodies {
		whole, pieces := wire.NewBodyHash(), wire.NewBodyHash()
		_, _ = io.Copy(whole, strings.NewReader(body))
		for rest := []byte(body); len(rest) > 0; {
			n := min(1+r.IntN(7), len(rest))
			_, _ = pieces.Write(rest[:n])
			rest = rest[n:]
		}
		want := slow(body)
		if got := whole.Digest(); got != want {
			t.Errorf("Digest(%.40q) = %x, want %x", body, got, want)
		}
		if got := pieces.Digest(); got != want {
			t.Errorf("Digest(%.40q) in pieces = %x, want %x", body, got, want)
		}
		if whole.Size() != int64(len(body)) {
			t.Errorf("Size(%.40q) = %d, want %d", body, whole.Size(), len(body))
		}
	}
}

func FuzzBodyHash(f *testing.F) {
	f.Add([]byte("a\r\nb\rc\n\n"), 2)
	f.Fuzz(func(t *testing.T, body []byte, cut int) {
		h := wire.NewBodyHash()
		cut = min(max(cut, 0), len(body))
		_, _ = h.Write(body[:cut])
		_, _ = h.Write(body[cut:])
		if got, want := h.Digest(), slow(string(body)); got != want {
			t.Errorf("Digest(%q) cut at %d = %x, want %x", body, cut, got, want)
		}
	})
}

func FuzzFingerprint(f *testing.F) {
	f.Add([]byte("Subject: a\r\n b\r\nTo: x\r\n"))
	f.Fuzz(func(t *testing.T, header []byte) {
		unix := bytes.ReplaceAll(header, []byte("\r\n"), []byte("\n"))
		if bytes.ContainsRune(unix, '\r') {
			return
		}
		if wire.Fingerprint(header) != wire.Fingerprint(unix) {
			t.Errorf("Fingerprint(%q) depends on line ends", header)
		}
	})
}

func BenchmarkBodyHash(b *testing.B) {
	body := bytes.Repeat([]byte(strings.Repeat("x", 76)+"\r\n"), 420)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		h := wire.NewBodyHash()
		_, _ = h.Write(body)
		h.Digest()
	}
}
