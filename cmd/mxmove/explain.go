package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mxmove/mxmove/migrate/finding"
)

func newExplain(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "explain CODE",
		Short:   "Print a page about a finding",
		Example: "  mxmove explain MX081",
		Args:    cobra.ExactArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var codes []string
			for _, c := range finding.Pages() {
				codes = append(codes, string(c))
			}
			return codes, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			page, err := finding.Page(finding.Code(strings.ToUpper(args[0])))
			if err != nil {
				return usagef("no finding has the code %q; codes look like MX081", args[0])
			}
			_, err = fmt.Fprint(a.term.out, page)
			return err
		},
	}
}
