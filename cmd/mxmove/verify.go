package main

import (
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/migrate"
)

func newVerify(a *app) *cobra.Command {
	var o migrate.VerifyOptions
	var hash string
	cmd := &cobra.Command{
		Use:   "verify [ACCOUNT...]",
		Short: "Compare both sides and print the balance",
		Long: `verify reads both servers and compares them without believing what was written
down. With -v each message has a line: = same, + missing at the target, - at the
target only, ! differs, ? in doubt or unreadable.

Exit: 0 balanced, 3 something is missing, in doubt, different or unread.`,
		Example: "  mxmove verify\n  mxmove verify --hash anna@example.org\n  mxmove verify --json | jq .balanced",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			o.Accounts = args
			if o.Hash, err = percent(hash); err != nil {
				return err
			}
			if a.verbose && !a.json {
				o.Message = a.printMark
			}
			events, done := a.talk(), func() {}
			if !a.json && !a.verbose { // marks are lines of the answer
				events, done = a.watching()
			}
			defer done()
			m, err := a.open(cmd.Context(), events)
			if err != nil {
				return err
			}
			// Both sides of a mailbox may be a million messages.
			defer debug.SetGCPercent(debug.SetGCPercent(50))
			balance, err := m.Verify(cmd.Context(), o)
			done()
			switch {
			case len(balance.Accounts) == 0:
				return err
			case a.json:
				if printing := a.printJSON(balance); printing != nil {
					return printing
				}
			default:
				a.printBalance(balance)
			}
			return a.ended(cmd, m, err)
		},
	}
	cmd.Flags().StringVar(&hash, "hash", "", "compare contents too: all, or `N%` of the messages")
	cmd.Flags().Lookup("hash").NoOptDefVal = "all"
	return cmd
}

func percent(text string) (int, error) {
	switch text {
	case "":
		return 0, nil
	case "all":
		return 100, nil
	}
	n, err := strconv.Atoi(strings.TrimSuffix(text, "%"))
	if err != nil || n < 1 || n > 100 || !strings.HasSuffix(text, "%") {
		return 0, usagef("--hash is all or a share such as 10%%, not %q", text)
	}
	return n, nil
}

func (a *app) printMark(m mailbox.Mark) {
	date := "no date"
	if !m.Message.InternalDate.IsZero() {
		date = m.Message.InternalDate.Format("2006-01-02 15:04:05 -0700")
	}
	line := fmt.Sprintf("%c %s %s uid %d, %s, %s, %s", m.Sign, clean(m.Account), clean(m.Mailbox), m.Message.UID,
		size(m.Message.Size), date, m.State)
	for _, f := range []struct{ name, value string }{{"From", m.Title.From}, {"Date", m.Title.Date}, {"Subject", m.Title.Subject}} {
		if f.value != "" {
			line += "; " + f.name + ": " + clean(f.value)
		}
	}
	fmt.Fprintln(a.term.out, line)
}

func (a *app) printBalance(b mailbox.Balance) {
	w := a.term.out
	var total mailbox.Tally
	extra := 0
	for _, acc := range b.Accounts {
		fmt.Fprintf(w, "%s\n", clean(acc.Address))
		if acc.Unread != "" {
			fmt.Fprintf(w, "  could not be read: %s\n", clean(acc.Unread))
		}
		for _, mb := range acc.Mailboxes {
			total, extra = total.Add(mb.Tally), extra+mb.Extra
			line := tallyText(mb.Tally)
			if mb.Extra > 0 {
				line += fmt.Sprintf("; %d at the target only", mb.Extra)
			}
			if mb.Repaired > 0 {
				line += fmt.Sprintf("; %d with a repair", mb.Repaired)
			}
			if mb.Differs > 0 {
				line += fmt.Sprintf("; %d differ", mb.Differs)
			}
			if mb.Unread != "" {
				line += "; could not be read: " + clean(mb.Unread)
			}
			fmt.Fprintf(w, "  %-28s -> %-28s %s\n", clean(mb.Source), clean(mb.Target), line)
		}
	}
	verdict := a.term.paint(green, "balanced")
	if !b.Balanced {
		verdict = a.term.paint(red, "not balanced")
	}
	fmt.Fprintf(w, "total: %s; %d at the target only; %s\n", tallyText(total), extra, verdict)
}
