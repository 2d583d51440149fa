package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/handout"
)

func newHandout(a *app) *cobra.Command {
	var kinds []string
	for _, k := range handout.Kinds() {
		kinds = append(kinds, string(k))
	}
	slices.Sort(kinds)
	return &cobra.Command{
		Use:   "handout {admin|freeze|timer|users}",
		Short: "Print a text for people, filled in",
		Long: `handout prints a text that goes with the move, filled in from mxmove.yaml,
accounts.csv, the provider's facts and the inventory. Nothing is sent or written,
and no secret stands in it.

  admin    what to switch on in the provider's console, accounts and aliases as CSV
  users    what the people do whose mail moves: servers, names, what stays behind
  timer    units of systemd that run mxmove watch --once
  freeze   how the old server stops taking the domain for its own

Send the one for users by another way than mail to a mailbox that moves.`,
		Example:           "  mxmove handout users > letter.txt\n  mxmove handout admin -C ~/move\n  mxmove handout timer --json | jq -r .text",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.FixedCompletions(kinds, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(kinds, args[0]) {
				return usagef("there is no handout %q; there are %s", args[0], strings.Join(kinds, ", "))
			}
			m, err := a.open(cmd.Context(), nil)
			if err != nil {
				return err
			}
			o := migrate.HandoutOptions{Program: "mxmove"}
			if o.Dir, err = filepath.Abs(a.dir); err != nil {
				return err
			}
			if exe, err := os.Executable(); err == nil {
				o.Program = exe
			}
			h, err := m.Handout(cmd.Context(), handout.Kind(args[0]), o)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(h)
			}
			_, err = fmt.Fprint(a.term.out, h.Text)
			return err
		},
	}
}
