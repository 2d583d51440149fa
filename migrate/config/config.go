// Package config reads what a person wrote about a move, mxmove.yaml and
// accounts.csv, into plain values. It is strict: what it does not know, it
// refuses with the place, the line and the remedy. Secrets are described, not
// read: only cmd asks the environment, a file, a command or the terminal.
package config

import "time"

// File is the name of the configuration in a move directory.
const File = "mxmove.yaml"

// A Config is a whole mxmove.yaml. Paths in it are absolute or relative to the
// working directory, never to the file; names are A-labels in lower case
// without a final dot; defaults are filled in.
type Config struct {
	Dir  string // the move directory: where the file lies
	File string // the file, as it was given to Load

	Domain       string
	Provider     string              // a name from the catalogue; empty when ProviderFile is set
	ProviderFile string              // a provider file of the user's own, or empty
	Vars         map[string][]string // what only the provider's console can tell
	AliasDomains []Alias             // in the order of the file

	Source, Target Server
	Accounts       string     // the path of accounts.csv, or empty
	Inventory      *Inventory // nil: nothing is known of the old server's files

	DNS       DNS
	Sync      Sync
	Probe     *Probe // nil: no probe can be received
	Policy    Policy
	Rehearsal *Rehearsal // nil: connections go where their names lead
}

// An Alias is a further domain on the same mailboxes.
type Alias struct {
	Domain string
	Vars   map[string][]string
}

// An Inventory says where copies of the old server's files are.
type Inventory struct {
	Postfix string   // directory of main.cf, or empty
	Dovecot string   // directory of dovecot.conf, or empty
	MailLog []string // patterns of log files
}

// A Sync holds the bounds and habits of the copy.
type Sync struct {
	Connections int               // per account and side; default 4
	Accounts    int               // at once; default 4
	Memory      int64             // octets of messages in flight; default 64 MiB
	Exclude     []string          // special-use attributes or names
	Deleted     string            // "copy", "unflag" or "skip"; default copy
	Gone        string            // "follow" or "keep"; default follow
	Mailboxes   map[string]string // explicit pairs, source to target
}

// A Probe says where the DMARC probe is received: in a mailbox elsewhere, or
// at a port of this machine.
type Probe struct {
	Address  string
	IMAP     *Endpoint // nil: Listen is set
	TLS      TLS
	Password Secret
	OAuth    *OAuth // instead of Password; nil: the password
	Listen   string // "host:port" on this machine, to which Address's MX record leads, or empty
}

// A Policy holds the times of the watch.
type Policy struct {
	Quiet time.Duration // without real mail at the old server; default 14 days
	Sweep time.Duration // between two sweeps; default 5 minutes
}

// A Rehearsal redirects connections to loopback, for labs.
type Rehearsal struct {
	Connect map[string]string // "host:port" as it would be dialled, to "127.0.0.1:port"
	CA      string            // a file of certificates to trust besides, or empty
}
