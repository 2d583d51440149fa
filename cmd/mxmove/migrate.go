package main

import (
	"github.com/spf13/cobra"

	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/step"
)

func newMigrate(a *app) *cobra.Command {
	var o migrate.RunOptions
	var until string
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Do whatever comes next, phase after phase",
		Long: `migrate is the whole move in one run: it plans, prepares, copies while the TTLs
run down, cuts over and watches until the move is settled. It waits where waiting
is due and stops at a gate that refuses. Interrupted and started again it goes on.

Exit: 0 the phase is reached, 4 a gate refuses, 5 with --no-wait: come back at
the time named.`,
		Example: "  mxmove migrate --yes=example.org\n  mxmove migrate --until prepared\n  mxmove migrate --no-wait",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Until, o.Stop = step.Phase(until), a.stop
			return a.acting(cmd, func(m *migrate.Move) error {
				return m.Migrate(cmd.Context(), o)
			})
		},
	}
	cmd.Flags().StringVar(&until, "until", string(step.Settled), "end when this `PHASE` is reached")
	cmd.Flags().BoolVar(&o.NoWait, "no-wait", false, "end with 5 and a time instead of waiting")
	a.changesDNS(cmd)
	return cmd
}
