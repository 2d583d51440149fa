package mailbox

import (
	"time"

	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// An EventType names what happened, in the words of sync --json.
type EventType string

// The event types of a copy.
const (
	MailboxStart    EventType = "mailbox.start"
	MailboxProgress EventType = "mailbox.progress"
	MailboxDone     EventType = "mailbox.done"
	MessageRefused  EventType = "message.refused"
	AccountWaiting  EventType = "account.waiting"
	RunDone         EventType = "run.done"
)

// An Event is something that happened during a copy. Names come from servers
// and are cleaned of control characters.
type Event struct {
	Time    time.Time     `json:"time"`
	Type    EventType     `json:"type"`
	Account string        `json:"account"`
	Mailbox string        `json:"mailbox"`          // source mailbox, as people see it
	Listed  int           `json:"listed,omitempty"` // with MailboxProgress: messages that a list has told so far; it says nothing else then
	Total   int           `json:"total"`            // messages that this run has to send
	Done    int           `json:"done"`             // of which settled
	Bytes   int64         `json:"bytes"`            // octets of messages sent so far
	Hold    Hold          `json:"hold,omitempty"`   // with MailboxProgress: what the account's copy waits for most
	Wait    time.Duration `json:"wait,omitempty"`   // with AccountWaiting
	Tally   *Tally        `json:"tally,omitempty"`
	Text    string        `json:"text,omitempty"` // one line for people
}

const (
	// tellEvery is the least pause between two events of one list.
	tellEvery = 2 * time.Second

	// tellAfter is after how many messages of a list the clock is asked.
	tellAfter = 16
)

// counter tells now and then how many messages of a mailbox a list has told,
// each of which it is called for: a large mailbox takes minutes before anything
// else can be said.
func (c *carrier) counter(mailbox string) func() {
	n, told := 0, c.o.Now()
	return func() {
		if n++; n%tellAfter != 0 {
			return
		}
		if now := c.o.Now(); now.Sub(told) >= tellEvery || now.Before(told) {
			told = now
			c.emit(Event{Type: MailboxProgress, Account: c.account.Name, Mailbox: mailbox, Listed: n})
		}
	}
}

// counting counts what is told to fn.
func counting(count func(), fn func(wire.Message) error) func(wire.Message) error {
	return func(m wire.Message) error {
		count()
		return fn(m)
	}
}
