package wire

import (
	"bytes"
	"crypto/sha256"
	"hash"
)

// A BodyHash sums the content of a message up while it streams through, with
// every line end (CRLF, a lone CR, a lone LF) as CRLF and exactly one CRLF at
// the end. Servers store line ends in their own way; the sum of what they give
// back is the same.
type BodyHash struct {
	sum  hash.Hash
	cr   bool // the last octet was a CR
	ends int  // line ends held back, as they may be the last ones
	n    int64
}

// NewBodyHash begins a sum.
func NewBodyHash() *BodyHash { return &BodyHash{sum: sha256.New()} }

var (
	crlf   = []byte("\r\n")
	crlfs  = bytes.Repeat(crlf, 32)
	window = 4 << 10
)

// Write implements io.Writer; it never fails.
func (h *BodyHash) Write(p []byte) (int, error) {
	total := len(p)
	h.n += int64(total)
	for len(p) > 0 {
		switch {
		case h.cr:
			h.cr = false
			h.ends++
			if p[0] == '\n' {
				p = p[1:]
			}
		case p[0] == '\r':
			h.cr = true
			p = p[1:]
		case p[0] == '\n':
			h.ends++
			p = p[1:]
		default:
			h.flush()
			n := canonicalRun(p[:min(len(p), window)])
			h.sum.Write(p[:n])
			p = p[n:]
		}
	}
	return total, nil
}

// Size is the number of octets written so far, as they came.
func (h *BodyHash) Size() int64 { return h.n }

// Digest is the sum of all that was written. Nothing may be written after it.
func (h *BodyHash) Digest() Digest {
	h.sum.Write(crlf)
	return Digest(h.sum.Sum(nil))
}

func (h *BodyHash) flush() {
	for h.ends > 0 {
		n := min(h.ends, len(crlfs)/2)
		h.sum.Write(crlfs[:2*n])
		h.ends -= n
	}
}

// canonicalRun is the length of the longest beginning of p that consists of
// text and CRLF and ends in text. p begins with text.
func canonicalRun(p []byte) int {
	end := 0
	for i := 0; i < len(p); {
		line := p[i:]
		lf := bytes.IndexByte(line, '\n')
		if lf >= 0 {
			line = line[:lf]
		}
		cr := bytes.IndexByte(line, '\r')
		text := len(line)
		if cr >= 0 {
			text = cr
		}
		if text > 0 {
			end = i + text
		}
		if lf < 0 || cr < 0 || cr != lf-1 {
			break
		}
		i += lf + 1
	}
	return end
}
