package journal

import (
	"context"
	"fmt"

	"github.com/emersion/go-imap/v2"
)

// A Repair is a message that the target did not take as it is, and that was
// sent with a change.
type Repair struct {
	UID    imap.UID // at the source
	What   string   // what was changed, in one line
	Reason string   // what the target had said to the message as it is
	File   string   // where the original is kept, below the directory of refused ones
	Listed bool     // the list that people read has it
}

// Repairing notes what a message is sent with, before it is sent. Whether the
// target took it stands in the runs.
func (p *Page) Repairing(ctx context.Context, r Repair) error {
	return p.repair(ctx, `INSERT INTO copy_repair
		(pair, reverse, source_validity, uid, what, reason, file, listed) VALUES ($1, $2, $3, $4, $5, $6, $7, 0)
		ON CONFLICT (pair, reverse, source_validity, uid)
		DO UPDATE SET what = EXCLUDED.what, reason = EXCLUDED.reason, file = EXCLUDED.file, listed = 0`,
		r.UID, r.What, text(r.Reason), r.File)
}

// Unrepaired takes Repairing back: the message is sent as it is, or refused in
// every form.
func (p *Page) Unrepaired(ctx context.Context, uid imap.UID) error {
	return p.repair(ctx, `DELETE FROM copy_repair
		WHERE pair = $1 AND reverse = $2 AND source_validity = $3 AND uid = $4`, uid)
}

// RepairListed notes that the list that people read has the message.
func (p *Page) RepairListed(ctx context.Context, uid imap.UID) error {
	return p.repair(ctx, `UPDATE copy_repair SET listed = 1
		WHERE pair = $1 AND reverse = $2 AND source_validity = $3 AND uid = $4`, uid)
}

func (p *Page) repair(ctx context.Context, statement string, args ...any) error {
	err := p.change(ctx, func(tx *transaction) error {
		_, err := tx.exec(ctx, statement, append([]any{p.pair, p.reverse(), p.key.SourceValidity}, args...)...)
		return err
	})
	if err != nil {
		return fmt.Errorf("journal repair: %w", err)
	}
	return nil
}

// Repairs returns the repaired messages of the page by source UID.
func (p *Page) Repairs(ctx context.Context) (map[imap.UID]Repair, error) {
	all := make(map[imap.UID]Repair)
	err := p.j.rows(ctx, `SELECT uid, what, reason, file, listed FROM copy_repair
		WHERE pair = $1 AND reverse = $2 AND source_validity = $3`,
		[]any{p.pair, p.reverse(), p.key.SourceValidity}, func(scan func(...any) error) error {
			var r Repair
			if err := scan(&r.UID, &r.What, &r.Reason, &r.File, &r.Listed); err != nil {
				return fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
			all[r.UID] = r
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("journal repairs: %w", err)
	}
	return all, nil
}
