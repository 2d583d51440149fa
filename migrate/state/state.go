// Package state is the memory of a move on disk: the folder .mxmove inside
// the move directory, with its database, its files and its lock. Whatever a
// step needs after a crash is written here first, and durably.
package state

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"path/filepath"
	"time"
)

// Dir is the name of the folder inside a move directory.
const Dir = ".mxmove"

// ErrNewer is returned for a move directory or a file in it that a newer
// mxmove has written.
var ErrNewer = errors.New("state: written by a newer mxmove")

// ErrReadOnly is returned for a write to a move that OpenReadOnly has opened.
var ErrReadOnly = errors.New("state: opened for reading only")

// Options change how a move is opened; the zero value is the default.
type Options struct {
	Schemas []Schema         // of the rooms that keep tables in state.db
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger     // nil: nothing is logged
}

// A Schema is what one room keeps in state.db: statements that are each
// applied once, in order. A new version appends to the list and never changes
// what stands in it.
type Schema struct {
	Name       string
	Migrations []string
}

// A Move is an open move directory. It may be used by several goroutines; a
// query's rows have to be closed before the next statement.
type Move struct {
	dir string // .mxmove
	db  *sql.DB
	now func() time.Time
	log *slog.Logger
}

// Open opens the move in a directory for writing and creates what is missing.
// The caller holds the lock, and closes the move.
func Open(ctx context.Context, dir string, o Options) (*Move, error) {
	return nil, errors.ErrUnsupported
}

// OpenReadOnly opens the move in a directory for reading only. It takes no
// lock and changes nothing; where there is nothing, the move is empty.
func OpenReadOnly(ctx context.Context, dir string, o Options) (*Move, error) {
	return nil, errors.ErrUnsupported
}

// Close closes the database.
func (m *Move) Close() error { return m.db.Close() }

// DB returns the database, for the rooms whose schemas were given. It is nil
// for an empty move that was opened for reading only.
func (m *Move) DB() *sql.DB { return m.db }

// Path returns the path of something inside .mxmove.
func (m *Move) Path(name ...string) string {
	return filepath.Join(append([]string{m.dir}, name...)...)
}
