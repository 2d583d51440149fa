package journal

import (
	"context"
	"fmt"
)

// A Rest is how a pair of mailboxes was left when nothing was to be done for
// it any more.
type Rest struct {
	Source, Target                 string // names as the servers write them
	SourceValidity, TargetValidity uint32
	Mark                           string // what the source said of the mailbox, in the caller's form
	Note                           string // what became of its messages, in the caller's form
}

// Rested notes that nothing is left to be done for the page.
func (p *Page) Rested(ctx context.Context, mark, note string) error {
	err := p.change(ctx, func(tx *transaction) error {
		_, err := tx.exec(ctx, `INSERT INTO copy_rest
			(pair, reverse, source_validity, target_validity, mark, note) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (pair, reverse) DO UPDATE SET source_validity = EXCLUDED.source_validity,
			target_validity = EXCLUDED.target_validity, mark = EXCLUDED.mark, note = EXCLUDED.note`,
			p.pair, p.reverse(), p.key.SourceValidity, p.key.TargetValidity, mark, note)
		return err
	})
	if err != nil {
		return fmt.Errorf("journal rest: %w", err)
	}
	return nil
}

// Stirred takes Rested back, before anything is done for the page again. It
// holds for the pair under any UIDVALIDITY.
func (p *Page) Stirred(ctx context.Context) error {
	err := p.change(ctx, func(tx *transaction) error {
		_, err := tx.exec(ctx, `DELETE FROM copy_rest WHERE pair = $1 AND reverse = $2`, p.pair, p.reverse())
		return err
	})
	if err != nil {
		return fmt.Errorf("journal rest: %w", err)
	}
	return nil
}

// Rests returns what is at rest of an account, in one direction.
func (j *Journal) Rests(ctx context.Context, account string, reverse bool) ([]Rest, error) {
	way := 0
	if reverse {
		way = 1
	}
	var all []Rest
	err := j.rows(ctx, `SELECT q.old_mailbox, q.new_mailbox, r.source_validity, r.target_validity, r.mark, r.note
		FROM copy_rest r JOIN copy_pair q ON q.id = r.pair WHERE q.account = $1 AND r.reverse = $2`,
		[]any{text(account), way}, func(scan func(...any) error) error {
			var r Rest
			if err := scan(&r.Source, &r.Target, &r.SourceValidity, &r.TargetValidity, &r.Mark, &r.Note); err != nil {
				return fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
			if reverse {
				r.Source, r.Target = r.Target, r.Source
			}
			all = append(all, r)
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("journal rests of %s: %w", account, err)
	}
	return all, nil
}
