package mailbox

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox/imapconn"
)

// maxTraced is how many messages of a mailbox a run remembers one by one.
const maxTraced = 500

// Received reads how the messages that a run has sent had come to the source:
// fn gets the Received fields of each traced one, from several goroutines. The
// source is opened for reading only, and nothing is marked as read.
func Received(ctx context.Context, accounts []Account, result Result, o Options, fn func(AccountResult, MailboxResult, []byte)) error {
	var g errgroup.Group
	g.SetLimit(o.filled().Accounts)
	errs := make([]error, len(result.Accounts))
	for i, res := range result.Accounts {
		for _, a := range accounts {
			if a.Name != res.Account || !res.traced() {
				continue
			}
			g.Go(func() error {
				errs[i] = received(ctx, a.Source, res, fn)
				return nil
			})
		}
	}
	_ = g.Wait() // errors are in errs
	return errors.Join(errs...)
}

// traced reports whether anything was sent that is known by its UID.
func (a AccountResult) traced() bool {
	for _, mb := range a.Mailboxes {
		if len(mb.Traced) > 0 {
			return true
		}
	}
	return false
}

func received(ctx context.Context, s Side, res AccountResult, fn func(AccountResult, MailboxResult, []byte)) error {
	conn, err := imapconn.DialSource(ctx, s.Endpoint, s.Login)
	if err != nil {
		return fmt.Errorf("trace of %s: %w", clean(res.Account), err)
	}
	defer conn.Close()
	for _, mb := range res.Mailboxes {
		if len(mb.Traced) == 0 {
			continue
		}
		if _, err := conn.Examine(ctx, mb.wire); err != nil {
			return fmt.Errorf("trace of %s: %w", clean(res.Account), err)
		}
		if err := conn.HeaderFields(ctx, mb.Traced, "RECEIVED", func(_ imap.UID, fields []byte) error {
			fn(res, mb, fields)
			return nil
		}); err != nil {
			return fmt.Errorf("trace of %s: %w", clean(res.Account), err)
		}
	}
	return nil
}
