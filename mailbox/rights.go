package mailbox

import (
	"context"
	"errors"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/mxmove/mxmove/mailbox/imapconn"
)

// Why a mailbox would not take a message.
var (
	ErrReadOnly = errors.New("mailbox: opened for reading only")
	ErrNoInsert = errors.New("mailbox: the login has no right to add messages")
)

// A RightResult says whether the way back is open for an account: its old
// server takes messages. A nil Err means that it does.
type RightResult struct {
	Account string
	Err     error
}

// Rights asks the old server of each account, without writing, whether it
// would take messages: the undo of a move copies back what arrived at the
// target. SELECT has to answer READ-WRITE, and where access lists are kept (RFC
// 4314) the login needs the right to insert. The results are in the order of
// the accounts.
func Rights(ctx context.Context, accounts []Account, o Options) []RightResult {
	o = o.filled()
	results := make([]RightResult, len(accounts))
	var g errgroup.Group
	g.SetLimit(o.Accounts)
	for i, a := range accounts {
		g.Go(func() error {
			results[i] = RightResult{Account: a.Name, Err: writable(ctx, a.Source)}
			return nil
		})
	}
	_ = g.Wait() // errors are in the results
	return results
}

func writable(ctx context.Context, s Side) error {
	conn, err := imapconn.DialTarget(ctx, s.Endpoint, s.Login)
	if err != nil {
		return err
	}
	defer conn.Close()
	selected, err := conn.Select(ctx, inbox)
	if err != nil {
		return err
	}
	if selected.ReadOnly {
		return ErrReadOnly
	}
	if !conn.Caps().Has("ACL") {
		return nil
	}
	rights, err := conn.MyRights(ctx, inbox)
	if err == nil && !strings.Contains(rights, "i") {
		return ErrNoInsert
	}
	return err
}
