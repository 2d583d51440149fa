package mailbox

import "time"

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
	Mailbox string        `json:"mailbox"`        // source mailbox, as people see it
	Total   int           `json:"total"`          // messages that this run has to send
	Done    int           `json:"done"`           // of which settled
	Bytes   int64         `json:"bytes"`          // octets of messages sent so far
	Hold    Hold          `json:"hold,omitempty"` // with MailboxProgress: what the account's copy waits for most
	Wait    time.Duration `json:"wait,omitempty"` // with AccountWaiting
	Tally   *Tally        `json:"tally,omitempty"`
	Text    string        `json:"text,omitempty"` // one line for people
}
