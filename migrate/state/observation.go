package state

import (
	"context"
	"fmt"
	"time"
)

// An Observation is something seen at a time, such as that a stage was
// visible on every server. Waits are counted from observations, never from
// the wish.
type Observation struct {
	Kind    string    // such as "visible"
	Subject string    // such as "prepare"
	At      time.Time // zero: now; stored in UTC
	Value   string    // what was seen; may be empty
}

// Observe stores an observation after those of the same kind and subject.
func (m *Move) Observe(ctx context.Context, o Observation) error {
	if m.readOnly {
		return ErrReadOnly
	}
	if o.At.IsZero() {
		o.At = m.now()
	}
	const insert = `INSERT INTO observation (kind, subject, at, value) VALUES (?, ?, ?, ?)`
	if _, err := m.db.ExecContext(ctx, insert, o.Kind, o.Subject, stamp(o.At), o.Value); err != nil {
		return fmt.Errorf("store that %s %s was seen: %w", o.Kind, o.Subject, err)
	}
	return nil
}

// Observations returns all of a kind and subject in the order in which they
// were stored, not of their times: a clock may have been set back. An empty
// subject asks for every subject.
func (m *Move) Observations(ctx context.Context, kind, subject string) ([]Observation, error) {
	const ask = `SELECT subject, at, value FROM observation
		WHERE kind = ? AND (subject = ? OR ? = '') ORDER BY id`
	return m.observations(ctx, kind, ask, kind, subject, subject)
}

// Latest returns the observation of a kind and subject that was stored last.
func (m *Move) Latest(ctx context.Context, kind, subject string) (o Observation, ok bool, err error) {
	const ask = `SELECT subject, at, value FROM observation
		WHERE kind = ? AND subject = ? ORDER BY id DESC LIMIT 1`
	all, err := m.observations(ctx, kind, ask, kind, subject)
	if err != nil || len(all) == 0 {
		return Observation{}, false, err
	}
	return all[0], true, nil
}

func (m *Move) observations(ctx context.Context, kind, ask string, args ...any) ([]Observation, error) {
	if m.db == nil {
		return nil, nil
	}
	rows, err := m.db.QueryContext(ctx, ask, args...)
	if err != nil {
		return nil, fmt.Errorf("read what was seen of %s: %w", kind, err)
	}
	defer rows.Close()
	var all []Observation
	for rows.Next() {
		o := Observation{Kind: kind}
		var at string
		if err := rows.Scan(&o.Subject, &at, &o.Value); err != nil {
			return nil, fmt.Errorf("read what was seen of %s: %w", kind, err)
		}
		if o.At, err = parseStamp(at); err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, rows.Err()
}

// Forget drops the observations of a kind and subject: what was seen before
// an undo proves nothing after it.
func (m *Move) Forget(ctx context.Context, kind, subject string) error {
	if m.readOnly {
		return ErrReadOnly
	}
	if _, err := m.db.ExecContext(ctx, `DELETE FROM observation WHERE kind = ? AND subject = ?`, kind, subject); err != nil {
		return fmt.Errorf("forget that %s %s was seen: %w", kind, subject, err)
	}
	return nil
}

// Newest returns the latest time that any step, observation or change has
// been stored with, or the zero time. A clock that shows less has been set
// back.
func (m *Move) Newest(ctx context.Context) (time.Time, error) {
	if m.db == nil {
		return time.Time{}, nil
	}
	const ask = `SELECT coalesce(max(t), '') FROM (
		SELECT max(began) AS t FROM step UNION ALL
		SELECT max(ended) FROM step UNION ALL
		SELECT max(at) FROM observation UNION ALL
		SELECT max(at) FROM applied) AS times`
	var newest string
	if err := m.db.QueryRowContext(ctx, ask).Scan(&newest); err != nil {
		return time.Time{}, fmt.Errorf("read the newest time: %w", err)
	}
	return parseStamp(newest)
}
