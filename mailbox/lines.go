package mailbox

import (
	"sync"

	"github.com/mxmove/mxmove/mailbox/imapconn"
)

// lines are the lines to the servers of one side, by address: what one account
// has found out about them holds for all others. A run finds out anew. While
// Options.Bandwidth holds a copy up nothing waits for the line, which then
// seems to be wide: it counts the octets of messages, compressed or not.
type lines struct {
	mu sync.Mutex
	to map[string]*imapconn.Line
}

// over returns the account with the lines that its connections go over.
func (r *run) over(a Account) *Account {
	r.sources.under(&a.Source.Endpoint)
	r.targets.under(&a.Target.Endpoint)
	return &a
}

// under gives an endpoint its line, unless the caller has given one.
func (l *lines) under(e *imapconn.Endpoint) {
	if e.Line != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.to == nil {
		l.to = make(map[string]*imapconn.Line)
	}
	if l.to[e.Addr] == nil {
		l.to[e.Addr] = new(imapconn.Line)
	}
	e.Line = l.to[e.Addr]
}
