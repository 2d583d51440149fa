package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mxmove/mxmove/dnsplan"
)

// AppendApplied stores changes that were published, after all earlier ones
// and all of them or none. Changes that an undo has published are appended
// too: the list is history.
func (m *Move) AppendApplied(ctx context.Context, changes []dnsplan.Change) error {
	if m.readOnly {
		return ErrReadOnly
	}
	tx, err := m.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("store the changes: %w", err)
	}
	for _, c := range changes {
		data, err := json.Marshal(stored(c))
		if err == nil {
			_, err = tx.ExecContext(ctx, `INSERT INTO applied (at, change) VALUES (?, ?)`, stamp(m.now()), string(data))
		}
		if err != nil {
			return errors.Join(fmt.Errorf("store the changes: %w", err), rollback(tx))
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("store the changes: %w", err)
	}
	return nil
}

// Applied returns the changes that were published, the oldest first.
func (m *Move) Applied(ctx context.Context) ([]dnsplan.Change, error) {
	if m.db == nil {
		return nil, nil
	}
	rows, err := m.db.QueryContext(ctx, `SELECT id, change FROM applied ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("read the changes: %w", err)
	}
	defer rows.Close()
	var changes []dnsplan.Change
	for rows.Next() {
		var id int64
		var data string
		if err := rows.Scan(&id, &data); err != nil {
			return nil, fmt.Errorf("read the changes: %w", err)
		}
		var c change
		if err := json.Unmarshal([]byte(data), &c); err != nil {
			return nil, fmt.Errorf("read change %d: %w", id, err)
		}
		one, err := c.change()
		if err != nil {
			return nil, fmt.Errorf("read change %d: %w", id, err)
		}
		changes = append(changes, one)
	}
	return changes, rows.Err()
}
