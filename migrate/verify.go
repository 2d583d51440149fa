package migrate

import (
	"context"
	"errors"
	"fmt"

	"github.com/mxmove/mxmove/mailbox"
)

// VerifyOptions say what is compared.
type VerifyOptions struct {
	Accounts []string // none: all
	Hash     int      // percent of the messages whose content is compared
	Message  func(mailbox.Mark)
}

// Verify compares both sides without believing the journal. Nothing is
// written on either; the balance of all accounts is kept for the report, so
// the lock is taken.
func (m *Move) Verify(ctx context.Context, o VerifyOptions) (mailbox.Balance, error) {
	var balance mailbox.Balance
	err := m.locked(ctx, "verify", func(r *run) (err error) {
		balance, err = r.verify(ctx, o)
		return err
	})
	return balance, err
}

func (r *run) verify(ctx context.Context, o VerifyOptions) (mailbox.Balance, error) {
	p, _, err := r.provider()
	if err != nil {
		return mailbox.Balance{}, err
	}
	accounts, err := r.accounts(p, o.Accounts)
	if err != nil {
		return mailbox.Balance{}, err
	}
	additions, why, err := r.additionsOnly(ctx, p)
	if err != nil {
		return mailbox.Balance{}, err
	}
	if why != "" {
		r.say("%s", why)
	}
	options := r.copyOptions(p)
	options.Additions = additions
	balance, err := r.copier(options).Verify(ctx, accounts, mailbox.VerifyOptions{Copy: options, Hash: o.Hash, Message: o.Message})
	if err != nil {
		return balance, err
	}
	if len(o.Accounts) == 0 {
		if err := r.remember(ctx, balanceKind, "", balance); err != nil {
			return balance, err
		}
	}
	return balance, unbalanced(balance)
}

// unbalanced turns what does not balance into an error.
func unbalanced(b mailbox.Balance) error {
	if b.Balanced {
		return nil
	}
	var errs []error
	var t mailbox.Tally
	unread, differs := 0, 0
	for _, a := range b.Accounts {
		errs = append(errs, a.Err)
		if a.Unread != "" {
			unread++
		}
		for _, mb := range a.Mailboxes {
			t = t.Add(mb.Tally)
			differs += mb.Differs
			if mb.Unread != "" {
				unread++
			}
		}
	}
	errs = append(errs, &PersonError{What: fmt.Sprintf("not balanced: %d missing, %d in doubt, %d different, %d unread", t.Missing, t.Doubt, differs, unread)})
	return errors.Join(errs...)
}
