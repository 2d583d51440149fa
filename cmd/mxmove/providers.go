package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mxmove/mxmove/dnsplan/provider"
	"github.com/mxmove/mxmove/migrate/config"
)

func newProviders(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "providers [NAME|./FILE]",
		Short: "List the catalogue, or print what is known of a provider",
		Long: `providers lists the providers that mxmove knows. With a name it prints the records
that a domain needs there, the variables with where to find them, the limits, the
IMAP and SMTP hosts, and where each of it was read. A provider's file of your own,
or a Domain Connect template, is read in the same way.`,
		Example:           "  mxmove providers\n  mxmove providers google\n  mxmove providers ./template.json",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeProviders,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listProviders()
			}
			p, err := loadProvider(args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(describeProvider(p))
			}
			printProvider(a.term.out, p)
			return nil
		},
	}
}

// loadProvider returns a provider of the catalogue, or what a file says.
func loadProvider(name string) (*provider.Provider, error) {
	if strings.ContainsAny(name, `/\`) || strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".json") {
		return readProvider(name)
	}
	p, err := provider.Load(name)
	if errors.Is(err, provider.ErrUnknown) {
		if near := provider.Nearest(name); near != "" {
			return nil, usagef("unknown provider %q; did you mean %q?", name, near)
		}
		return nil, usagef("unknown provider %q; mxmove providers lists them", name)
	}
	return p, err
}

func readProvider(name string) (*provider.Provider, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, usagef("provider file: %v", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, 1<<20)) // Parse refuses far less
	if err != nil {
		return nil, fmt.Errorf("provider file: %w", err)
	}
	p, err := provider.Parse(name, data)
	if err != nil {
		return nil, &config.Error{File: name, Text: err.Error(), Err: err}
	}
	return p, nil
}

func completeProviders(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return provider.Names(), cobra.ShellCompDirectiveNoFileComp
}

func (a *app) listProviders() error {
	var docs []providerDocument
	for _, name := range provider.Names() {
		p, err := provider.Load(name)
		if err != nil {
			return err
		}
		docs = append(docs, describeProvider(p))
		if !a.json {
			note := ""
			switch {
			case p.Refuse != "":
				note = "  (cannot take a domain: mxmove providers " + p.Name + ")"
			case p.NoIMAP != "":
				note = "  (no IMAP: mxmove providers " + p.Name + ")"
			}
			fmt.Fprintf(a.term.out, "%-16s %s%s\n", p.Name, p.Title, note)
		}
	}
	if !a.json {
		return nil
	}
	return a.printJSON(struct {
		Version   int                `json:"version"`
		Providers []providerDocument `json:"providers"`
	}{1, docs})
}
