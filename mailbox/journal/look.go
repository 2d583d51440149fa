package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/emersion/go-imap/v2"
)

// Known returns the UID from which the next look at the target has to begin:
// the lowest UIDNEXT noted at the look before any intent that is still open;
// with none open, the UIDNEXT of the last look; 1 without either. Everything
// below it was looked at when nothing was on its way.
func (p *Page) Known(ctx context.Context) (imap.UID, error) {
	known, _, err := p.look(ctx)
	if err != nil {
		return 0, err
	}
	var lowest sql.NullInt64
	err = p.j.row(ctx, `SELECT MIN(look) FROM copy_intent
		WHERE pair = $1 AND reverse = $2 AND source_validity = $3 AND target_validity = $4`,
		p.pair, p.reverse(), p.key.SourceValidity, p.key.TargetValidity).Scan(&lowest)
	if err != nil {
		return 0, fmt.Errorf("journal look: %w", err)
	}
	if lowest.Valid && imap.UID(lowest.Int64) < known {
		known = imap.UID(lowest.Int64)
	}
	return max(known, 1), nil
}

// Looked notes the UIDNEXT that the target had at a look. Only a look moves
// it, never an append of our own.
func (p *Page) Looked(ctx context.Context, next imap.UID) error {
	return p.note(ctx, "known", next)
}

// Inventory returns the source's UIDNEXT at the last inventory, 0 when there
// was none: what has that UID or a higher one has arrived since.
func (p *Page) Inventory(ctx context.Context) (imap.UID, error) {
	_, inventory, err := p.look(ctx)
	return inventory, err
}

// Inventoried notes the source's UIDNEXT at an inventory.
func (p *Page) Inventoried(ctx context.Context, next imap.UID) error {
	return p.note(ctx, "inventory", next)
}

// Flags returns what SetFlags kept, empty at first.
func (p *Page) Flags(ctx context.Context) (string, error) {
	var flags string
	err := p.j.row(ctx, `SELECT flags FROM copy_look
		WHERE pair = $1 AND reverse = $2 AND source_validity = $3 AND target_validity = $4`,
		p.pair, p.reverse(), p.key.SourceValidity, p.key.TargetValidity).Scan(&flags)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("journal flags: %w", err)
	}
	return flags, nil
}

// SetFlags keeps the source's flags as they were last carried over, in the
// caller's own form.
func (p *Page) SetFlags(ctx context.Context, flags string) error {
	return p.note(ctx, "flags", flags)
}

// look reads the page's row of looks.
func (p *Page) look(ctx context.Context) (known, inventory imap.UID, err error) {
	err = p.j.row(ctx, `SELECT known, inventory FROM copy_look
		WHERE pair = $1 AND reverse = $2 AND source_validity = $3 AND target_validity = $4`,
		p.pair, p.reverse(), p.key.SourceValidity, p.key.TargetValidity).Scan(&known, &inventory)
	if errors.Is(err, sql.ErrNoRows) {
		return 1, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("journal look: %w", err)
	}
	return known, inventory, nil
}

// note sets one column of the page's row of looks.
func (p *Page) note(ctx context.Context, column string, value any) error {
	row := map[string]any{"known": 1, "inventory": 0, "flags": "", column: value}
	err := p.change(ctx, func(tx *transaction) error {
		_, err := tx.exec(ctx, `INSERT INTO copy_look
			(pair, reverse, source_validity, target_validity, known, inventory, flags)
			VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (pair, reverse, source_validity, target_validity)
			DO UPDATE SET `+column+` = EXCLUDED.`+column,
			p.pair, p.reverse(), p.key.SourceValidity, p.key.TargetValidity,
			row["known"], row["inventory"], row["flags"])
		return err
	})
	if err != nil {
		return fmt.Errorf("journal look: %w", err)
	}
	return nil
}

// Forget takes back everything that was known of the page's messages, looks
// and runs: UIDNEXT went backwards under the same UIDVALIDITY, so that the
// UIDs mean other messages now. Open intents stay.
func (p *Page) Forget(ctx context.Context) error {
	old, new := p.sides()
	err := p.change(ctx, func(tx *transaction) error {
		_, err := tx.exec(ctx, `DELETE FROM copy_run
			WHERE pair = $1 AND old_validity = $2 AND new_validity = $3`, p.pair, old, new)
		if err != nil {
			return err
		}
		_, err = tx.exec(ctx, `DELETE FROM copy_look
			WHERE pair = $1 AND reverse = $2 AND source_validity = $3 AND target_validity = $4`,
			p.pair, p.reverse(), p.key.SourceValidity, p.key.TargetValidity)
		return err
	})
	if err != nil {
		return fmt.Errorf("journal look: %w", err)
	}
	return nil
}

// Renumbered reports whether the pair was copied under other UIDVALIDITYs and
// never under those of this page.
func (p *Page) Renumbered(ctx context.Context) (bool, error) {
	old, new := p.sides()
	var here, elsewhere int
	err := p.j.row(ctx, `SELECT
		COALESCE(SUM(CASE WHEN old_validity = $1 AND new_validity = $2 THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN old_validity = $1 AND new_validity = $2 THEN 0 ELSE 1 END), 0)
		FROM copy_run WHERE pair = $3`, old, new, p.pair).Scan(&here, &elsewhere)
	if err != nil {
		return false, fmt.Errorf("journal look: %w", err)
	}
	return here == 0 && elsewhere > 0, nil
}

// Former returns what the pair's other pages under the same UIDVALIDITY of the
// source say was at the target: under UIDVALIDITYs that the target has given
// up. Their order is open, and a message may be in several.
func (p *Page) Former(ctx context.Context) ([]Run, error) {
	mine, other, uid := "old_validity", "new_validity", "old_uid"
	if p.key.Reverse {
		mine, other, uid = other, mine, "new_uid"
	}
	var rs []Run
	err := p.j.rows(ctx, `SELECT `+uid+`, messages, outcome FROM copy_run
		WHERE pair = $1 AND `+mine+` = $2 AND `+other+` <> $3 AND `+uid+` <> 0`,
		[]any{p.pair, p.key.SourceValidity, p.key.TargetValidity}, func(scan func(...any) error) error {
			var r Run
			if err := scan(&r.Source, &r.Count, &r.Outcome); err != nil {
				return fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
			rs = append(rs, r)
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("journal look: %w", err)
	}
	return rs, nil
}
