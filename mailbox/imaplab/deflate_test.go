package imaplab_test

import (
	"bufio"
	"compress/flate"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// squeezed writes compressed, each piece at once.
type squeezed struct{ z *flate.Writer }

func (s squeezed) Write(p []byte) (int, error) {
	n, err := s.z.Write(p)
	if err == nil {
		err = s.z.Flush()
	}
	return n, err
}

// written is a connection that is written to in another way.
type written struct {
	net.Conn
	io.Writer
}

func (w written) Write(p []byte) (int, error) { return w.Writer.Write(p) }

// compress asks for compression, and goes on compressed.
func (c *rawClient) compress() *rawClient {
	c.t.Helper()
	c.expect("COMPRESS DEFLATE", "x OK compressed from here on")
	z, err := flate.NewWriter(c.Conn, flate.BestSpeed)
	if err != nil {
		c.t.Fatal(err)
	}
	return &rawClient{c.t, written{c.Conn, squeezed{z}}, bufio.NewReader(flate.NewReader(c.in))}
}

// talk appends a message and reads it back.
func (c *rawClient) talk() {
	c.t.Helper()
	c.send("a APPEND INBOX {3}\r\n")
	c.until("+ ")
	c.send("one\r\nb EXAMINE INBOX\r\nc UID FETCH 1 (UID BODY.PEEK[])\r\n")
	got := strings.Join(c.until("c OK"), "\n")
	if !strings.Contains(got, "BODY[] {3}\none") {
		c.t.Errorf("FETCH = %q", got)
	}
}

func TestCompress(t *testing.T) {
	t.Parallel()
	s := start(t, imaplab.Options{})
	s.Account("anna", "secret")
	c := loggedIn(t, s, "anna", "secret").compress()
	c.talk()
	c.expect("COMPRESS DEFLATE", "x NO [COMPRESSIONACTIVE] compressed already")
	c.send("d CAPABILITY\r\n")
	if got := c.line(); strings.Contains(got, "COMPRESS") {
		t.Errorf("CAPABILITY = %q after COMPRESS", got)
	}
	c = loggedIn(t, s, "anna", "secret")
	c.expect("COMPRESS LZ4", "x BAD unknown mechanism")
	c.send("a COMPRESS DEFLATE\r\nb NOOP\r\n")
	if got := c.until("b OK"); got[0] != "a BAD commands sent ahead of the answer" {
		t.Errorf("COMPRESS with a command behind it = %q", got)
	}
}

func TestCompressUnderTLS(t *testing.T) {
	t.Parallel()
	server, trust := certificate(t)
	s := start(t, imaplab.Options{TLS: server})
	s.Account("anna", "secret")
	nc, err := tls.Dial("tcp", s.Addr(), trust)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	c := &rawClient{t, nc, bufio.NewReader(nc)}
	c.send("a LOGIN anna secret\r\n")
	c.until("a OK")
	c.compress().talk()
}

func TestCompressFaults(t *testing.T) {
	t.Parallel()
	s := start(t, imaplab.Options{Faults: imaplab.Faults{Compress: imaplab.Garbled}})
	s.Account("anna", "secret")
	c := loggedIn(t, s, "anna", "secret").compress()
	if line, err := c.in.ReadString('\n'); err == nil {
		t.Errorf("what follows a garbled COMPRESS is read as %q", line)
	}
	s.SetFaults(imaplab.Faults{Compress: imaplab.Bomb})
	c = loggedIn(t, s, "anna", "secret").compress()
	if n, err := io.CopyN(io.Discard, c.in, 64<<20); err != nil {
		t.Errorf("a bomb gave %d octets: %v", n, err)
	}
	_ = c.Close()
	hidden := start(t, imaplab.Options{Hide: []imap.Cap{imaplab.CapCompress}})
	hidden.Account("anna", "secret")
	c = loggedIn(t, hidden, "anna", "secret")
	c.expect("COMPRESS DEFLATE", "x BAD unknown command")
}
