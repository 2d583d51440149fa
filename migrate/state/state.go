// Package state is the memory of a move on disk: the folder .mxmove inside
// the move directory, with its database, its files and its lock. Whatever a
// step needs after a crash is written here first, and durably.
package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/mxmove/mxmove/migrate/config"
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

// A Move is an open move directory. It may be used by several goroutines; the
// rows of a query have to be closed before the next statement, since there is
// one connection.
type Move struct {
	dir      string // .mxmove
	db       *sql.DB
	readOnly bool
	now      func() time.Time
	log      *slog.Logger
}

func newMove(dir string, o Options) (*Move, error) {
	dir, err := filepath.Abs(filepath.Join(dir, Dir))
	if err != nil {
		return nil, fmt.Errorf("path of the move directory: %w", err)
	}
	m := &Move{dir: dir, now: o.Now, log: o.Log}
	if m.now == nil {
		m.now = time.Now
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	return m, nil
}

// Open opens the move in a directory for writing and creates what is missing.
// The caller closes the move, and holds the lock unless what it writes is
// nobody else's.
func Open(ctx context.Context, dir string, o Options) (*Move, error) {
	m, err := newMove(dir, o)
	if err != nil {
		return nil, err
	}
	if err := makeDirs(m.dir); err != nil {
		return nil, err
	}
	m.sweep()
	if m.db, err = openDB(m.Path(dbName)); err != nil {
		return nil, err
	}
	if err := m.migrate(ctx, append([]Schema{own}, o.Schemas...)); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", m.Path(dbName), err), m.db.Close())
	}
	return m, nil
}

// OpenReadOnly opens the move in a directory for reading only. It takes no
// lock and changes nothing; where there is nothing, the move is empty and its
// DB is nil.
func OpenReadOnly(ctx context.Context, dir string, o Options) (*Move, error) {
	m, err := newMove(dir, o)
	if err != nil {
		return nil, err
	}
	m.readOnly = true
	info, err := os.Stat(m.Path(dbName))
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return m, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the state: %w", err)
	}
	db, err := openReadOnlyDB(m.Path(dbName))
	if err != nil {
		return nil, err
	}
	versions, err := firstVersions(ctx, db)
	if err == nil && len(versions) > 0 {
		err = newer(versions, append([]Schema{own}, o.Schemas...))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", m.Path(dbName), err), db.Close())
	}
	if len(versions) == 0 {
		// A run was killed before it had made the first table.
		return m, db.Close()
	}
	m.db = db
	return m, nil
}

// Close closes the database. It may run twice.
func (m *Move) Close() error {
	if m.db == nil {
		return nil
	}
	return m.db.Close()
}

// DB returns the database, for the rooms whose schemas were given. It is nil
// for an empty move that was opened for reading only.
func (m *Move) DB() *sql.DB { return m.db }

// Path returns the path of something inside .mxmove.
func (m *Move) Path(name ...string) string {
	return filepath.Join(append([]string{m.dir}, name...)...)
}

// folders are the directories inside .mxmove.
var folders = []string{"snapshots", "refused", "evidence", "tokens"}

// makeDirs makes .mxmove and its folders, for the owner alone.
func makeDirs(dir string) error {
	if err := makeDir(dir); err != nil {
		return err
	}
	for _, name := range folders {
		if err := makeDir(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// makeDir makes a directory, or takes one that is there back from group and
// others. What is no directory, or somebody else's, is refused.
func makeDir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		return syncDir(filepath.Dir(dir))
	}
	if !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the state: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("make the state: %w", err)
	}
	if !info.IsDir() {
		return &config.Error{File: dir, Text: "this is no directory", Fix: "move it out of the way"}
	}
	if err := config.CheckFile(dir); err != nil {
		return err
	}
	if info.Mode().Perm() == 0o700 {
		return nil
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("make the state: %w", err)
	}
	return nil
}
