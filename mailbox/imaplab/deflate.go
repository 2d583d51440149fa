package imaplab

import (
	"bufio"
	"compress/flate"
	"errors"
	"fmt"
	"io"

	"github.com/emersion/go-imap/v2"
)

// CapCompress announces that a connection can be compressed (RFC 4978).
const CapCompress imap.Cap = "COMPRESS=DEFLATE"

// A Compression is what becomes of a connection whose client asks for
// compression.
type Compression string

// The compressions.
const (
	Deflated Compression = ""        // as RFC 4978 has it
	Garbled  Compression = "garbled" // agreed to, and what follows is no DEFLATE
	Bomb     Compression = "bomb"    // agreed to, and zeros follow without an end, a thousand for each octet sent
)

// A squeezer compresses what is written, and sends it when told to.
type squeezer struct {
	*flate.Writer
	dirty bool
}

func (z *squeezer) Write(p []byte) (int, error) {
	z.dirty = true
	return z.Writer.Write(p)
}

// Flush lets the client read all that was written so far.
func (z *squeezer) Flush() error {
	if !z.dirty {
		return nil
	}
	z.dirty = false
	return z.Writer.Flush()
}

// flush sends what has been written. The caller holds mu.
func (c *conn) flush() error {
	if err := c.out.Flush(); err != nil || c.squeezed == nil {
		return err
	}
	return c.squeezed.Flush()
}

// compressed reports whether the connection is.
func (c *conn) compressed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.squeezed != nil
}

// compress agrees to COMPRESS. A client that has sent more behind the command
// does not know what it would be read as, and is refused.
func (c *conn) compress(tag, args string) error {
	switch {
	case args != "DEFLATE":
		return c.reply("%s BAD unknown mechanism", tag)
	case c.compressed():
		return c.reply("%s NO [COMPRESSIONACTIVE] compressed already", tag)
	case c.in.Buffered() > 0:
		return c.reply("%s BAD commands sent ahead of the answer", tag)
	}
	z, err := flate.NewWriter(sink{c}, flate.BestSpeed)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := fmt.Fprintf(c.out, "%s OK compressed from here on\r\n", tag); err != nil {
		return err
	}
	if err := c.flush(); err != nil {
		return err
	}
	c.squeezed = &squeezer{Writer: z}
	c.out.Reset(c.squeezed)
	c.in.Reset(flate.NewReader(bufio.NewReader(source{c})))
	return c.spoil(c.srv.faults.compression())
}

// spoil does to a connection that has just been compressed what a fault says.
// The caller holds mu.
func (c *conn) spoil(how Compression) error {
	switch how {
	case Garbled:
		_, err := sink{c}.Write([]byte("\xff\xff\xff\xff\xff\xff\xff\xff")) // no block begins so
		return err
	case Bomb:
		for zeros := make([]byte, 1<<20); ; { // until the client has gone
			if _, err := c.squeezed.Write(zeros); err != nil {
				return errors.Join(err, io.EOF)
			}
		}
	}
	return nil
}
