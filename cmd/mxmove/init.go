package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/miekg/dns"
	"github.com/spf13/cobra"

	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/dnsplan/resolver"
	"github.com/mxmove/mxmove/migrate"
)

func newInit(a *app) *cobra.Command {
	var to, ask string
	cmd := &cobra.Command{
		Use:   "init DOMAIN --to PROVIDER",
		Short: "Look at the domain and write a configuration to fill in",
		Long: `init writes a commented mxmove.yaml and an empty accounts.csv into the move
directory. It never writes over an existing file.`,
		Example: "  mxmove init example.org --to fastmail -C ~/move",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, ok := dns.IsDomainName(args[0]); !ok || dns.CountLabel(args[0]) < 2 {
				return usagef("%q is not a domain name", args[0])
			}
			if to == "" {
				return usagef("--to is missing; mxmove providers lists where one can move to")
			}
			p, err := provider.Load(to)
			if errors.Is(err, provider.ErrUnknown) {
				return usagef("--to %s: unknown provider; did you mean %q? mxmove providers lists them", to, provider.Nearest(to))
			}
			if err != nil {
				return err
			}
			if p.Refuse != "" {
				return usagef("--to %s: %s", to, p.Refuse)
			}
			note, err := migrate.Init(cmd.Context(), a.dir, args[0], p, &resolver.Client{Resolver: ask})
			if err != nil {
				return err
			}
			if note != nil {
				a.term.say("the DNS was not seen, fill in source.imap yourself: %v", note)
			}
			at := ""
			if a.dir != "." {
				at = "-C " + a.dir + " "
			}
			_, err = fmt.Fprintf(a.term.out, "%s and %s are written; fill them in, then: mxmove %splan\n",
				filepath.Join(a.dir, "mxmove.yaml"), filepath.Join(a.dir, "accounts.csv"), at)
			return err
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "`PROVIDER` to move to (mxmove providers)")
	cmd.Flags().StringVar(&ask, "resolver", "", "recursive resolver to ask, `HOST:PORT`; default the system's")
	_ = cmd.RegisterFlagCompletionFunc("to", completeProviders) // the flag exists, so this cannot fail
	return cmd
}
