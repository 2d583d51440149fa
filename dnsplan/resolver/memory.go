package resolver

import (
	"sync"
	"time"
)

// silentFor is for how many timeouts a server that has never answered is not
// asked again: it costs its timeout once, not once per name.
const silentFor = 30

// A memory knows which servers answer. One that has answered once is asked
// again whatever happens: some servers answer everything but one type.
type memory struct {
	mu    sync.Mutex
	alive map[string]bool
	quiet map[string]quiet
}

type quiet struct {
	until time.Time
	err   error
}

func (m *memory) heard(addr string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.alive == nil {
		m.alive = make(map[string]bool)
	}
	m.alive[addr] = true
	delete(m.quiet, addr)
}

func (m *memory) silent(addr string, err error, length time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.alive[addr] {
		return
	}
	if m.quiet == nil {
		m.quiet = make(map[string]quiet)
	}
	m.quiet[addr] = quiet{time.Now().Add(length), err}
}

// silence returns why a server need not be asked now, or nil.
func (m *memory) silence(addr string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if q, ok := m.quiet[addr]; ok && time.Now().Before(q.until) {
		return q.err
	}
	return nil
}
