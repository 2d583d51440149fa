// Package inventory reads which addresses an old mail server accepts from
// copies of its own files: the tables of Postfix, the users of Dovecot, and
// the mail log, which says what was really accepted. What cannot be listed is
// named, never passed over: an address that nobody knew of bounces on the
// night of the switch.
package inventory

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// Where the files lay on the old server.
const (
	PostfixDir = "/etc/postfix"
	DovecotDir = "/etc/dovecot"
)

// UsersFile is the name under which the output of doveadm user '*' is looked
// for beside dovecot.conf. It stands in for user databases that no file holds.
const UsersFile = "doveadm-user.txt"

// Options say what is read. Nothing is written and nobody is asked.
type Options struct {
	// Domains are those that move, as A-labels in lower case, the first one
	// first. Addresses of others are not kept.
	Domains []string
	Files   Files
	Postfix bool // main.cf is expected in PostfixDir
	Dovecot bool // dovecot.conf or UsersFile is expected in DovecotDir
	Logs    []Log
	// Now bounds the times of log lines, which often lack a year.
	Now time.Time
}

// A Kind says what stands behind an address at the old server.
type Kind string

// The kinds of addresses.
const (
	Mailbox Kind = "mailbox" // mail is stored there
	Alias   Kind = "alias"   // mail is passed on to other addresses
	Program Kind = "program" // mail is handed to a program or appended to a file
	Relayed Kind = "relayed" // mail is passed on to the server behind
)

// An Address is one that the old server is configured to accept.
type Address struct {
	Address string // lower case
	Kind    Kind
	To      []string // where an alias leads, as it is written there
	Sources []string // file:line, the evidence
	System  bool     // named only by the system's own accounts and aliases, as daemon or nobody
	Stored  bool     // a mailbox has this name, even where an alias takes what comes now
}

// An Observation is an address that the log shows as accepted.
type Observation struct {
	Address string
	Count   int
	Last    time.Time // zero where no line could be dated
	Source  string    // file:line of the latest
}

// A Wildcard is a domain whose every address is accepted.
type Wildcard struct {
	Domain  string
	Sources []string
}

// An Unlisted is something that may hold addresses and could not be listed.
type Unlisted struct {
	What string // such as "virtual_alias_maps: mysql:/etc/postfix/aliases.cf"
	Why  string
	Fix  string
}

// A Set is what is known of the addresses of an old server. All lists are
// sorted, and addresses are in lower case.
type Set struct {
	Configured []Address
	Observed   []Observation
	CatchAll   []Wildcard
	Unlisted   []Unlisted
	Domains    []string // every domain that Postfix takes mail for, moved or not, but for the machine's own names
	Delimiter  string   // the characters of recipient_delimiter

	// Classes are the parameters of Postfix that name a domain, such as
	// "mydestination".
	Classes map[string][]string

	Logged      bool // a log was read, so that silence says something
	Since, Last time.Time
}

// ErrMissing is returned where a configured copy does not hold what it is for.
var ErrMissing = errors.New("inventory: the file is not there")

// Read takes the inventory. An error means that a copy is not what the
// configuration says; what is merely unreadable stands in Unlisted.
func Read(ctx context.Context, o Options) (*Set, error) {
	b := newBuilder(o.Domains)
	if o.Postfix {
		if err := readPostfix(o.Files, b); err != nil {
			return nil, fmt.Errorf("postfix: %w", err)
		}
	}
	if o.Dovecot {
		if err := readDovecot(o.Files, b); err != nil {
			return nil, fmt.Errorf("dovecot: %w", err)
		}
	}
	w := newWatcher(o)
	for _, log := range o.Logs {
		if why, err := w.read(ctx, log); err != nil {
			return nil, err
		} else if why != "" {
			b.unlisted("mail log "+log.Name, why, "unpack it, or leave it out of inventory.maillog")
		}
	}
	s := b.set()
	w.into(s)
	return s, nil
}

// missing reports whether a file is absent, which is often no fault.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
