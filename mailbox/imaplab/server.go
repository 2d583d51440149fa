// Package imaplab runs IMAP servers on loopback for the demo and for tests:
// real protocol, a store that keeps every octet, and settable habits and
// faults.
//
// The grammar of most commands is spoken by go-imap's imapserver, behind a
// connection of our own that frames each command first. That layer answers
// what imapserver cannot: MULTIAPPEND, a refusal before the continuation
// request, capabilities hidden or added, connections cut at a chosen octet. It
// deliberately shares no grammar with the client's package, so that a mistake
// there is not met by the same mistake here.
package imaplab

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
)

// A Server is one IMAP server with accounts of its own. All methods may be
// called from any goroutine while clients are connected.
type Server struct {
	opts     Options
	listener net.Listener
	imap     *imapserver.Server
	queue    *queue
	accept   chan struct{} // closed when the accept loop has ended
	serving  sync.WaitGroup
	faults   faults

	mu       sync.Mutex
	fewer    *sync.Cond // told whenever a connection has ended
	accounts map[string]*Account
	conns    map[*conn]struct{}
	commands []string
	logins   int
	closed   bool
}

// Start opens a server on a free port of 127.0.0.1. The caller closes it.
func Start(o Options) (*Server, error) {
	if o.Delim == 0 {
		o.Delim = '/'
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{
		opts:     o,
		listener: ln,
		queue:    newQueue(ln.Addr()),
		accept:   make(chan struct{}),
		accounts: make(map[string]*Account),
		conns:    make(map[*conn]struct{}),
	}
	s.fewer = sync.NewCond(&s.mu)
	s.faults.set(o.Faults)
	s.imap = imapserver.New(&imapserver.Options{
		NewSession:   s.newSession,
		Caps:         imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapLiteralPlus: {}, imap.CapNamespace: {}, imap.CapMove: {}},
		InsecureAuth: true, // the front decides about TLS
		Logger:       log.New(io.Discard, "", 0),
	})
	s.serving.Go(func() { _ = s.imap.Serve(s.queue) }) // ends when the queue is closed
	go s.acceptAll()
	return s, nil
}

// acceptAll hands each client to imapserver behind a front of its own.
func (s *Server) acceptAll() {
	defer close(s.accept)
	for {
		nc, err := s.listener.Accept()
		if err != nil {
			return
		}
		c := newConn(s, nc)
		s.mu.Lock()
		closed := s.closed
		if !closed {
			s.conns[c] = struct{}{}
			s.serving.Add(1)
		}
		s.mu.Unlock()
		if closed {
			_ = nc.Close()
			continue
		}
		s.workOff(c)
		if !s.queue.put(c) {
			c.cut()
			s.gone(c)
		}
	}
}

// Addr returns the server's "host:port".
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close ends the server and all its connections, and waits until nothing of
// it runs any more. It may be called twice.
func (s *Server) Close() error {
	err := s.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	<-s.accept
	s.mu.Lock()
	s.closed = true
	conns := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	for _, c := range conns {
		c.cut()
	}
	_ = s.queue.Close()
	s.serving.Wait()
	return err
}

// Disconnect drops every connection at once, as a restart of the server would.
func (s *Server) Disconnect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.cut()
	}
}

// workOff waits until what had come over connections that were cut is done: it
// is there at the first look of whoever connects next.
func (s *Server) workOff(next *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.some(func(c *conn) bool { return c != next && c.ending.Load() }) {
		s.fewer.Wait()
	}
}

// Drain waits until no connection is left, or ctx ends: when clients have gone,
// what they sent before is done by then.
func (s *Server) Drain(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.fewer.Broadcast()
	})()
	s.mu.Lock()
	defer s.mu.Unlock()
	for ctx.Err() == nil && s.some(func(*conn) bool { return true }) {
		s.fewer.Wait()
	}
	return context.Cause(ctx)
}

// some reports whether a connection is as asked. The caller holds mu.
func (s *Server) some(as func(*conn) bool) bool {
	for c := range s.conns {
		if as(c) {
			return true
		}
	}
	return false
}

// gone is called by each front when imapserver has done with it.
func (s *Server) gone(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.fewer.Broadcast()
	s.mu.Unlock()
	s.serving.Done()
}

// connected counts the connections that there are.
func (s *Server) connected() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Account creates an account with an empty INBOX. An account of that name is
// replaced.
func (s *Server) Account(user, password string) *Account {
	a := newAccount(s.opts, user, password)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts[user] = a
	return a
}

// Lookup returns the account of that name, or nil.
func (s *Server) Lookup(user string) *Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accounts[user]
}

// login checks a password and counts the attempt.
func (s *Server) login(user, password string) (*Account, error) {
	s.mu.Lock()
	s.logins++
	a := s.accounts[user]
	s.mu.Unlock()
	if a == nil || !a.try(password) {
		return nil, imapserver.ErrAuthFailed
	}
	return a, nil
}

// Logins counts the login attempts so far, successful or not, to any name.
func (s *Server) Logins() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins
}

// Commands returns the command lines received so far, without their tags and
// with secrets replaced by ***. A literal is shown by its size alone.
func (s *Server) Commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.commands)
}

// Count tells how many of the commands so far begin with the verb, such as
// "APPEND" or "UID STORE".
func (s *Server) Count(verb string) int {
	n := 0
	for _, line := range s.Commands() {
		if line == verb || strings.HasPrefix(line, verb+" ") {
			n++
		}
	}
	return n
}

// ResetCommands forgets the commands so far.
func (s *Server) ResetCommands() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commands = nil
}

// maxLogged bounds a line of the command log.
const maxLogged = 1024

// logCommand keeps a command for Commands.
func (s *Server) logCommand(line string) {
	if len(line) > maxLogged {
		line = line[:maxLogged]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commands = append(s.commands, line)
}

// SetFaults replaces what goes wrong from now on; counters begin anew.
func (s *Server) SetFaults(f Faults) { s.faults.set(f) }

// A queue is the listener that imapserver accepts from. The real one is
// accepted from before, so that every connection is known and can be cut.
type queue struct {
	addr  net.Addr
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newQueue(addr net.Addr) *queue {
	return &queue{addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
}

// put waits until imapserver takes the connection, and reports false when it
// no longer does.
func (q *queue) put(c net.Conn) bool {
	select {
	case q.conns <- c:
		return true
	case <-q.done:
		return false
	}
}

func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}

func (q *queue) Close() error {
	q.once.Do(func() { close(q.done) })
	return nil
}

func (q *queue) Addr() net.Addr { return q.addr }
