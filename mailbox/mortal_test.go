package mailbox_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/journal"
)

// A mortal is a process that dies at one of its operations, which are writes
// to the network and to the state: from then on it does nothing any more, its
// connections are closed, and its files stay as they are.
type mortal struct {
	state string // its database
	left  string // a copy of it as it was at the death

	at   int    // the operation at which it dies; 0: none
	when moment // and at which point of it
	died func()

	mu    sync.Mutex
	ops   int
	dead  bool
	conns []net.Conn
}

// A moment is a point of an operation.
type moment string

const (
	before moment = "before"
	amid   moment = "amid" // half of the octets have gone
	after  moment = "after"
)

var errDead = errors.New("dead")

// do does an operation, or dies over it.
func (m *mortal) do(op, half func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return errDead
	}
	if m.ops++; m.ops != m.at {
		return op()
	}
	switch {
	case m.when == after:
		_ = op()
	case m.when == amid && half != nil:
		_ = half()
	}
	m.die()
	return errDead
}

// die ends it. The caller holds mu.
func (m *mortal) die() {
	m.dead = true
	for _, c := range m.conns {
		_ = c.Close()
	}
	for _, suffix := range []string{"", "-wal"} {
		octets, err := os.ReadFile(m.state + suffix)
		if err == nil {
			err = os.WriteFile(m.left+suffix, octets, 0o600)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			panic(err)
		}
	}
	m.died()
}

// dial connects for it.
func (m *mortal) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		_ = c.Close()
		return nil, errDead
	}
	m.conns = append(m.conns, c)
	return mortalConn{c, m}, nil
}

type mortalConn struct {
	net.Conn
	m *mortal
}

func (c mortalConn) Write(p []byte) (n int, err error) {
	write := func(p []byte) func() error {
		return func() error {
			n, err = c.Conn.Write(p)
			return err
		}
	}
	return n, c.m.do(write(p), write(p[:len(p)/2]))
}

// A mortalDriver opens its database.
type mortalDriver struct {
	driver.Driver
	m   *mortal
	dsn string
}

func (d mortalDriver) Connect(context.Context) (driver.Conn, error) {
	c, err := d.Open(d.dsn)
	return mortalBase{c, d.m}, err
}

type mortalBase struct {
	driver.Conn
	m *mortal
}

func (b mortalBase) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	tx, err := b.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
	return mortalTx{tx, b.m}, err
}

func (b mortalBase) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (res driver.Result, err error) {
	err = b.m.do(func() (err error) {
		res, err = b.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
		return err
	}, nil)
	return res, err
}

func (b mortalBase) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (rows driver.Rows, err error) {
	ask := func() (err error) {
		rows, err = b.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
		return err
	}
	if strings.HasPrefix(query, "SELECT") {
		return rows, ask()
	}
	return rows, b.m.do(ask, nil)
}

type mortalTx struct {
	driver.Tx
	m *mortal
}

func (t mortalTx) Commit() error { return t.m.do(t.Tx.Commit, nil) }

// live runs a copy as a process that dies at the given point, if it comes so
// far, and hands its state on. It returns how many operations there were, and
// whether the process says that all is done.
func (l *lab) live(t *testing.T, at int, when moment) (ops int, done bool) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	openJournal(t, l.state) // makes the tables
	m := &mortal{
		state: l.state, left: filepath.Join(t.TempDir(), "state.db"),
		at: at, when: when, died: func() { cancel(errDead) },
	}
	base, err := openDB(l.state)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = base.Close() }()
	db := sql.OpenDB(connector{mortalDriver{base.Driver(), m, dsn(l.state)}})
	db.SetMaxOpenConns(1)
	account := l.account
	account.Source.Endpoint.Dial, account.Target.Endpoint.Dial = m.dial, m.dial
	c := &mailbox.Copier{Journal: journal.Open(db), Options: l.options}
	res, err := c.Copy(ctx, []mailbox.Account{account})
	_ = db.Close()
	if m.dead {
		l.state = m.left
	}
	l.drain(t)
	return m.ops, err == nil && res.Err() == nil
}

// A connector is a driver that knows where its database is.
type connector struct{ mortalDriver }

func (c connector) Driver() driver.Driver { return c.mortalDriver.Driver }
