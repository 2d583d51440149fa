// Package mailbox copies many accounts from one IMAP server to another: every
// mailbox with its messages, flags, keywords and dates, octet for octet and
// exactly once as far as IMAP allows. It may be stopped, killed and repeated
// at any point, and it tells what became of every message.
//
// The source is only ever read. At the target messages are added, and flags of
// our own copies follow the source until the move's switch; nothing is ever
// deleted on either side.
package mailbox

import (
	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/internal/wire"
)

// An Account is one login on each side of the move.
type Account struct {
	Name   string // its address, for people; also its name in the journal
	Into   string // parent mailbox at the target; empty: the account itself
	Source Side
	Target Side
}

// A Side is how an account is reached on one server.
type Side struct {
	Endpoint imapconn.Endpoint
	Login    imapconn.Login
}

// A Message is what a mailbox listing tells about one message.
type Message = wire.Message

// A Mailbox is one line of a server's list of mailboxes.
type Mailbox = wire.Mailbox
