package main

import (
	"github.com/spf13/cobra"

	"github.com/mxmove/mxmove/migrate"
)

func newCutover(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cutover [PLAN.json]",
		Short: "Switch the MX when every gate lets it pass",
		Long: `cutover asks its gates (zone as planned, waits run out, fresh copy, nothing
missing, every login works), takes a last delta, publishes the switch stage,
stays until every authoritative server shows it, and takes one more delta.

Exit: 0 switched, 4 a gate refuses, nothing was changed, 5 written, not yet
visible everywhere: run it again, 6 a login or right is missing.`,
		Example: "  mxmove cutover\n  mxmove cutover --yes=example.org\n  mxmove cutover --accept MX082=\"copied an hour ago by hand\"",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.acting(cmd, func(m *migrate.Move) error {
				return m.Cutover(cmd.Context(), migrate.CutoverOptions{PlanFile: first(args), Stop: a.stop})
			})
		},
	}
	a.changesDNS(cmd)
	return cmd
}
