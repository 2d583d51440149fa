package journal

import (
	"context"
	"fmt"
)

// A Kept is a mailbox of the old server of which messages are known to be at
// the new one. Names are as the journal keeps them: see Same.
type Kept struct {
	Source, Target string
	Validity       uint32 // of the source
	Messages       int
}

// Same reports whether a kept name is that of a mailbox, as its server writes
// it.
func Same(kept, name string) bool { return kept == text(name) }

// Kept returns the mailboxes of an account that messages were copied from,
// under every UIDVALIDITY that each had, in order.
func (j *Journal) Kept(ctx context.Context, account string) ([]Kept, error) {
	var all []Kept
	err := j.rows(ctx, `SELECT q.old_mailbox, q.new_mailbox, r.old_validity, SUM(r.messages)
		FROM copy_pair q JOIN copy_run r ON r.pair = q.id WHERE q.account = $1
		GROUP BY q.old_mailbox, q.new_mailbox, r.old_validity
		ORDER BY q.old_mailbox, q.new_mailbox, r.old_validity`,
		[]any{text(account)}, func(scan func(...any) error) error {
			var k Kept
			if err := scan(&k.Source, &k.Target, &k.Validity, &k.Messages); err != nil {
				return fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
			all = append(all, k)
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("journal of %s: %w", account, err)
	}
	return all, nil
}

// Renamed notes that a mailbox of the old server has another name now, and
// hands all that is known of it on to that name. Where that name has a page
// with the same target already, what was known stays with the old name.
func (j *Journal) Renamed(ctx context.Context, account, was, is, target string) error {
	err := j.change(ctx, func(tx *transaction) error {
		for _, s := range []struct {
			statement string
			names     []any
		}{
			{`UPDATE copy_pair SET old_mailbox = $1 WHERE account = $2 AND old_mailbox = $3 AND new_mailbox = $4
				AND NOT EXISTS (SELECT 1 FROM copy_pair WHERE account = $2 AND old_mailbox = $1 AND new_mailbox = $4)`,
				[]any{text(is), text(account), text(was), text(target)}},
			{`DELETE FROM copy_rename WHERE account = $1 AND old_mailbox IN ($2, $3)`, []any{text(account), text(was), text(is)}},
			{`INSERT INTO copy_rename (account, old_mailbox, new_mailbox) VALUES ($1, $2, $3)`, []any{text(account), text(is), text(target)}},
		} {
			if _, err := tx.exec(ctx, s.statement, s.names...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("journal rename: %w", err)
	}
	return nil
}

// Renames returns the mailboxes of the old server that were renamed, by their
// new names, and the targets that they keep.
func (j *Journal) Renames(ctx context.Context, account string) (map[string]string, error) {
	all := make(map[string]string)
	err := j.rows(ctx, `SELECT old_mailbox, new_mailbox FROM copy_rename WHERE account = $1`,
		[]any{text(account)}, func(scan func(...any) error) error {
			var source, target string
			if err := scan(&source, &target); err != nil {
				return fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
			all[source] = target
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("journal renames of %s: %w", account, err)
	}
	return all, nil
}
