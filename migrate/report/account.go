package report

import (
	"slices"

	"github.com/mxmove/mxmove/mailbox"
)

// fewAccounts is up to how many accounts the page shows unfolded; of more,
// only those that need a person.
const fewAccounts = 8

// An account is one account of the balance.
type account struct {
	mailbox.AccountBalance
	verdict
	Total Total
	Open  bool
	Rows  []row
}

// A row is one pair of mailboxes.
type row struct {
	mailbox.MailboxBalance
	Cells []cell
}

// A cell is a number of a table, or that nobody knows it.
type cell struct {
	Head, Class string
	N           int
	Unknown     bool
}

// Text is what the cell shows.
func (c cell) Text() string {
	if c.Unknown {
		return "unknown"
	}
	return number(c.N)
}

// Quiet reports whether there is nothing to see.
func (c cell) Quiet() bool { return c.N == 0 && !c.Unknown }

// accounts judges each account by itself.
func (p page) accounts() []account {
	if p.Balance == nil {
		return nil
	}
	var all []account
	for _, a := range p.Balance.Accounts {
		one := account{AccountBalance: a, Total: sum(a)}
		// What the balance says of itself holds for all accounts together.
		one.verdict = weigh(one.Total, true, p.Outdated())
		one.Open = len(p.Balance.Accounts) <= fewAccounts || one.Tone == bad || one.Tone == unknown
		for _, mb := range a.Mailboxes {
			one.Rows = append(one.Rows, row{mb, cells(mb.Tally, p.Columns, mb.Unknown)})
		}
		all = append(all, one)
	}
	return all
}

// cells gives a tally as a row of the columns that the page has.
func cells(t mailbox.Tally, columns []count, unread bool) []cell {
	cs := []cell{{Head: "messages", N: t.Messages, Unknown: unread}}
	all := counts(t)
	for _, col := range columns {
		i := slices.IndexFunc(all, func(c count) bool { return c.Class == col.Class })
		cs = append(cs, cell{Head: col.Word, Class: col.Class, N: all[i].N, Unknown: unread && col.Class == "doubt"})
	}
	return cs
}

// Sums is the last row of an account's table.
func (a account) Sums(columns []count) []cell { return cells(a.Total.Tally, columns, false) }
