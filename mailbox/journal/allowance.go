package journal

import (
	"context"
	"fmt"
	"time"
)

// A Pause is a time in which a server takes nothing of an account. The zero
// value is none.
type Pause struct {
	Until time.Time
	Span  time.Duration // how long this pause is, so that the next one may be longer
	Why   string        // the server's words
}

// Sent adds octets to what an account has sent to the target in an hour, given
// as Unix time in hours. What was sent before the hour forget is forgotten.
func (j *Journal) Sent(ctx context.Context, account string, hour, octets, forget int64) error {
	err := j.change(ctx, func(tx *transaction) error {
		_, err := tx.exec(ctx, `INSERT INTO copy_sent (account, sent_hour, octets) VALUES ($1, $2, $3)
			ON CONFLICT (account, sent_hour) DO UPDATE SET octets = copy_sent.octets + excluded.octets`, text(account), hour, octets)
		if err != nil {
			return err
		}
		_, err = tx.exec(ctx, `DELETE FROM copy_sent WHERE account = $1 AND sent_hour < $2`, text(account), forget)
		return err
	})
	if err != nil {
		return fmt.Errorf("journal of what was sent: %w", err)
	}
	return nil
}

// SentSince returns the octets that an account has sent to the target, by the
// hour, from an hour on.
func (j *Journal) SentSince(ctx context.Context, account string, hour int64) (map[int64]int64, error) {
	all := make(map[int64]int64)
	err := j.rows(ctx, `SELECT sent_hour, octets FROM copy_sent WHERE account = $1 AND sent_hour >= $2`,
		[]any{text(account), hour}, func(scan func(...any) error) error {
			var at, octets int64
			if err := scan(&at, &octets); err != nil {
				return fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
			all[at] = octets
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("journal of what %s has sent: %w", account, err)
	}
	return all, nil
}

// SetPause notes a pause of an account in the place of an earlier one.
func (j *Journal) SetPause(ctx context.Context, account string, p Pause) error {
	_, err := j.db.ExecContext(ctx, `INSERT INTO copy_pause (account, until, span, why) VALUES ($1, $2, $3, $4)
		ON CONFLICT (account) DO UPDATE SET until = excluded.until, span = excluded.span, why = excluded.why`,
		text(account), p.Until.Unix(), int64(p.Span/time.Second), text(p.Why))
	if err != nil {
		return fmt.Errorf("journal pause of %s: %w", account, err)
	}
	return nil
}

// Pause returns the last pause of an account, past or not.
func (j *Journal) Pause(ctx context.Context, account string) (Pause, error) {
	var p Pause
	err := j.rows(ctx, `SELECT until, span, why FROM copy_pause WHERE account = $1`, []any{text(account)}, func(scan func(...any) error) error {
		var until, span int64
		if err := scan(&until, &span, &p.Why); err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		p.Until, p.Span = time.Unix(until, 0).UTC(), time.Duration(span)*time.Second
		return nil
	})
	if err != nil {
		return Pause{}, fmt.Errorf("journal pause of %s: %w", account, err)
	}
	return p, nil
}
