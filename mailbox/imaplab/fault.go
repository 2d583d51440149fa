package imaplab

import (
	"sync"
	"time"
)

// Faults is what goes wrong at a server. The zero value is a server that works.
type Faults struct {
	CutIn  int64         // the connection that brings this octet is cut behind it; 0: none. All connections count together, and it happens once.
	CutOut int64         // the same for octets to clients
	End    End           // how CutIn and CutOut cut
	Delay  time.Duration // waited before each command
	Most   int           // connections at once; a login over one more is refused as Dovecot does; 0: any number

	Compress Compression // what a connection becomes that is compressed

	// Command is asked about each command before it is done; nil lets all
	// pass. It must be safe for concurrent use.
	Command func(Command) Action

	// Answer may give the whole answer to a command, line by line, in the
	// place of what the server would do: "TAG" at the beginning of a line is
	// the command's tag. Lines without any come before what the server does.
	// Nil, or no lines: the command is done as usual. An APPEND is read to its
	// end before. It must be safe for concurrent use.
	Answer func(Command) []string
}

// An End is how a connection is cut at an octet.
type End string

// The ends.
const (
	Close End = "close" // orderly: what was counted arrives; also the meaning of "" for CutOut
	Reset End = "reset" // what is on its way may be lost; also the meaning of "" for CutIn
)

// A Command is one command of a client, as Faults.Command sees it.
type Command struct {
	Verb string // upper case, with UID where it stands before: "APPEND", "UID FETCH"
	N    int    // how many of this verb have come since SetFaults, this one included
	User string // empty before the login
	Args string // the rest of the line, secrets replaced by ***
}

// An Action is what becomes of a command.
type Action string

// The actions.
const (
	Pass   Action = ""       // done as usual
	Refuse Action = "refuse" // answered NO, before the continuation request where a literal waits for one
	Bye    Action = "bye"    // answered BYE, and the connection closed
	Cut    Action = "cut"    // not done, and the connection cut
	Mute   Action = "mute"   // done, and the connection cut where the tagged answer would stand
)

// faults counts for a server.
type faults struct {
	mu      sync.Mutex
	f       Faults
	in, out int64 // octets until the cut; negative: none is due
	seen    map[string]int
}

// set begins anew with f.
func (fs *faults) set(f Faults) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.f = f
	fs.in, fs.out = due(f.CutIn), due(f.CutOut)
	fs.seen = make(map[string]int)
}

// due turns the option, where 0 is none, into a counter.
func due(n int64) int64 {
	if n <= 0 {
		return -1
	}
	return n
}

// pass tells how many of n octets may pass, and whether the connection is cut
// behind them.
func (fs *faults) pass(n int, left *int64) (int, bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if *left < 0 {
		return n, false
	}
	if int64(n) < *left {
		*left -= int64(n)
		return n, false
	}
	n, *left = int(*left), -1
	return n, true
}

// end returns how a connection is cut, or the way that is usual for it.
func (fs *faults) end(usual End) End {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.f.End != "" {
		return fs.f.End
	}
	return usual
}

// compression returns what is to become of a connection that is compressed.
func (fs *faults) compression() Compression {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.f.Compress
}

// crowded reports whether n connections are more than there may be.
func (fs *faults) crowded(n int) bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.f.Most > 0 && n > fs.f.Most
}

// before returns the wait and the action for a command, and its answer where
// that is given.
func (fs *faults) before(c Command) (wait time.Duration, action Action, answer []string) {
	fs.mu.Lock()
	fs.seen[c.Verb]++
	c.N = fs.seen[c.Verb]
	f := fs.f
	fs.mu.Unlock()
	if f.Command != nil {
		action = f.Command(c)
	}
	if f.Answer != nil {
		answer = f.Answer(c)
	}
	return f.Delay, action, answer
}
