package main

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mxmove/mxmove/migrate"
)

func newCheckInbound(a *app) *cobra.Command {
	var o migrate.DMARCOptions
	cmd := &cobra.Command{
		Use:   "inbound",
		Short: "Send a message from outside, and see where it arrives",
		Long: `check inbound hands a small message to each of the domain's mail exchangers, as
a stranger does, and looks for it on both servers: it has to be at the target,
and not at the old server. The messages stay in the account's mailbox. Many
networks let nothing out to port 25, and exchangers are strict with strangers;
that is then not measured, and says nothing about others' mail.

Exit: 0 pass, 3 anything else, with the reasons.`,
		Example: "  mxmove check inbound\n  mxmove check inbound --account info@example.org --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := a.open(cmd.Context(), a.talk())
			if err != nil {
				return err
			}
			in, err := m.CheckInbound(cmd.Context(), o)
			if in.Version == 0 {
				return err // nothing was sent
			}
			if a.json {
				return errors.Join(a.printJSON(in), err)
			}
			return errors.Join(a.printInbound(in), err)
		},
	}
	cmd.Flags().StringVar(&o.Account, "account", "", "recipient, an `ADDRESS` of the list; default the first")
	return cmd
}

func (a *app) printInbound(in migrate.Inbound) error {
	w := a.term.out
	type line struct{ name, text string }
	lines := []line{{"inbound", string(in.Result)}, {"to", in.Address}}
	for _, at := range in.Exchangers {
		if !at.Taken {
			lines = append(lines, line{"mx", at.MX + " did not take it"})
			continue
		}
		lines = append(lines, line{"mx", at.MX}, line{"target", cmp.Or(at.Target, "not found")}, line{"old", cmp.Or(at.Old, "not found")})
	}
	if len(in.Exchangers) == 0 {
		lines = append(lines, line{"mx", "none"})
	}
	for _, l := range lines {
		fmt.Fprintf(w, "%-8s%s\n", l.name, clean(l.text))
	}
	for _, reason := range in.Reasons {
		fmt.Fprintf(w, "%-8s- %s\n", "", clean(reason))
	}
	return nil
}
