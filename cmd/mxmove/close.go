package main

import (
	"github.com/spf13/cobra"

	"github.com/mxmove/mxmove/migrate"
)

func newClose(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "close [PLAN.json]",
		Short: "After the quiet time, take out what only the old server needed",
		Long: `close publishes what is due of the retire and harden stages: the old server's
addresses leave SPF, TTLs go up again, SPF ends as strictly as before. It is
repeated for what falls due later. After it the move cannot be undone by mxmove.
Once nothing is left it says whether the DMARC reports of the last month bear
out a stricter policy, and what is in the way; it never publishes one.

Exit: 0 done, or nothing left, 4 a gate refuses, nothing was changed, 5 nothing
is due yet: come back at the time named.`,
		Example: "  mxmove close\n  mxmove close --accept MX088=\"nothing in the mail log since 1 May\"",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.acting(cmd, func(m *migrate.Move) error {
				return m.Finish(cmd.Context(), first(args))
			})
		},
	}
	a.changesDNS(cmd)
	return cmd
}
