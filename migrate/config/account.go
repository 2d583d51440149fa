package config

import "errors"

// An Account is one row of accounts.csv.
type Account struct {
	SourceUser, TargetUser         string
	SourcePassword, TargetPassword Secret
	Address                        string   // its domain is an A-label in lower case
	Aliases                        []string // further addresses of the same mailbox
	Into                           string   // parent mailbox at the target, or empty
	Line                           int      // where the row begins
}

// Name returns what the account is called in a move. It is the address, and
// with Into also that, since several rows may then share an address.
func (a Account) Name() string {
	if a.Into == "" {
		return a.Address
	}
	return a.Address + "/" + a.Into
}

// LoadAccounts reads accounts.csv. Users without a domain get the given one
// in their address.
func LoadAccounts(file, domain string) ([]Account, error) { return nil, errors.ErrUnsupported }
