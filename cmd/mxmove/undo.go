package main

import (
	"github.com/spf13/cobra"

	"github.com/mxmove/mxmove/migrate"
)

func newUndo(a *app) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "undo",
		Short: "Go back: the old MX, and the mail that arrived meanwhile",
		Long: `undo copies what arrived at the target back to the old server, puts the old MX
back, and copies once more. With --all it takes the prepare stage back too, once
the target's mail has drained. It needs no more than .mxmove/undo.json.

Exit: 0 done, 4 an RRset is neither old nor new, nothing of it was changed,
5 not visible everywhere yet, or mail has to drain first: run it again.`,
		Example: "  mxmove undo\n  mxmove undo --all --yes=example.org",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.acting(cmd, func(m *migrate.Move) error {
				return m.Undo(cmd.Context(), migrate.UndoOptions{All: all, Stop: a.stop})
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "take the prepare stage back too")
	a.changesDNS(cmd)
	return cmd
}
