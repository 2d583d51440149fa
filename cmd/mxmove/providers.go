package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mxmove/mxmove/dnsplan/provider"
)

func newProviders(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "providers [NAME]",
		Short: "List the catalogue, or print what is known of a provider",
		Long: `providers lists the providers that mxmove knows. With a name it prints the records
that a domain needs there, the variables with where to find them, the limits, and
the IMAP and SMTP hosts.`,
		Example:           "  mxmove providers\n  mxmove providers google",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeProviders,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listProviders()
			}
			p, err := provider.Load(args[0])
			if errors.Is(err, provider.ErrUnknown) {
				if near := provider.Nearest(args[0]); near != "" {
					return usagef("unknown provider %q; did you mean %q?", args[0], near)
				}
				return usagef("unknown provider %q; mxmove providers lists them", args[0])
			}
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
			if p.Refuse != "" {
				note = "  (cannot take a domain: mxmove providers " + p.Name + ")"
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

// A providerDocument is what providers --json prints of each.
type providerDocument struct {
	Version   int                `json:"version"`
	Name      string             `json:"name"`
	Title     string             `json:"title"`
	Refuse    string             `json:"refuse"`
	Variables []variableDocument `json:"variables"`
	IMAP      string             `json:"imap"`
	SMTP      string             `json:"smtp"`
}

type variableDocument struct {
	Name              string `json:"name"`
	Title             string `json:"title"`
	Where             string `json:"where"`
	Required          bool   `json:"required"`
	AfterVerification bool   `json:"after_verification"`
}

func describeProvider(p *provider.Provider) providerDocument {
	d := providerDocument{
		Version: 1, Name: p.Name, Title: p.Title, Refuse: p.Refuse,
		Variables: []variableDocument{}, IMAP: hostText(p.IMAP), SMTP: hostText(p.SMTP),
	}
	for _, v := range p.Variables {
		d.Variables = append(d.Variables, variableDocument{v.Name, v.Title, v.Where, v.Required, v.AfterVerification})
	}
	return d
}

func hostText(e provider.Endpoint) string {
	if e.Host == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", e.Host, e.Port)
}

// printProvider writes what is known, each part with its source.
func printProvider(w io.Writer, p *provider.Provider) {
	fmt.Fprintf(w, "%s: %s\n", p.Name, p.Title)
	if p.Refuse != "" {
		fmt.Fprintf(w, "\nNobody can move a domain there: %s\n", p.Refuse)
		return
	}
	fmt.Fprintf(w, "\nrecords\n")
	for _, x := range p.MX.Records {
		fmt.Fprintf(w, "  MX    @  %d %s\n", x.Preference, x.Host)
	}
	if p.SPF.Include != "" {
		fmt.Fprintf(w, "  SPF   @  include:%s %s\n", p.SPF.Include, p.SPF.Terminal)
	}
	for _, part := range []struct {
		word    string
		records []provider.Record
	}{{"verify", p.Verify.Records}, {"dkim", p.DKIM.Records}, {"discovery", p.Discovery.Records}} {
		for _, r := range part.records {
			fmt.Fprintf(w, "  %-5s %s  %s  (%s)\n", r.Type, r.Name, r.Value, part.word)
		}
	}
	printVariables(w, p)
	fmt.Fprintf(w, "\nservers\n")
	for _, e := range []struct {
		word string
		host provider.Endpoint
	}{{"IMAP", p.IMAP}, {"SMTP", p.SMTP}} {
		if text := hostText(e.host); text != "" {
			fmt.Fprintf(w, "  %s  %s  %s  login: %s\n", e.word, text, e.host.TLS, strings.Join(e.host.Login, ", "))
		}
	}
	printLimits(w, p)
	fmt.Fprintf(w, "\nMX checked %s, source %s\n", p.MX.Checked, p.MX.Source)
}

func printVariables(w io.Writer, p *provider.Provider) {
	if len(p.Variables) == 0 {
		return
	}
	fmt.Fprintf(w, "\nvariables (vars: in mxmove.yaml)\n")
	for _, v := range p.Variables {
		kind := "optional"
		switch {
		case v.AfterVerification:
			kind = "shown after verification"
		case v.Required:
			kind = "required"
		}
		fmt.Fprintf(w, "  %-10s %s (%s)\n             %s\n", v.Name, v.Title, kind, v.Where)
		if v.Example != "" {
			fmt.Fprintf(w, "             such as %s\n", v.Example)
		}
	}
}

func printLimits(w io.Writer, p *provider.Provider) {
	l := p.Limits
	if l.Connections+int(min(l.MessageSize, 1))+int(min(l.DailyBytes, 1)) > 0 {
		fmt.Fprintf(w, "\nlimits\n")
	}
	if l.Connections > 0 {
		fmt.Fprintf(w, "  %d IMAP connections an account\n", l.Connections)
	}
	if l.MessageSize > 0 {
		fmt.Fprintf(w, "  %s a message\n", size(l.MessageSize))
	}
	if l.DailyBytes > 0 {
		fmt.Fprintf(w, "  %s an account and day\n", size(l.DailyBytes))
	}
	if len(p.Mailboxes.Names) > 0 {
		fmt.Fprintf(w, "\nmailboxes\n")
		for _, use := range slices.Sorted(maps.Keys(p.Mailboxes.Names)) {
			fmt.Fprintf(w, "  %-10s %s\n", use, p.Mailboxes.Names[use])
		}
	}
}
