package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// A Schema is what one room keeps in state.db: statements that are each
// applied once, in order. A new version appends to the list and never changes
// what stands in it.
type Schema struct {
	Name       string
	Migrations []string
}

// own are the tables of this package. Times are text of one width, in UTC, so
// that they sort; gates, acceptances and changes are JSON.
var own = Schema{Name: "state", Migrations: []string{
	`CREATE TABLE step (
		id         INTEGER PRIMARY KEY AUTOINCREMENT,
		command    TEXT NOT NULL,
		from_phase TEXT NOT NULL,
		to_phase   TEXT NOT NULL,
		began      TEXT NOT NULL,
		ended      TEXT NOT NULL DEFAULT '',
		outcome    TEXT NOT NULL DEFAULT '',
		gates      TEXT NOT NULL DEFAULT '[]',
		accepted   TEXT NOT NULL DEFAULT '[]'
	);
	CREATE TABLE observation (
		id      INTEGER PRIMARY KEY AUTOINCREMENT,
		kind    TEXT NOT NULL,
		subject TEXT NOT NULL,
		at      TEXT NOT NULL,
		value   TEXT NOT NULL
	);
	CREATE INDEX observation_subject ON observation (kind, subject, id);
	CREATE TABLE applied (
		id     INTEGER PRIMARY KEY AUTOINCREMENT,
		at     TEXT NOT NULL,
		change TEXT NOT NULL
	);`,
}}

// busy is how long another process may be at the database.
const busy = 10 * time.Second

const versionTable = `CREATE TABLE IF NOT EXISTS schema_version (
	name    TEXT PRIMARY KEY,
	version INTEGER NOT NULL
)`

// migrate brings every schema to the version that this program knows, all of
// them or none, after a copy of what was there.
func (m *Move) migrate(ctx context.Context, schemas []Schema) error {
	have, err := firstVersions(ctx, m.db)
	if err != nil {
		return err
	}
	if err := newer(have, schemas); err != nil {
		return err
	}
	pending := 0
	for _, s := range schemas {
		pending += len(s.Migrations) - have[s.Name]
	}
	if pending == 0 {
		return nil
	}
	if len(have) > 0 {
		if err := m.backup(ctx); err != nil {
			return err
		}
	}
	tx, err := m.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("migrate the schema: %w", err)
	}
	// Asked again under the write lock: a plan may open the state beside
	// another command.
	have, err = versions(ctx, tx)
	if err == nil {
		err = newer(have, schemas)
	}
	if err == nil {
		err = apply(ctx, tx, have, schemas)
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("migrate the schema: %w", err), rollback(tx))
	}
	return nil
}

func apply(ctx context.Context, tx *sql.Tx, have map[string]int, schemas []Schema) error {
	if _, err := tx.ExecContext(ctx, versionTable); err != nil {
		return err
	}
	for _, s := range schemas {
		for i := have[s.Name]; i < len(s.Migrations); i++ {
			if _, err := tx.ExecContext(ctx, s.Migrations[i]); err != nil {
				return fmt.Errorf("%s version %d: %w", s.Name, i+1, err)
			}
		}
		const set = `INSERT INTO schema_version (name, version) VALUES (?, ?)
			ON CONFLICT (name) DO UPDATE SET version = excluded.version`
		if _, err := tx.ExecContext(ctx, set, s.Name, len(s.Migrations)); err != nil {
			return err
		}
	}
	return nil
}

// A querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// firstVersions is versions over a connection that is still to be made. While
// another process makes the log of a database, or takes it away, SQLite answers
// SQLITE_BUSY at once, whatever busy_timeout says.
func firstVersions(ctx context.Context, db *sql.DB) (map[string]int, error) {
	for end := time.Now().Add(busy); ; {
		have, err := versions(ctx, db)
		var told *sqlite.Error
		if !errors.As(err, &told) || told.Code()&0xff != sqlite3.SQLITE_BUSY || time.Now().After(end) {
			return have, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// versions returns the version of every schema; none in a new database.
func versions(ctx context.Context, db querier) (map[string]int, error) {
	var tables int
	const ask = `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'`
	if err := db.QueryRowContext(ctx, ask).Scan(&tables); err != nil {
		return nil, fmt.Errorf("read the schema's version: %w", err)
	}
	have := make(map[string]int)
	if tables == 0 {
		return have, nil
	}
	rows, err := db.QueryContext(ctx, `SELECT name, version FROM schema_version`)
	if err != nil {
		return nil, fmt.Errorf("read the schema's version: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var version int
		if err := rows.Scan(&name, &version); err != nil {
			return nil, fmt.Errorf("read the schema's version: %w", err)
		}
		have[name] = version
	}
	return have, rows.Err()
}

// newer refuses a version that this program does not know. A schema that was
// not asked for is none of its business.
func newer(have map[string]int, schemas []Schema) error {
	for _, s := range schemas {
		if have[s.Name] > len(s.Migrations) {
			return fmt.Errorf("schema %s has version %d, and %d is the newest that is known here: %w", s.Name, have[s.Name], len(s.Migrations), ErrNewer)
		}
	}
	return nil
}

// backup copies the database, with what its log still holds, to the first
// free state.db.bak-N.
func (m *Move) backup(ctx context.Context) error {
	for n := 1; ; n++ {
		path := m.Path(fmt.Sprintf("%s.bak-%d", dbName, n))
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("back up the state: %w", err)
		}
		// VACUUM INTO writes to an empty file, which keeps its mode.
		_, err = m.db.ExecContext(ctx, `VACUUM INTO ?`, path)
		if err == nil {
			err = f.Sync()
		}
		if err = errors.Join(err, f.Close()); err == nil {
			err = syncDir(m.dir)
		}
		if err != nil {
			return fmt.Errorf("back up the state: %w", errors.Join(err, os.Remove(path)))
		}
		m.log.Info("state backed up", "path", path)
		return nil
	}
}

func rollback(tx *sql.Tx) error {
	if err := tx.Rollback(); !errors.Is(err, sql.ErrTxDone) {
		return err
	}
	return nil
}
