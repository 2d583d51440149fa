package mailbox

import (
	"context"
	"errors"
)

// A Balance is what Verify found. It marshals to the document of verify --json.
type Balance struct {
	Version  int              `json:"version"`
	Accounts []AccountBalance `json:"accounts"`
	Balanced bool             `json:"balanced"` // nothing is missing, in doubt, different or unread
}

// An AccountBalance is the balance of one account.
type AccountBalance struct {
	Address   string           `json:"address"`
	Mailboxes []MailboxBalance `json:"mailboxes"`
	Unread    string           `json:"unread,omitempty"` // why the account could not be read at all
	Err       error            `json:"-"`                // the error behind Unread
}

// A MailboxBalance is the balance of one pair of mailboxes.
type MailboxBalance struct {
	Source string
	Target string
	Tally
	Extra    int    // at the target only
	Repaired int    // stored with a minimal repair
	Differs  int    // found by content to be different, counted beside its state
	Unread   string // why the mailbox could not be read; Messages and Doubt are then what STATUS said
	Unknown  bool   // with Unread: STATUS said nothing either
}

// VerifyOptions say how Verify compares. Copy holds the options that the
// accounts were copied with.
type VerifyOptions struct {
	Copy Options
	Hash int // percent of the messages whose content is compared: 0 none, 100 all

	// Message is told about every message, from several goroutines but never
	// two at once; nil: nobody.
	Message func(Mark)
}

// A Mark is the verdict on one message: '=' on both sides, '+' missing at the
// target, '-' at the target only, '!' different, '?' in doubt or unreadable.
type Mark struct {
	Account, Mailbox string
	Sign             byte
	Message          Message
}

// Verify compares both sides of the accounts. Both are opened for reading
// only. Whether a message is at the target is decided from the two servers;
// the journal only says why. It returns an error where the run as a whole
// ended early; an account that cannot be read stands in the Balance.
func (c *Copier) Verify(ctx context.Context, accounts []Account, o VerifyOptions) (Balance, error) {
	return Balance{}, errors.ErrUnsupported
}
