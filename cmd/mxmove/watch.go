package main

import (
	"github.com/spf13/cobra"

	"github.com/mxmove/mxmove/migrate"
)

func newWatch(a *app) *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Carry late mail over until the move is settled",
		Long: `watch looks at every mailbox of the old server at intervals and copies what
arrived late; at the target it only adds. It ends when nothing has come for as
long as policy.quiet asks and a probe has proved alignment. --once looks once,
for a timer.

Exit: 0 settled, or swept once, 4 the MX was not switched yet, 5 a server did
not answer.`,
		Example: "  mxmove watch\n  mxmove watch --once --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.acting(cmd, func(m *migrate.Move) error {
				return m.Watch(cmd.Context(), migrate.WatchOptions{Once: once, Stop: a.stop})
			})
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "one sweep, then end")
	cmd.Flags().StringArrayVar(&a.accept, "accept", nil, "let a gate pass, with a reason: `CODE[:SUBJECT]=REASON`")
	return cmd
}
