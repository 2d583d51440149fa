package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/dnsplan/export"
	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/probe"
	"github.com/mxmove/mxmove/migrate/state"
)

func newPlan(a *app) *cobra.Command {
	var o migrate.PlanOptions
	var out, format, stage string
	var exit bool
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Say what would change, when, and what is in the way",
		Long: `plan is the dry run. It reads DNS, both IMAP servers and every account, and says
what would change, in which stage, not before when, and what is in the way.
Nothing outside .mxmove is written. Blocklists are asked about the old server's
addresses and the domain, but not with --offline.

--format takes one stage home instead, for those who keep their DNS as code; a
plan that something blocks is not handed out.

Exit: 0 planned, 2 configuration, 4 a finding blocks, 5 a server did not
answer, 6 a login is missing, 9 changes are pending (with --exit-code).`,
		Example: "  mxmove plan\n  mxmove plan --json | jq .summary\n  mxmove plan --dns --offline\n  mxmove plan --dns --format nsupdate --stage prepare > prepare.txt",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Offline && !o.DNSOnly {
				return usagef("--offline asks nobody, so it goes with --dns")
			}
			if err := a.checkForm(format, stage); err != nil {
				return err
			}
			m, err := a.open(cmd.Context(), a.talk())
			if err != nil {
				return err
			}
			doc, err := m.Plan(cmd.Context(), o)
			if err != nil {
				return err
			}
			if err := a.savePlan(doc, out); err != nil {
				return err
			}
			blocked := m.Blocked(doc)
			switch {
			case format == "":
				err = a.printPlan(cmd, m, doc, o.DNSOnly)
			case blocked == nil:
				err = a.printForm(doc, export.Format(format), dnsplan.Stage(stage))
			}
			if err != nil {
				return err
			}
			return planError(doc, blocked, exit)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.DNSOnly, "dns", false, "the DNS part alone: no accounts, nothing kept")
	f.BoolVar(&o.Offline, "offline", false, "with --dns: take dns.snapshot.file and ask nobody")
	f.StringVar(&out, "out", "", "save the plan to `FILE`")
	f.StringVar(&format, "format", "", "print one stage as `FORM`: "+words(export.Formats))
	f.StringVar(&stage, "stage", "", "with --format: the `STAGE`, "+words(dnsplan.Stages)+" (default the next)")
	f.BoolVar(&exit, "exit-code", false, "end with 9 when changes are pending")
	f.StringArrayVar(&a.accept, "accept", nil, "let a finding pass, with a reason: `CODE[:SUBJECT]=REASON`")
	return cmd
}

func (a *app) savePlan(doc migrate.Document, out string) error {
	if out == "" {
		return nil
	}
	data, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	if err := state.WriteFile(out, append(data, '\n')); err != nil {
		return usagef("--out: %v", err)
	}
	return nil
}

func (a *app) printPlan(cmd *cobra.Command, m *migrate.Move, doc migrate.Document, dnsOnly bool) error {
	if a.json {
		return a.printJSON(doc)
	}
	plan, err := doc.Plan()
	if err != nil {
		return err
	}
	if err := a.printChanges(plan, dnsplan.TextOptions{Why: a.verbose}); err != nil {
		return err
	}
	if a.verbose {
		printReputation(a.term.out, doc.Reputation)
	}
	if dnsOnly {
		return nil
	}
	printAccounts(a.term.out, doc.Accounts)
	return a.closing(cmd, m)
}

// printAccounts writes one line for each account, and what is wrong with it.
func printAccounts(w io.Writer, accounts []migrate.AccountState) {
	fmt.Fprintf(w, "\naccounts\n")
	for _, a := range accounts {
		fmt.Fprintf(w, "  %-32s %8d messages %10s %4d mailboxes  source %s  target %s\n",
			clean(a.Address), a.Messages, size(a.Bytes), a.Mailboxes, a.Source, a.Target)
		for _, e := range []struct {
			side string
			err  error
		}{{"source", a.SourceErr}, {"target", a.TargetErr}} {
			if e.err != nil {
				fmt.Fprintf(w, "      %s: %s\n", e.side, clean(e.err.Error()))
			}
		}
	}
}

// printReputation writes what each list and each look said, the clean and the
// unknown too. What is bad stands among the findings anyway.
func printReputation(w io.Writer, marks []probe.Mark) {
	if len(marks) == 0 {
		return
	}
	fmt.Fprintf(w, "\nwhat receivers think of the old server and the domain\n")
	for _, m := range marks {
		what := m.Check
		if m.List != "" {
			what = m.List
		}
		effect := ""
		if m.Moving != "" {
			effect = fmt.Sprintf("  (moving: %s, a smarthost: %s)", m.Moving, m.Smarthost)
		}
		fmt.Fprintf(w, "  %-8s %-24s %-24s %s%s\n", m.Result, clean(m.Subject), what, clean(m.Text), effect)
	}
}

// size prints octets as people read them.
func size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	v := float64(n)
	i := 0
	for v >= 1024 && i < len(units)-1 {
		v /= 1024
		i++
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}

// planError is how a plan that could be made ends: what blocks, which account
// cannot be reached or logged in, and what is pending.
func planError(doc migrate.Document, blocked error, exit bool) error {
	errs := []error{blocked}
	for _, acc := range doc.Accounts {
		for _, e := range []struct {
			side  string
			state mailbox.State
			err   error
		}{{"source", acc.Source, acc.SourceErr}, {"target", acc.Target, acc.TargetErr}} {
			if e.err != nil {
				errs = append(errs, fmt.Errorf("%s of %s: %w", e.side, acc.Address, e.err))
			} else if e.state != mailbox.OK {
				errs = append(errs, &migrate.PersonError{What: fmt.Sprintf("%s of %s: %s", e.side, acc.Address, e.state)})
			}
		}
	}
	if s := doc.Summary; exit && s.Create+s.Update+s.Delete > 0 {
		errs = append(errs, errPending)
	}
	return errors.Join(errs...)
}
