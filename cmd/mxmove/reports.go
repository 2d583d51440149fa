package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mxmove/mxmove/migrate"
)

func newReports(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "reports [FILE...]",
		Short: "Read DMARC aggregate reports: who sends as the domain",
		Long: `reports reads the DMARC aggregate reports that receivers send: files as XML, gzip
or zip, saved messages, or whole directories. Without a file it reads the mailbox
that the domain's DMARC record names, if that is one of the accounts; its messages
stay as they are, unread. What was read is remembered, each report once.

It tells who sends as the domain, by network and signing domain, whether their
mail is aligned, and by what they are known: the old server, the provider, or the
domain's SPF record. Nothing is published because of a report. Reports
about TLS (TLS-RPT), which come the same way, are read as well.

Anybody can write a report. One in a message that its sender has signed (DKIM) is
authenticated; close waits for those. All others, and bare files, can only speak
against closing. Save messages whole, so that their signatures can be verified.

Exit: 0 all read, 3 some files could not be read (listed; the others count).`,
		Example: "  mxmove reports\n  mxmove reports ~/dmarc/*.gz\n  mxmove reports --json ~/Maildir/.DMARC | jq .streams",
		RunE: func(cmd *cobra.Command, args []string) error {
			// A report of 100,000 rows makes much that is gone at once: at twice
			// the collections it takes a tenth less memory and hardly more time.
			defer debug.SetGCPercent(debug.SetGCPercent(50))
			m, err := a.open(cmd.Context(), a.talk())
			if err != nil {
				return err
			}
			doc, err := m.ReadReports(cmd.Context(), args)
			if doc.Version == 0 {
				return err // nothing came of it
			}
			if a.json {
				return errors.Join(a.printJSON(doc), err)
			}
			return errors.Join(a.printReports(doc), err)
		},
	}
}

// shownStreams is how many streams a screen shows; -v shows all.
const shownStreams = 25

func (a *app) printReports(doc migrate.Reports) error {
	w := a.term.out
	again := 0
	for _, r := range doc.Read {
		if r.Known {
			again++
		}
		for _, note := range r.Notes {
			a.term.say("%s: %s", r.File, note)
		}
	}
	fmt.Fprintf(w, "read       %d reports now", len(doc.Read)-again)
	for _, part := range []struct {
		n    int
		what string
	}{{again, "known already"}, {doc.Others, "about other domains"}, {len(doc.Unread), "unreadable"}} {
		if part.n > 0 {
			fmt.Fprintf(w, ", %d %s", part.n, part.what)
		}
	}
	fmt.Fprintln(w)
	if doc.Kept == 0 {
		fmt.Fprintln(w, "kept       none: nobody knows yet who sends as the domain")
	} else {
		fmt.Fprintf(w, "kept       %d reports of %d receivers, %s to %s\n", doc.Kept, doc.Receivers, doc.Begin.Format(time.DateOnly), doc.End.Format(time.DateOnly))
		printSigners(w, doc)
		if err := a.printStreams(doc); err != nil {
			return err
		}
	}
	if err := printTLS(w, doc.TLS); err != nil {
		return err
	}
	return a.printStreamFindings(doc)
}

// printSigners says for how many reports their senders vouch.
func printSigners(w io.Writer, doc migrate.Reports) {
	if n := doc.Kept - doc.Unsigned; n > 0 {
		fmt.Fprintf(w, "signed     %d reports, by %s\n", n, clean(migrate.SignerNames(doc.Signers)))
	}
	if doc.Unsigned > 0 {
		fmt.Fprintf(w, "unsigned   %d reports, not authenticated: close takes them as evidence against, never for\n", doc.Unsigned)
	}
	fmt.Fprintln(w)
}

// printStreams writes one line for each stream.
func (a *app) printStreams(doc migrate.Reports) error {
	shown := doc.Streams
	if !a.verbose && len(shown) > shownStreams {
		shown = shown[:shownStreams]
	}
	t := tabwriter.NewWriter(a.term.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "network\tsigned by\tmessages\taligned\tlast\tknown")
	for _, s := range shown {
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\t%s\n", s.Network, clean(cmp.Or(s.DKIMDomain, "-")), s.Messages, share(s), s.Last.Format(time.DateOnly), clean(known(s)))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if n := len(doc.Streams) - len(shown) + doc.Omitted; n > 0 {
		fmt.Fprintf(a.term.out, "and %d more; -v or --json shows them\n", n)
	}
	if a.verbose {
		return printSelectors(a.term.out, doc)
	}
	return nil
}

func printSelectors(w io.Writer, doc migrate.Reports) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "\nselector\tdomain\tpass\tfail\tfirst\tlast")
	for _, s := range doc.Selectors {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%s\t%s\n", clean(s.Selector), clean(s.Domain), s.Pass, s.Fail, s.First.Format(time.DateOnly), s.Last.Format(time.DateOnly))
	}
	return t.Flush()
}

// printTLS writes how senders fared with TLS.
func printTLS(w io.Writer, seen []migrate.TLSSeen) error {
	if len(seen) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "\nTLS policy\tdomain\tsessions\tresult\texchanger\tlast")
	for _, s := range seen {
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\t%s\n", clean(cmp.Or(s.Policy, "-")), s.Domain, s.Sessions, clean(cmp.Or(s.Failure, "delivered")), clean(cmp.Or(s.MX, "-")), s.Last.Format(time.DateOnly))
	}
	return t.Flush()
}

// share says how much of a stream is aligned; less than all is never "all".
func share(s migrate.Stream) string {
	switch s.Aligned {
	case s.Messages:
		return "all"
	case 0:
		return "none"
	}
	return fmt.Sprintf("%d (%d%%)", s.Aligned, s.Aligned*100/s.Messages)
}

func known(s migrate.Stream) string {
	switch s.Known {
	case migrate.SenderOld:
		return "old server, " + s.Because
	case migrate.SenderTarget:
		return "provider, " + s.Because
	case migrate.SenderNamed:
		return "SPF, " + s.Because
	case migrate.SenderNotMeasured:
		return "not measured: the DNS did not answer"
	}
	return "unknown"
}

func (a *app) printStreamFindings(doc migrate.Reports) error {
	for _, f := range doc.Findings {
		fmt.Fprintf(a.term.out, "\n%s %s %s\n", f.Severity, f.Code, clean(f.Text))
		if len(f.Evidence) > 0 {
			fmt.Fprintf(a.term.out, "  %s\n", clean(strings.Join(f.Evidence, "\n  ")))
		}
		fmt.Fprintf(a.term.out, "  fix: %s\n", clean(f.Fix))
	}
	return nil
}
