package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mxmove/mxmove/migrate/step"
)

// Done is the outcome of a step that has reached its phase.
const Done = "done"

// Begin stores a step before anything of it is done and returns its number.
// Began is set when it is zero.
func (m *Move) Begin(ctx context.Context, s step.Step) (int64, error) {
	if m.readOnly {
		return 0, ErrReadOnly
	}
	if s.Began.IsZero() {
		s.Began = m.now()
	}
	const insert = `INSERT INTO step (command, from_phase, to_phase, began) VALUES (?, ?, ?, ?)`
	result, err := m.db.ExecContext(ctx, insert, s.Command, string(s.From), string(s.To), stamp(s.Began))
	if err != nil {
		return 0, fmt.Errorf("store the step to %s: %w", s.To, err)
	}
	return result.LastInsertId()
}

// End stores how the step with the number s.ID has ended: Ended, which is set
// when it is zero, Outcome, Gates and Accepted. With the outcome Done the
// phase is the one that the step led to.
func (m *Move) End(ctx context.Context, s step.Step) error {
	if m.readOnly {
		return ErrReadOnly
	}
	if s.Ended.IsZero() {
		s.Ended = m.now()
	}
	gates, err := list(s.Gates)
	if err != nil {
		return fmt.Errorf("store the gates: %w", err)
	}
	accepted, err := list(s.Accepted)
	if err != nil {
		return fmt.Errorf("store the acceptances: %w", err)
	}
	const update = `UPDATE step SET ended = ?, outcome = ?, gates = ?, accepted = ? WHERE id = ?`
	result, err := m.db.ExecContext(ctx, update, stamp(s.Ended), s.Outcome, gates, accepted, s.ID)
	if err != nil {
		return fmt.Errorf("store the end of step %d: %w", s.ID, err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errors.Join(fmt.Errorf("store the end of step %d: there is no such step", s.ID), err)
	}
	return nil
}

// list encodes a slice; nil is an empty list, never null.
func list[T any](s []T) (string, error) {
	if len(s) == 0 {
		return "[]", nil
	}
	data, err := json.Marshal(s)
	return string(data), err
}

// Phase returns the phase that the last successful step has reached, and the
// time when the world first stood there without leaving it since.
func (m *Move) Phase(ctx context.Context) (step.Phase, time.Time, error) {
	if m.db == nil {
		return step.None, time.Time{}, nil
	}
	const ask = `SELECT to_phase, ended FROM step WHERE outcome = ? AND id > coalesce(
		(SELECT max(id) FROM step WHERE outcome = ? AND to_phase <>
			(SELECT to_phase FROM step WHERE outcome = ? ORDER BY id DESC LIMIT 1)), 0)
		ORDER BY id LIMIT 1`
	var phase, since string
	err := m.db.QueryRowContext(ctx, ask, Done, Done, Done).Scan(&phase, &since)
	if errors.Is(err, sql.ErrNoRows) {
		return step.None, time.Time{}, nil
	}
	if err != nil {
		return step.None, time.Time{}, fmt.Errorf("read the phase: %w", err)
	}
	at, err := parseStamp(since)
	return step.Phase(phase), at, err
}

// Steps returns all steps, the oldest first.
func (m *Move) Steps(ctx context.Context) ([]step.Step, error) {
	if m.db == nil {
		return nil, nil
	}
	rows, err := m.db.QueryContext(ctx, `SELECT id, command, from_phase, to_phase, began, ended, outcome, gates, accepted FROM step ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("read the steps: %w", err)
	}
	defer rows.Close()
	var steps []step.Step
	for rows.Next() {
		s, err := scanStep(rows)
		if err != nil {
			return nil, fmt.Errorf("read the steps: %w", err)
		}
		steps = append(steps, s)
	}
	return steps, rows.Err()
}

func scanStep(rows *sql.Rows) (step.Step, error) {
	var s step.Step
	var from, to, began, ended, gates, accepted string
	if err := rows.Scan(&s.ID, &s.Command, &from, &to, &began, &ended, &s.Outcome, &gates, &accepted); err != nil {
		return s, err
	}
	s.From, s.To = step.Phase(from), step.Phase(to)
	var err, err2 error
	s.Began, err = parseStamp(began)
	s.Ended, err2 = parseStamp(ended)
	return s, errors.Join(err, err2, json.Unmarshal([]byte(gates), &s.Gates), json.Unmarshal([]byte(accepted), &s.Accepted))
}
