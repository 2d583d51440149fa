package imapconn

import (
	"sync"
	"sync/atomic"
	"time"
)

// A Line is what the connections to one server know together about the line
// to it. Where that turns out to be narrow, connections that carry messages go
// on compressed (RFC 4978), if the server announces it: on a line with room to
// spare that would only cost time. The zero value knows nothing yet; all its
// methods may be called from any goroutine.
//
// A Line is measured in one direction, by the time that connections wait for
// the line while messages pass. A server that is slow itself is taken for a
// narrow line; compressing as little as it gives costs neither side much.
type Line struct {
	// Narrow is set where the line is known to be narrow ahead of any measure.
	Narrow bool

	// Below is how many octets a second all connections together carry over a
	// narrow line at most; 0 means 13 million, which a line of 100 Mbit/s
	// does not.
	Below int64

	// After is how long connections must have waited for the line before its
	// rate is believed; 0 means 3 s. Shorter copies are not worth a change.
	After time.Duration

	mu      sync.Mutex
	octets  int64         // that came while
	waited  time.Duration // was waited for them, and
	until   time.Time     // until when
	narrow  bool          // as was measured
	without bool          // the server cannot do it after all
}

const (
	// defaultBelow is a rate at which compressing a message costs less time
	// than sending a quarter of it, which is what goes of base64. One core
	// compresses about 100 million octets a second as we do it, and some 30
	// million as servers do.
	defaultBelow = 13_000_000

	// defaultAfter is long beside the beginning of a connection, when TCP has
	// yet to find out how fast the line is.
	defaultAfter = 3 * time.Second

	// leastMeasured is how many octets say something about a line.
	leastMeasured = 1 << 20

	// silence is a time for which a line that carries messages never gives
	// nothing at all: it is the server that is busy.
	silence = time.Second

	// burst is from how many octets on their way to the server the wait for
	// an answer is one for the line.
	burst = 32 << 10
)

// pays reports whether connections had better be compressed.
func (l *Line) pays() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return (l.Narrow || l.narrow) && !l.without
}

// asks reports whether nothing is decided yet.
func (l *Line) asks() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.Narrow && !l.narrow && !l.without
}

// spare is told that the server cannot do it, and reports whether that is
// news.
func (l *Line) spare() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	news := !l.without
	l.without = true
	return news
}

// passed notes that octets came over the line, and that some connection has
// waited for them. What several have waited at the same time counts once.
func (l *Line) passed(octets int, from, to time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.octets += int64(octets)
	if from.Before(l.until) {
		from = l.until
	}
	if to.After(from) {
		l.waited += to.Sub(from)
		l.until = to
	}
	below, after := l.Below, l.After
	if below == 0 {
		below = defaultBelow
	}
	if after == 0 {
		after = defaultAfter
	}
	if l.waited < after || l.octets < leastMeasured {
		return
	}
	l.narrow = l.narrow || float64(l.octets) < float64(below)*l.waited.Seconds()
	l.octets, l.waited = 0, 0 // what was once a wide line may become a narrow one
}

// A gauge measures the line of a connection while messages pass. Nothing is
// measured where neither direction has a Line.
type gauge struct {
	coming, leaving atomic.Pointer[Line]

	fresh atomic.Bool  // the next wait is one for the server, that was asked just now
	trip  atomic.Int64 // a round trip with little on the line, in nanoseconds
	heard atomic.Int64 // octets that had left when the server last said something
}

// began is when a read or write begins that is measured, and otherwise zero.
func (g *gauge) began() time.Time {
	if g.coming.Load() == nil && g.leaving.Load() == nil {
		return time.Time{}
	}
	return time.Now()
}

// asked notes that a command goes out while so many others are under way.
func (g *gauge) asked(others int) {
	if others == 0 {
		g.fresh.Store(true)
	}
}

// came notes a read, and how many octets had left before it ended.
func (g *gauge) came(n int, left int64, began time.Time) {
	if began.IsZero() || n == 0 {
		return
	}
	now := time.Now()
	if l := g.coming.Load(); l != nil {
		if g.fresh.Swap(false) || now.Sub(began) > silence {
			began = now
		}
		l.passed(n, began, now)
	}
	sent := left - g.heard.Swap(left)
	if l := g.leaving.Load(); l != nil && sent >= burst {
		l.passed(0, began.Add(time.Duration(g.trip.Load())), now)
	}
}

// left notes a write.
func (g *gauge) left(n int, began time.Time) {
	if l := g.leaving.Load(); l != nil && !began.IsZero() {
		l.passed(n, began, time.Now())
	}
}
