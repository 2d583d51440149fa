package main

import (
	"database/sql"
	"fmt"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite" // the driver

	"github.com/mxmove/mxmove/migrate/state"
)

// age lets days pass: what a move remembers becomes so much older. The
// program's clock is the machine's, so that the past has to move: age DIR DAYS.
func age(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: age DIR DAYS")
	}
	db, err := sql.Open("sqlite", filepath.Join(ts.MkAbs(args[0]), state.Dir, "state.db"))
	ts.Check(err)
	for _, column := range []string{"observation at", "applied at", "step began", "step ended"} {
		var table, name string
		_, err := fmt.Sscan(column, &table, &name)
		ts.Check(err)
		_, err = db.Exec(fmt.Sprintf(`UPDATE %s SET %s = strftime('%%Y-%%m-%%dT%%H:%%M:%%S', %s, '-%s days') || '.000000000Z' WHERE %s <> ''`,
			table, name, name, args[1], name))
		ts.Check(err)
	}
	ts.Check(db.Close())
}
