package state_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/mxmove/mxmove/migrate/state"
)

func room(migrations ...string) state.Options {
	return state.Options{Schemas: []state.Schema{{Name: "room", Migrations: migrations}}}
}

const (
	first  = `CREATE TABLE room_thing (a INTEGER); INSERT INTO room_thing VALUES (1)`
	second = `ALTER TABLE room_thing ADD COLUMN b INTEGER NOT NULL DEFAULT 7`
)

func sum(t *testing.T, m *state.Move, ask string) int {
	t.Helper()
	var n int
	if err := m.DB().QueryRowContext(t.Context(), ask).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func backups(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, state.Dir, "state.db.bak-*"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		found[i] = filepath.Base(found[i])
	}
	return found
}

func TestMigrateForward(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 2 {
		m := open(t, dir, room(first))
		if n := sum(t, m, `SELECT count(*) FROM room_thing`); n != 1 {
			t.Errorf("%d rows, want 1: a migration is applied once", n)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if made := backups(t, dir); len(made) != 0 {
		t.Errorf("backups without a migration: %v", made)
	}
	m := open(t, dir, room(first, second))
	if n := sum(t, m, `SELECT sum(b) FROM room_thing`); n != 7 {
		t.Errorf("b = %d, want 7", n)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if made := backups(t, dir); len(made) != 1 || made[0] != "state.db.bak-1" {
		t.Errorf("backups %v, want state.db.bak-1", made)
	}
}

func TestBackupHoldsWhatWas(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := open(t, dir, room(first))
	if _, err := m.DB().ExecContext(t.Context(), `INSERT INTO room_thing VALUES (41)`); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	m = open(t, dir, room(first, second))
	if _, err := m.DB().ExecContext(t.Context(), `ATTACH ? AS old`, m.Path("state.db.bak-1")); err != nil {
		t.Fatal(err)
	}
	if n := sum(t, m, `SELECT sum(a) FROM old.room_thing`); n != 42 {
		t.Errorf("the backup sums to %d, want 42", n)
	}
	if n := sum(t, m, `SELECT version FROM old.schema_version WHERE name = 'room'`); n != 1 {
		t.Errorf("the backup has version %d, want 1", n)
	}
}

func TestMigrationThatFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := open(t, dir, room(first)).Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := state.Open(t.Context(), dir, room(first, second, `CREATE TABLE`)); err == nil {
			t.Fatal("Open took a broken migration")
		}
	}
	m := open(t, dir, room(first))
	if n := sum(t, m, `SELECT count(*) FROM pragma_table_info('room_thing')`); n != 1 {
		t.Errorf("%d columns, want 1: all migrations or none", n)
	}
	if made := backups(t, dir); len(made) != 2 {
		t.Errorf("backups %v, want one for each try", made)
	}
}

func TestNewerIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := open(t, dir, room(first, second)).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := state.Open(t.Context(), dir, room(first)); !errors.Is(err, state.ErrNewer) {
		t.Errorf("Open = %v, want ErrNewer", err)
	}
	if _, err := state.OpenReadOnly(t.Context(), dir, room(first)); !errors.Is(err, state.ErrNewer) {
		t.Errorf("OpenReadOnly = %v, want ErrNewer", err)
	}
	if made := backups(t, dir); len(made) != 0 {
		t.Errorf("a refusal made %v", made)
	}
	// A command that does not use the room is not kept from its work.
	open(t, dir, state.Options{})
}

func TestDurability(t *testing.T) {
	t.Parallel()
	m := open(t, t.TempDir(), state.Options{})
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000"} {
		var got string
		if err := m.DB().QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s = %q, %v, want %q", pragma, got, err, want)
		}
	}
}
