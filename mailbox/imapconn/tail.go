package imapconn

import (
	"strings"
	"sync"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// tailLines is how many lines a connection remembers for reports of errors.
const tailLines = 12

// tail remembers the last lines of the dialogue, commands by their verb only
// and responses without their data: no password, address or subject is in it.
type tail struct {
	mu    sync.Mutex
	lines []string
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lines) == tailLines {
		t.lines = t.lines[1:]
	}
	t.lines = append(t.lines, line)
}

func (t *tail) command(tag, verb string) { t.add("C: " + tag + " " + verb) }

func (t *tail) response(p *wire.Response) {
	switch {
	case p.Kind == wire.Continuation:
		t.add("S: +")
	case p.IsStatus():
		line := "S: * "
		if p.Kind == wire.Tagged {
			line = "S: " + p.Tag + " "
		}
		if p.Code != "" {
			t.add(printable(line + p.Name + " [" + p.Code + "] " + p.Text))
			return
		}
		t.add(printable(line + p.Name + " " + p.Text))
	}
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}
