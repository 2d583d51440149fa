package imapconn

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// maxStored is how much one stored block holds (RFC 1951, section 3.2.4).
const maxStored = 1<<16 - 1

// A flusher takes what is to be compressed, and sends it when told to.
type flusher interface {
	io.Writer
	Flush() error
}

// pays reports whether the connection had better be compressed from here on.
func (s *session) pays() bool {
	return s.compressible() && s.line.pays()
}

func (s *session) compressible() bool {
	return s.line != nil && s.deflate == nil && s.caps.Has("COMPRESS=DEFLATE")
}

// messages tells that messages come, until the function it returns is called:
// their line is measured.
func (s *session) messages() (end func()) {
	if !s.compressible() || !s.line.asks() {
		return func() {}
	}
	s.conn.gauge.coming.Store(s.line)
	return func() { s.conn.gauge.coming.Store(nil) }
}

// squeeze compresses a connection on which nothing is under way, where that
// pays.
func (s *session) squeeze(ctx context.Context) error {
	if !s.pays() {
		return nil
	}
	stop, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer stop()
	return s.compress()
}

// compress asks the server to compress (RFC 4978), which costs one round trip.
// Nothing may be under way, and nothing is sent before the answer: the server
// would not know what to read it as. Passwords have gone before; what is
// compressed together is the mail of one account. Where the server refuses
// after all the connection goes on as it was.
func (s *session) compress() error {
	s.trial = true // a server may end the connection instead of an answer
	tag, err := s.send(nil, text("COMPRESS DEFLATE"))
	if err == nil {
		err = s.flush()
	}
	if err != nil {
		return s.broken(err)
	}
	_, err = s.finish(tag, nil)
	var refusal *ResponseError
	if errors.As(err, &refusal) && s.conn.cause() == nil {
		s.trial = false
		s.spare(err)
		return nil
	}
	if err != nil {
		return err
	}
	s.log.Info("line is narrow: go on compressed", "server", s.addr)
	return s.compressed()
}

// compressed puts the compression between the socket, or TLS, and all that
// judges lines, literals and commands: their limits hold for what comes out of
// it, and nothing is ever inflated ahead of what is read. What came behind the
// answer belongs to it already.
func (s *session) compressed() error {
	s.conn.gauge.coming.Store(nil)
	s.conn.gauge.leaving.Store(nil)
	below := io.MultiReader(bytes.NewReader(s.r.Rest()), s.nc)
	s.r = wire.NewReader(&inflater{s, flate.NewReader(bufio.NewReaderSize(below, 16<<10))}, 0)
	if s.filter != nil {
		s.deflate = stored{s.nc}
	} else {
		z, err := flate.NewWriter(s.nc, flate.BestSpeed)
		if err != nil {
			return err
		}
		s.deflate = &deflater{z: z}
	}
	s.w.Reset(s.filtered(s.deflate))
	return nil
}

// flush sends all that was written.
func (s *session) flush() error {
	if err := s.w.Flush(); err != nil || s.deflate == nil {
		return err
	}
	return s.deflate.Flush()
}

// tried blames the compression where the server has answered nothing since it
// agreed to it, and it was not we who ended the connection.
func (s *session) tried(err error) error {
	if cause := s.conn.cause(); !s.trial || errors.Is(cause, ErrCancelled) || errors.Is(cause, ErrClosed) {
		return err
	}
	s.trial = false
	s.spare(err)
	return fmt.Errorf("%w: %w", ErrCompression, err)
}

// spare keeps this and all other connections over the line from asking for
// compression again.
func (s *session) spare(err error) {
	if s.line.spare() {
		s.log.Warn("go on without compression", "server", s.addr, "err", err)
	}
}

// An inflater reads what the server has compressed.
type inflater struct {
	s *session
	z io.Reader
}

// Read implements io.Reader. What is no DEFLATE is an ErrCompression; an error
// of the connection stays what it is.
func (i *inflater) Read(p []byte) (int, error) {
	n, err := i.z.Read(p)
	if n > 0 || err == nil {
		return n, nil // an error with it will come again
	}
	if i.s.conn.cause() == nil {
		// Not as io.EOF, which would be the connection's.
		err = fmt.Errorf("%w: %v", ErrCompression, err)
		i.s.spare(err)
	}
	return 0, err
}

// A deflater compresses messages on their way to the target, as fast as can
// be. It takes more than a megabyte of memory.
type deflater struct {
	z     *flate.Writer
	dirty bool
}

func (d *deflater) Write(p []byte) (int, error) {
	d.dirty = true
	return d.z.Write(p)
}

// Flush lets the server read all that was written so far. What ends nothing is
// not written: it takes five octets.
func (d *deflater) Flush() error {
	if !d.dirty {
		return nil
	}
	d.dirty = false
	return d.z.Flush()
}

// stored frames commands as DEFLATE has it for what is not compressed. They are
// a few hundred octets for megabytes of messages, and it takes no memory.
type stored struct{ w io.Writer }

// Write sends a block, and an empty one behind it: some readers give nothing
// out before.
func (s stored) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		piece := p[done:min(len(p), done+maxStored)]
		block := append(storedHead(len(piece)), piece...)
		if _, err := s.w.Write(append(block, storedHead(0)...)); err != nil {
			return done, err
		}
		done += len(piece)
	}
	return done, nil
}

func (stored) Flush() error { return nil }

// storedHead begins a stored block that is not the last.
func storedHead(size int) []byte {
	head := binary.LittleEndian.AppendUint16([]byte{0}, uint16(size))
	return binary.LittleEndian.AppendUint16(head, ^uint16(size))
}
