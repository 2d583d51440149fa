package journal

import (
	"context"
	"fmt"

	"github.com/emersion/go-imap/v2"
)

// A Refusal is a message that the target does not take.
type Refusal struct {
	UID    imap.UID // at the source
	Size   int64
	Reason string // what the target said, in one line
	File   string // where the message is kept, below the directory of refused ones
}

// Refuse notes a refused message. A second refusal of the same message
// replaces the first.
func (p *Page) Refuse(ctx context.Context, r Refusal) error {
	err := p.change(ctx, func(tx *transaction) error {
		_, err := tx.exec(ctx, `INSERT INTO copy_refusal
			(pair, reverse, source_validity, uid, size, reason, file) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (pair, reverse, source_validity, uid)
			DO UPDATE SET size = EXCLUDED.size, reason = EXCLUDED.reason, file = EXCLUDED.file`,
			p.pair, p.reverse(), p.key.SourceValidity, r.UID, r.Size, text(r.Reason), r.File)
		return err
	})
	if err != nil {
		return fmt.Errorf("journal refusal: %w", err)
	}
	return nil
}

// Refusals returns the refused messages of the page by source UID.
func (p *Page) Refusals(ctx context.Context) (map[imap.UID]Refusal, error) {
	all := make(map[imap.UID]Refusal)
	err := p.j.rows(ctx, `SELECT uid, size, reason, file FROM copy_refusal
		WHERE pair = $1 AND reverse = $2 AND source_validity = $3`,
		[]any{p.pair, p.reverse(), p.key.SourceValidity}, func(scan func(...any) error) error {
			var r Refusal
			if err := scan(&r.UID, &r.Size, &r.Reason, &r.File); err != nil {
				return fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
			all[r.UID] = r
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("journal refusals: %w", err)
	}
	return all, nil
}

// Pardon takes a refusal back: the message has been taken after all.
func (p *Page) Pardon(ctx context.Context, uid imap.UID) error {
	err := p.change(ctx, func(tx *transaction) error {
		_, err := tx.exec(ctx, `DELETE FROM copy_refusal
			WHERE pair = $1 AND reverse = $2 AND source_validity = $3 AND uid = $4`,
			p.pair, p.reverse(), p.key.SourceValidity, uid)
		return err
	})
	if err != nil {
		return fmt.Errorf("journal refusal: %w", err)
	}
	return nil
}
