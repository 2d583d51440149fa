package journal

import (
	"context"
	"encoding/hex"
	"fmt"
)

// Doubt remembers messages that were sent again after two looks had not found
// them: the first attempt may still come to light, and is then a double.
func (p *Page) Doubt(ctx context.Context, ms []Message) error {
	err := p.change(ctx, func(tx *transaction) error {
		for _, m := range ms {
			_, err := tx.exec(ctx, `INSERT INTO copy_doubt
				(pair, reverse, target_validity, audits, size, date, header) VALUES ($1, $2, $3, 0, $4, $5, $6)`,
				p.pair, p.reverse(), p.key.TargetValidity, m.Size, stamp(m.Date), hex.EncodeToString(m.Header[:]))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("journal doubt: %w", err)
	}
	return nil
}

// Doubts returns the messages that an audit has to watch for.
func (p *Page) Doubts(ctx context.Context) ([]Message, error) {
	var ms []Message
	err := p.j.rows(ctx, `SELECT size, date, header FROM copy_doubt
		WHERE pair = $1 AND reverse = $2 AND target_validity = $3`,
		[]any{p.pair, p.reverse(), p.key.TargetValidity}, func(scan func(...any) error) error {
			var m Message
			var date, header string
			if err := scan(&m.Size, &date, &header); err != nil {
				return fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
			var err error
			if m.Date, err = unstamp(date); err != nil {
				return err
			}
			m.Header, err = digest(header)
			ms = append(ms, m)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("journal doubts: %w", err)
	}
	return ms, nil
}

// doubtAudits is how many audits watch for a double: the one at the end of
// the run that sent the message again, and the one of the next run.
const doubtAudits = 2

// Audited counts an audit of the target mailbox; doubts that were watched for
// long enough are closed.
func (p *Page) Audited(ctx context.Context) error {
	err := p.change(ctx, func(tx *transaction) error {
		key := []any{p.pair, p.reverse(), p.key.TargetValidity}
		_, err := tx.exec(ctx, `UPDATE copy_doubt SET audits = audits + 1
			WHERE pair = $1 AND reverse = $2 AND target_validity = $3`, key...)
		if err != nil {
			return err
		}
		_, err = tx.exec(ctx, `DELETE FROM copy_doubt
			WHERE pair = $1 AND reverse = $2 AND target_validity = $3 AND audits >= $4`, append(key, doubtAudits)...)
		return err
	})
	if err != nil {
		return fmt.Errorf("journal doubt: %w", err)
	}
	return nil
}
