package mailbox

import "sync"

// A crew is the pairs of connections that copy an account. One that the server
// does not let in beside the others leaves, and does not come back in this
// run: what it had begun another one ends.
type crew struct {
	mu     sync.Mutex
	lanes  int // still at work
	out    map[*ends]bool
	behind []int // places of mailboxes that were handed on
}

// leave lets a pair go, unless it is the last one.
func (c *crew) leave(e *ends) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.out[e]:
		return true
	case c.lanes <= 1:
		return false
	case c.out == nil:
		c.out = make(map[*ends]bool)
	}
	c.lanes--
	c.out[e] = true
	return true
}

// left reports whether a pair has gone.
func (c *crew) left(e *ends) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out[e]
}

// hand leaves mailboxes to the others.
func (c *crew) hand(places ...int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.behind = append(c.behind, places...)
}
