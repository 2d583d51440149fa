package migrate

import (
	"time"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/migrate/step"
)

// An EventType names what happened, in the words of sync --json.
type EventType string

// The event types. Talk and Waiting have no JSON form: they are for people who
// watch.
const (
	MailboxStart    EventType = "mailbox.start"
	MailboxProgress EventType = "mailbox.progress"
	MailboxDone     EventType = "mailbox.done"
	MessageRefused  EventType = "message.refused"
	AccountWaiting  EventType = "account.waiting"
	SweepDone       EventType = "sweep.done"
	Probed          EventType = "probe"
	PhaseReached    EventType = "phase"
	RunDone         EventType = "run.done"
	Talk            EventType = "talk"
	Waiting         EventType = "waiting" // a long wait begins, or has ended where Until is zero
)

// An Event is something that happened during a run.
type Event struct {
	Version int            `json:"version"`
	Time    time.Time      `json:"time"`
	Type    EventType      `json:"type"`
	Account string         `json:"account"`
	Mailbox string         `json:"mailbox"`
	Text    string         `json:"text,omitempty"`         // one line for people
	Phase   step.Phase     `json:"phase,omitempty"`        // with PhaseReached and Waiting
	Tally   *mailbox.Tally `json:"tally,omitempty"`        // with the done events
	Bytes   int64          `json:"bytes,omitempty"`        // octets of messages sent so far
	Listed  int            `json:"listed,omitempty"`       // with MailboxProgress: messages that a list has told so far
	Total   int            `json:"total,omitempty"`        // messages of the mailbox
	Done    int            `json:"done,omitempty"`         // of which settled
	Wait    float64        `json:"wait_seconds,omitempty"` // with AccountWaiting
	Hold    mailbox.Hold   `json:"hold,omitempty"`         // with MailboxProgress: what the copy waits for most
	Verdict string         `json:"verdict,omitempty"`      // with Probed
	Until   time.Time      `json:"-"`                      // with Waiting

	Verbatim bool `json:"-"` // with Talk: there is something in it to be copied, so it must not be broken
}
