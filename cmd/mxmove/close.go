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

Once nothing of the plan is left, close looks at the hardening calendar: a
stricter DMARC policy, one level at a time, and a new id for an MTA-STS policy
whose file has changed. A step is shown with its evidence, a month of signed
reports, and published only if you type the domain's name for it. Where nobody
can be asked, name the step and give the reason with --accept; --yes alone
takes none. mxmove undo takes the last step of the DMARC policy back.

Exit: 0 done, or nothing left, 3 a step is yours to do, 4 a gate refuses,
nothing was changed, 5 nothing is due yet: come back at the time named.`,
		Example: "  mxmove close\n  mxmove close --accept MX088=\"nothing in the mail log since 1 May\"\n  mxmove close --accept MX180:example.org:quarantine=\"all senders sign\" --yes=example.org",
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
