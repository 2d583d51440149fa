// Package journal is the memory of a copy, in SQL: which message of one
// mailbox became which message of another, what was about to be sent when the
// program was last killed, what the target refused.
//
// It holds no message and no subject. A mailbox of a million messages that
// was copied in one go is one row, since a row is a run of consecutive UIDs.
package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ErrCorrupt means that a row cannot be read: the database was written by
// something else, or is damaged.
var ErrCorrupt = errors.New("journal: row cannot be read")

// A Journal remembers what was copied. The database is opened and closed by
// whoever hands it in, with Schema applied; the Journal's methods may be
// called from several goroutines. No query is left open while another runs,
// so a pool of one connection is enough.
type Journal struct{ statements }

// Open returns the journal that lives in db.
func Open(db *sql.DB) *Journal { return &Journal{statements{db: db}} }

// A Key names a page of the journal: two mailboxes of an account under their
// UIDVALIDITYs. Rows under another UIDVALIDITY speak of other messages and are
// not believed.
type Key struct {
	Account        string
	Source, Target string // names as the servers write them
	SourceValidity uint32
	TargetValidity uint32
	Reverse        bool // the copy runs from the new server back to the old one
}

// A Page is what the journal knows about one Key. A page has one writer.
type Page struct {
	j    *Journal
	key  Key
	pair int64
}

// Page opens the page of a key. Nothing is written before there is something
// to remember.
func (j *Journal) Page(ctx context.Context, k Key) (*Page, error) {
	p := &Page{j: j, key: k}
	err := p.find(ctx, &j.statements)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("journal page of %s: %w", k.Account, err)
	}
	return p, nil
}

// names returns the mailboxes of the old and of the new server.
func (p *Page) names() (old, new string) {
	old, new = text(p.key.Source), text(p.key.Target)
	if p.key.Reverse {
		old, new = new, old
	}
	return old, new
}

// querier is what a database and a transaction have in common here.
type querier interface {
	row(ctx context.Context, query string, args ...any) *sql.Row
}

// find reads the number of the pair.
func (p *Page) find(ctx context.Context, q querier) error {
	old, new := p.names()
	return q.row(ctx, `SELECT id FROM copy_pair
		WHERE account = $1 AND old_mailbox = $2 AND new_mailbox = $3`,
		text(p.key.Account), old, new).Scan(&p.pair)
}

// change runs fn in one transaction, durable when it returns nil. The first
// one gives the pair its number.
func (p *Page) change(ctx context.Context, fn func(*transaction) error) error {
	if p.pair != 0 {
		return p.j.change(ctx, fn)
	}
	err := p.j.change(ctx, func(tx *transaction) error {
		old, new := p.names()
		_, err := tx.exec(ctx, `INSERT INTO copy_pair (id, account, old_mailbox, new_mailbox)
			SELECT COALESCE(MAX(id), 0) + 1, $1, $2, $3 FROM copy_pair WHERE true
			ON CONFLICT (account, old_mailbox, new_mailbox) DO NOTHING`, text(p.key.Account), old, new)
		if err != nil {
			return err
		}
		if err := p.find(ctx, tx); err != nil {
			return err
		}
		return fn(tx)
	})
	if err != nil {
		p.pair = 0 // the number was not kept
	}
	return err
}

// Numbers returns numbers for the account and the pair, the same at every
// run: names of files are made of them. Both are 0 while nothing is written.
func (p *Page) Numbers(ctx context.Context) (account, pair int64, err error) {
	var first sql.NullInt64
	err = p.j.row(ctx, `SELECT MIN(id) FROM copy_pair WHERE account = $1`, text(p.key.Account)).Scan(&first)
	if err != nil {
		return 0, 0, fmt.Errorf("journal page of %s: %w", p.key.Account, err)
	}
	return first.Int64, p.pair, nil
}

// Key returns what the page is about.
func (p *Page) Key() Key { return p.key }

// rows calls fn for each row of a query.
func (j *Journal) rows(ctx context.Context, query string, args []any, fn func(scan func(...any) error) error) error {
	rows, err := j.query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := fn(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// sides returns the UIDVALIDITYs of the old and of the new server.
func (p *Page) sides() (old, new uint32) {
	if p.key.Reverse {
		return p.key.TargetValidity, p.key.SourceValidity
	}
	return p.key.SourceValidity, p.key.TargetValidity
}

// reverse is the direction as the tables hold it.
func (p *Page) reverse() int {
	if p.key.Reverse {
		return 1
	}
	return 0
}

// text makes a name fit for a text column: PostgreSQL takes neither NUL nor
// anything that is not UTF-8, and old servers list names in Latin-1.
func text(name string) string {
	if utf8.ValidString(name) && !strings.ContainsRune(name, 0) {
		return name
	}
	return strconv.QuoteToASCII(name)
}
