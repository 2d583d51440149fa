package mailbox

import (
	"context"

	"github.com/mxmove/mxmove/migrate/finding"
)

// A State says whether one side of an account can be used.
type State string

// The states of a login.
const (
	OK          State = "ok"
	BadLogin    State = "login"        // the server refuses the login
	Unreachable State = "unreachable"  // no connection, or no trust in it
	Unusable    State = "unusable"     // logged in, and every command fails
	NotMeasured State = "not-measured" // nobody has asked
)

// A LoginResult is what a first look at one account found.
type LoginResult struct {
	Account        string
	Source, Target State
	SourceErr      error // why the state is not ok
	TargetErr      error

	// Filled with LoginOptions.Inventory, from the source.
	Mailboxes int
	Messages  int
	Bytes     int64 // -1: the server did not tell
	Pairs     []Pair
	Findings  []finding.Finding // names that will not fit, mailboxes that are left out
}

// LoginOptions say how far the first look goes.
type LoginOptions struct {
	Inventory  bool    // count the source, and pair the mailboxes
	TargetOnly bool    // the source is not asked
	Copy       Options // how the pairs will be made, and how many accounts are looked at at once
}

// Logins tries every login on both sides, each once, before anything is
// copied. The results are in the order of the accounts.
func Logins(ctx context.Context, accounts []Account, o LoginOptions) []LoginResult {
	return nil
}
