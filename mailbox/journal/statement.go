package journal

import (
	"context"
	"database/sql"
	"sync"
)

// statements are the queries that were asked before: a copy asks the same few
// for every batch, and to read one anew takes the database as long as to answer
// it. There are as many as this package writes down, and they end with the
// database.
type statements struct {
	db *sql.DB

	mu    sync.Mutex
	ready map[string]*sql.Stmt
}

// find returns a query that is ready, nil where it is not.
func (s *statements) find(query string) *sql.Stmt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready[query]
}

// get makes a query ready. It must not be called within a transaction, which
// may hold the only connection. Where it cannot be made ready it is nil, and
// asking it as it is says why.
func (s *statements) get(ctx context.Context, query string) *sql.Stmt {
	if stmt := s.find(query); stmt != nil {
		return stmt
	}
	// Not under the lock: whoever holds the connection may ask for it.
	stmt, err := s.db.PrepareContext(ctx, query)
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.ready[query]; other != nil {
		_ = stmt.Close() // somebody was faster
		return other
	}
	if s.ready == nil {
		s.ready = make(map[string]*sql.Stmt)
	}
	s.ready[query] = stmt
	return stmt
}

// row asks for one row.
func (s *statements) row(ctx context.Context, query string, args ...any) *sql.Row {
	if stmt := s.get(ctx, query); stmt != nil {
		return stmt.QueryRowContext(ctx, args...)
	}
	return s.db.QueryRowContext(ctx, query, args...)
}

// query asks for any number of rows.
func (s *statements) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if stmt := s.get(ctx, query); stmt != nil {
		return stmt.QueryContext(ctx, args...)
	}
	return s.db.QueryContext(ctx, query, args...)
}

// A transaction changes the database, or does not.
type transaction struct {
	*sql.Tx
	s     *statements
	asked []string // what was not ready yet
}

// row asks for one row.
func (t *transaction) row(ctx context.Context, query string, args ...any) *sql.Row {
	if stmt := t.s.find(query); stmt != nil {
		return t.StmtContext(ctx, stmt).QueryRowContext(ctx, args...)
	}
	t.asked = append(t.asked, query)
	return t.QueryRowContext(ctx, query, args...)
}

// exec does what gives no rows.
func (t *transaction) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if stmt := t.s.find(query); stmt != nil {
		return t.StmtContext(ctx, stmt).ExecContext(ctx, args...)
	}
	t.asked = append(t.asked, query)
	return t.ExecContext(ctx, query, args...)
}

// change runs fn in one transaction, durable when it returns nil. What fn has
// asked is ready the next time.
func (s *statements) change(ctx context.Context, fn func(*transaction) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	t := &transaction{Tx: tx, s: s}
	defer func() { _ = tx.Rollback() }() // without effect after Commit
	if err := fn(t); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	for _, query := range t.asked {
		s.get(ctx, query)
	}
	return nil
}
