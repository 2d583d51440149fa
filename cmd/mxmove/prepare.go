package main

import (
	"github.com/spf13/cobra"

	"github.com/mxmove/mxmove/migrate"
)

func newPrepare(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prepare [PLAN.json]",
		Short: "Publish the prepare stage of the last plan shown",
		Long: `prepare publishes the stage that only adds: lower TTLs, the verification record,
DKIM keys, an SPF record that covers old and new. It writes .mxmove/undo.json
first, publishes only over what the plan expects to find, and waits until every
authoritative server shows the result.

Exit: 0 done, 3 a value from the provider's console is still to come, 4 refused
or stale, nothing was changed, 5 not visible everywhere yet, 6 no right to the zone.`,
		Example: "  mxmove prepare\n  mxmove prepare --yes=example.org\n  mxmove prepare --dry-run",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.acting(cmd, func(m *migrate.Move) error {
				return m.Prepare(cmd.Context(), first(args))
			})
		},
	}
	a.changesDNS(cmd)
	return cmd
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}
