package imaplab

import (
	"crypto/tls"
	"time"

	"github.com/emersion/go-imap/v2"
)

// Options says what kind of server is wanted. The zero value is a clear-text
// server with the delimiter "/" and every capability that the lab speaks.
type Options struct {
	Delim       rune        // hierarchy delimiter; 0 means '/'
	Prefix      string      // personal namespace, such as "INBOX."; mailboxes other than INBOX must begin with it
	TLS         *tls.Config // nil: clear text
	StartTLS    bool        // with TLS: clear text until STARTTLS, no login before it; otherwise TLS from the first octet
	Hide        []imap.Cap  // capabilities neither announced nor spoken, such as MULTIAPPEND or LITERAL+
	Extra       []imap.Cap  // announced besides, such as LITERAL- when LITERAL+ is hidden
	Greeting    string      // the text of the greeting, by which clients know a product; empty: the lab's own
	Flags       []imap.Flag // the only ones that are kept, PERMANENTFLAGS; nil: all
	NoKeywords  bool        // PERMANENTFLAGS without \*: unknown keywords are dropped in silence, as Exchange does
	AppendLimit int64       // largest message in octets; 0 means 64 MiB, not announced
	Gmail       bool        // a mailbox is a label, and keeps one of several identical messages; X-GM-EXT-1
	PlainUses   bool        // special uses are told with a plain LIST too
	Restless    bool        // each EXAMINE tells another UIDVALIDITY, until the mailbox is selected
	AnyCase     bool        // names that differ only in case are one mailbox

	// RefuseAppend is asked for each message that APPEND brings. An error
	// refuses the whole command with NO and the error's text; an *imap.Error
	// also chooses the response code. It must be safe for concurrent use.
	RefuseAppend func(mailbox string, body []byte) error

	// Keep changes a message before it is stored, as servers do that normalise
	// line ends; nil stores it as it came. It must be safe for concurrent use.
	Keep func(m Message) Message

	// Bearer checks an access token and says until when a session lives that
	// it opens; the zero time has no end. With it XOAUTH2 and OAUTHBEARER are
	// spoken beside PLAIN; hide AUTH=PLAIN for a server that takes no
	// password. An error refuses the token. It must be safe for concurrent
	// use; TokenServer.Check is one.
	Bearer func(user, token string) (until time.Time, err error)

	Faults Faults // what goes wrong from the start; see SetFaults
}

const defaultAppendLimit = 64 << 20
