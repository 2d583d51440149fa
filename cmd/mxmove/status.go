package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newStatus(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say where the move stands",
		Long: `status tells the phase, since when, whether everything may stay as it is, what is
left, what is yours to do, and what is next. It asks nobody and changes nothing.`,
		Example: "  mxmove status\n  mxmove status --json | jq .next",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := a.open(cmd.Context(), nil)
			if err != nil {
				return err
			}
			s, err := m.Status(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(s)
			}
			phase := "not planned yet"
			if s.Phase != nil {
				phase = *s.Phase + " since " + s.Since.UTC().Format("2006-01-02 15:04:05 UTC")
			}
			fmt.Fprintf(a.term.out, "%s  %s\n", s.Domain, phase)
			a.printStatus(s)
			return nil
		},
	}
}
