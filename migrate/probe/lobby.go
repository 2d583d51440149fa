package probe

import (
	"net"
	"net/netip"
	"time"
)

// A lobby lets in as many as there is room for.
type lobby struct{ l *Listener }

// Accept returns the next connection that may stay.
func (b lobby) Accept() (net.Conn, error) {
	for {
		c, err := b.l.listener.Accept()
		if err != nil {
			return nil, err
		}
		if g := b.l.admit(c); g != nil {
			return g, nil
		}
		_ = c.Close()
	}
}

func (b lobby) Close() error   { return b.l.listener.Close() }
func (b lobby) Addr() net.Addr { return b.l.listener.Addr() }

// admit counts a connection in, or returns nil where there are too many.
func (l *Listener) admit(c net.Conn) *guest {
	g := &guest{Conn: c, l: l, peer: peerOf(c), ends: time.Now().Add(l.o.Hold)}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.conns) >= listenAtOnce || l.peers[g.peer] >= listenPerPeer {
		return nil
	}
	l.conns[g] = struct{}{}
	l.peers[g.peer]++
	return g
}

// A guest is a connection with an end: the server below renews its deadlines
// with every line, and whoever sends a line a minute would stay for ever.
type guest struct {
	net.Conn
	l    *Listener
	peer netip.Addr
	ends time.Time
}

func (g *guest) bound(t time.Time) time.Time {
	if t.IsZero() || t.After(g.ends) {
		return g.ends
	}
	return t
}

func (g *guest) SetDeadline(t time.Time) error      { return g.Conn.SetDeadline(g.bound(t)) }
func (g *guest) SetReadDeadline(t time.Time) error  { return g.Conn.SetReadDeadline(g.bound(t)) }
func (g *guest) SetWriteDeadline(t time.Time) error { return g.Conn.SetWriteDeadline(g.bound(t)) }

// Close counts the connection out.
func (g *guest) Close() error {
	g.l.mu.Lock()
	if _, ok := g.l.conns[g]; ok {
		delete(g.l.conns, g)
		if g.l.peers[g.peer]--; g.l.peers[g.peer] == 0 {
			delete(g.l.peers, g.peer)
		}
	}
	g.l.mu.Unlock()
	return g.Conn.Close()
}
