package mailbox

import (
	"errors"
	"log/slog"
	"time"

	"github.com/emersion/go-imap/v2"
)

// Errors of a run that ended early, in a consistent state. The same command
// goes on where it stopped.
var (
	ErrLimit   = errors.New("mailbox: stopped by a limit")
	ErrStopped = errors.New("mailbox: stopped on request")
)

// Deleted says what becomes of messages that bear the flag \Deleted.
type Deleted string

// What becomes of messages flagged \Deleted.
const (
	DeletedCopy   Deleted = "copy"   // copied with the flag; also the meaning of ""
	DeletedUnflag Deleted = "unflag" // copied without it
	DeletedSkip   Deleted = "skip"   // left out, and counted as skipped
)

// Gone says what becomes of a copy whose message was moved or deleted at the
// source before the switch.
type Gone string

// What becomes of such a copy.
const (
	GoneFollow Gone = "follow" // our own, untouched copy moves along, or to Trash; also the meaning of ""
	GoneKeep   Gone = "keep"   // it stays where it is
)

// Options say how accounts are copied. The zero value copies everything, as a
// move does before its switch.
type Options struct {
	Connections int   // per account and side; 0 means 4
	Accounts    int   // accounts at once; 0 means 4
	Memory      int64 // octets of messages in flight, all accounts together; 0 means 64 MiB

	Exclude   []string                    // mailboxes left out: special uses such as \Trash, or names as people see them
	Deleted   Deleted                     // what becomes of messages flagged \Deleted
	Gone      Gone                        // what becomes of copies whose message has gone from the source
	Mailboxes map[string]string           // explicit pairs, source to target, as people see the names
	Names     map[imap.MailboxAttr]string // the provider's names of special mailboxes, where its list does not tell
	Reserved  []string                    // names that the provider does not let anybody create

	AppendLimit int64 // largest message that the target takes, in octets; 0: what the server says

	// Additions is set from the switch on: messages are added, and what the
	// user does at the target stays. Without it the source rules, and flags
	// changed there are carried over.
	Additions bool

	// Trace tells of each mailbox which messages were sent, for Received.
	Trace bool

	// Reverse is set where the copy runs from the new server back to the old
	// one: what was copied forth is then known on the way back.
	Reverse bool

	// RecopyMissing sends again what was copied once and is no longer at the
	// target, and what was refused.
	RecopyMissing bool

	// Allowance is how many octets the target takes of one account in a day. It
	// is counted from the journal over the runs of the last day, and an account
	// that has used it up ends with an AllowanceError. 0: not known.
	Allowance int64

	Bandwidth int64 // octets of messages in a second, all accounts together; 0: not bounded

	DryRun   bool          // read both sides, say what would be sent, change nothing
	MaxTime  time.Duration // no batch is begun after this time: ErrLimit; 0: no limit
	MaxBytes int64         // no batch is begun after so many octets: ErrLimit; 0: no limit

	// Stop ends the run when it is closed: what is in flight is finished, no
	// further batch is begun, and ErrStopped is returned. Nil never stops.
	Stop <-chan struct{}

	Refused string        // directory where refused messages are kept; empty: they are only listed
	Settle  time.Duration // between two looks for a message in doubt; 0 means 5 s

	Events func(Event)      // told what happens, from several goroutines but never two at once; nil: nobody
	Log    *slog.Logger     // nil: nothing is logged
	Now    func() time.Time // nil: the system's clock
}

const (
	defaultConnections = 4
	defaultAccounts    = 4
	defaultMemory      = 64 << 20
	defaultSettle      = 5 * time.Second
)

// filled returns the options with defaults in place of zero values.
func (o Options) filled() Options {
	if o.Connections <= 0 {
		o.Connections = defaultConnections
	}
	if o.Accounts <= 0 {
		o.Accounts = defaultAccounts
	}
	if o.Memory <= 0 {
		o.Memory = defaultMemory
	}
	if o.Settle <= 0 {
		o.Settle = defaultSettle
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}
