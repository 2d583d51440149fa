package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/migrate"
)

func newSync(a *app) *cobra.Command {
	var o migrate.SyncOptions
	var most, rate string
	cmd := &cobra.Command{
		Use:   "sync [ACCOUNT...]",
		Short: "Copy the mailboxes, or continue copying",
		Long: `sync copies all mailboxes of all accounts, or of those that are named. It may be
stopped, killed and repeated without thinking: what is at the target is not sent
again. The old server is only read.

Exit: 0 copied, 3 some messages need a person (listed), 5 a server did not
answer, 6 a login failed (the other accounts were copied), 7 another run is at
work, 8 a limit was reached, yours or what the provider takes in a day.`,
		Example: "  mxmove sync\n  mxmove sync anna@example.org --max-time 2h\n  mxmove sync --wait\n  mxmove sync --json | jq 'select(.type==\"mailbox.done\")'",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			o.Accounts, o.Stop = args, a.stop
			if o.MaxBytes, err = parseSize(most); err != nil {
				return err
			}
			if o.Bandwidth, err = parseSize(strings.TrimSuffix(rate, "/s")); err != nil {
				return err
			}
			events, done := a.watching()
			defer done()
			m, err := a.open(cmd.Context(), events)
			if err != nil {
				return err
			}
			result, err := m.Sync(cmd.Context(), o)
			done()
			if !a.json {
				printResult(a.term.out, result)
			}
			return a.ended(cmd, m, err)
		},
	}
	f := cmd.Flags()
	f.DurationVar(&o.MaxTime, "max-time", 0, "begin nothing new after this time")
	f.StringVar(&most, "max-bytes", "", "begin nothing new after so many octets, such as 500MiB")
	f.StringVar(&rate, "bwlimit", "", "read no more than so many octets of messages in a second, such as 2MiB")
	f.BoolVar(&o.RecopyMissing, "recopy-missing", false, "send again what was copied and is gone at the target")
	f.BoolVar(&o.Wait, "wait", false, "wait and go on where a day's allowance is used up, or a server asks for patience")
	a.mayBeDry(cmd)
	return cmd
}

// printResult writes the balance of a copy, one line an account and one for
// each mailbox that is not settled.
func printResult(w io.Writer, result mailbox.Result) {
	for _, acc := range result.Accounts {
		fmt.Fprintf(w, "%-32s %s\n", clean(acc.Account), sentText(acc.Tally, acc.Sent))
		if acc.Repaired > 0 {
			fmt.Fprintf(w, "  %s taken only with a repair, the originals are kept under .mxmove/refused\n", migrate.Plural(acc.Repaired, "message"))
		}
		if acc.Err != nil {
			fmt.Fprintf(w, "  not finished: %s\n", clean(acc.Err.Error()))
		}
		for _, mb := range acc.Mailboxes {
			switch {
			case mb.Err != nil:
				fmt.Fprintf(w, "  %s: not finished: %s\n", clean(mb.Source), clean(mb.Err.Error()))
			case mb.Skipped != "":
				fmt.Fprintf(w, "  %s: skipped, %s\n", clean(mb.Source), clean(mb.Skipped))
			case mb.Tally.Refused+mb.Tally.Doubt+mb.Tally.Missing > 0:
				fmt.Fprintf(w, "  %s: %s\n", clean(mb.Source), sentText(mb.Tally, mb.Sent))
			}
		}
	}
	if len(result.Accounts) > 0 {
		fmt.Fprintf(w, "%-32s %s, %s sent\n", "total", sentText(result.Tally(), result.Sent), size(result.Bytes))
	}
}

func sentText(t mailbox.Tally, sent int) string {
	return fmt.Sprintf("%s (%d sent by this run)", tallyText(t), sent)
}

// tallyText writes the sum and the states that are not zero: the states add
// up to the sum.
func tallyText(t mailbox.Tally) string {
	var parts []string
	for _, n := range []struct {
		count int
		word  string
	}{
		{t.Copied, "copied"}, {t.Present, "present"}, {t.Merged, "merged"}, {t.Skipped, "skipped"}, {t.Refused, "refused"},
		{t.Gone, "gone"}, {t.New, "new"}, {t.Doubt, "in doubt"}, {t.Missing, "missing"},
	} {
		if n.count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n.count, n.word))
		}
	}
	if len(parts) == 0 {
		parts = []string{"nothing"}
	}
	return migrate.Plural(t.Messages, "message") + " = " + strings.Join(parts, " + ")
}

// parseSize reads a number of octets with an optional unit.
func parseSize(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	number, factor := text, int64(1)
	for unit, f := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if rest, ok := strings.CutSuffix(text, unit); ok {
			number, factor = rest, f
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
	if err != nil || n <= 0 || n > (1<<62)/factor {
		return 0, usagef("%q is not a size; write 500MiB, for instance", text)
	}
	return n * factor, nil
}
