package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mxmove/mxmove/migrate/report"
)

func newReport(a *app) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Write the move as one HTML file and its JSON",
		Long: `report writes .mxmove/report.html, one self-contained file for people, and
report.json beside it. -o chooses another place for the HTML. With --json the
document goes to stdout and nothing is written.`,
		Example: "  mxmove report\n  mxmove report -o move.html",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := a.open(cmd.Context(), nil)
			if err != nil {
				return err
			}
			if a.json {
				rec, err := m.Record(cmd.Context())
				if err != nil {
					return err
				}
				return a.printJSON(report.New(rec))
			}
			path, err := report.Write(cmd.Context(), m, out)
			if errors.Is(err, report.ErrName) {
				return usagef("--output: %v", err)
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.term.out, path)
			return err
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "write the HTML to `FILE`, the JSON beside it")
	return cmd
}
