package imapconn_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/metrics"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// squeeze agrees to compression and returns where to write compressed. What is
// said until the first flush comes in one piece with the answer.
func (p *peer) squeeze() *flate.Writer {
	tag, line := p.read()
	if line != "COMPRESS DEFLATE" {
		p.t.Errorf("server got %q, want COMPRESS", line)
	}
	var b bytes.Buffer
	b.WriteString(tag + " OK go\r\n")
	z, err := flate.NewWriter(&first{&b, p}, flate.BestSpeed)
	if err != nil {
		p.t.Fatal(err)
	}
	return z
}

// first writes what is held before anything else, together with it.
type first struct {
	held *bytes.Buffer
	to   io.Writer
}

func (f *first) Write(p []byte) (int, error) {
	if f.held.Len() > 0 {
		f.held.Write(p)
		_, err := f.to.Write(f.held.Bytes())
		f.held.Reset()
		return len(p), err
	}
	return f.to.Write(p)
}

// bodies fetches one message from a server that a test plays.
func bodies(t *testing.T, script func(p *peer, z *flate.Writer), fn func(size int64, body io.Reader) error) error {
	t.Helper()
	e := serve(t, func(p *peer) {
		p.send("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hello\r\n")
		p.answer("AUTHENTICATE", "", "OK [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE] in")
		z := p.squeeze()
		script(p, z)
		p.silence()
	})
	e.Line = &imapconn.Line{Narrow: true}
	s, err := imapconn.DialSource(t.Context(), e, anna)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return s.Bodies(t.Context(), []imap.UID{1}, func(_ imap.UID, size int64, body io.Reader) error { return fn(size, body) })
}

func say(z *flate.Writer, text string) {
	_, _ = io.WriteString(z, text)
	_ = z.Flush()
}

// TestCompressedBehindTheAnswer lets compressed octets come together with the
// answer to COMPRESS, and one at a time after it.
func TestCompressedBehindTheAnswer(t *testing.T) {
	t.Parallel()
	got := ""
	err := bodies(t, func(_ *peer, z *flate.Writer) {
		say(z, "* 1 EXISTS\r\n* OK still here\r\n")
		for _, c := range "* 1 FETCH (UID 1 BODY[] {3}\r\none)\r\nA3 OK done\r\n" {
			say(z, string(c))
		}
	}, func(_ int64, body io.Reader) error {
		octets, err := io.ReadAll(body)
		got = string(octets)
		return err
	})
	if err != nil || got != "one" {
		t.Errorf("Bodies() gave %q, %v", got, err)
	}
}

// TestCompressedEnds reads a stream that ends by itself, at and after it has
// proved good.
func TestCompressedEnds(t *testing.T) {
	t.Parallel()
	for _, said := range []string{"", "* OK hello\r\n", "* 1 FETCH (UID 1 BODY[] {3}\r\non"} {
		t.Run(said, func(t *testing.T) {
			t.Parallel()
			err := bodies(t, func(_ *peer, z *flate.Writer) {
				_, _ = io.WriteString(z, said)
				_ = z.Close()
			}, func(_ int64, body io.Reader) error {
				_, err := io.ReadAll(body)
				return err
			})
			if !errors.Is(err, imapconn.ErrCompression) {
				t.Errorf("Bodies() = %v, want ErrCompression", err)
			}
		})
	}
}

// heap is how much the program's heap holds.
func heap() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

// TestBombs reads what is a thousand times as long as what comes over the line,
// within a message and outside. It goes through in pieces, or ends by the
// limits that lines have. With MXMOVE_TORTURE it is 10 GB.
func TestBombs(t *testing.T) {
	size := int64(40_000_000)
	if os.Getenv("MXMOVE_TORTURE") != "" {
		size = 10_000_000_000
	}
	zeros := make([]byte, 1<<20)
	explode := func(z *flate.Writer) {
		for n := int64(0); n < size; n += int64(len(zeros)) {
			if _, err := z.Write(zeros[:min(int64(len(zeros)), size-n)]); err != nil {
				return // the client has gone
			}
		}
	}
	runtime.GC()
	before, most, came := heap(), int64(0), int64(0)
	err := bodies(t, func(_ *peer, z *flate.Writer) {
		_, _ = fmt.Fprintf(z, "* 1 FETCH (UID 1 BODY[] {%d}\r\n", size)
		explode(z)
		say(z, ")\r\nA3 OK done\r\n")
	}, func(n int64, body io.Reader) error {
		buf := make([]byte, 64<<10)
		for {
			n, err := body.Read(buf)
			if came += int64(n); came%(8<<20) < int64(n) {
				most = max(most, heap())
			}
			if err != nil {
				return nil
			}
		}
	})
	if err != nil || came != size {
		t.Errorf("Bodies() = %v, gave %d octets of %d", err, came, size)
	}
	err = bodies(t, func(_ *peer, z *flate.Writer) { explode(z) }, func(int64, io.Reader) error { return nil })
	if !errors.Is(err, wire.ErrLineTooLong) {
		t.Errorf("Bodies() with an endless line = %v, want ErrLineTooLong", err)
	}
	most = max(most, heap())
	t.Logf("the heap has grown by %d KiB", (most-before)>>10)
	if grown := (most - before) >> 20; grown > 16 {
		t.Errorf("the heap has grown by %d MiB", grown)
	}
}
