package state

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver
)

const dbName = "state.db"

// openDB opens the database for writing. Commits are on the disk when they
// return (FULL, since NORMAL in WAL mode may lose the last ones to a power
// cut), and a transaction takes the write lock when it begins, so that it
// cannot fail halfway for another's sake.
func openDB(path string) (*sql.DB, error) {
	// SQLite would make the file readable by others; its companions take
	// over the mode.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the state: %w", err)
	}
	if err := errors.Join(f.Chmod(0o600), f.Close()); err != nil {
		return nil, fmt.Errorf("open the state: %w", err)
	}
	return open(path, url.Values{
		"_txlock": {"immediate"},
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)"},
	})
}

// openReadOnlyDB opens the database without changing anything. While a run
// has it open, or after one was killed, its log lies beside it and is read
// too. Without the log the file is whole, and is opened as immutable: SQLite
// would otherwise make an empty log just to read.
func openReadOnlyDB(path string) (*sql.DB, error) {
	query := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(10000)", "query_only(ON)"}}
	if _, err := os.Stat(path + "-wal"); errors.Is(err, fs.ErrNotExist) {
		query.Set("immutable", "1")
	}
	return open(path, query)
}

func open(path string, query url.Values) (*sql.DB, error) {
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: query.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("open the state: %w", err)
	}
	// SQLite has one writer; two connections would wait for each other by
	// polling.
	db.SetMaxOpenConns(1)
	return db, nil
}
