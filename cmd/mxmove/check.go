package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"

	"github.com/spf13/cobra"

	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/probe"
)

// maxMessage bounds a message that is judged from a file.
const maxMessage = 64 << 20

func newCheck(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Prove things on real messages",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCheckDMARC(a), newCheckInbound(a))
	return cmd
}

func newCheckDMARC(a *app) *cobra.Command {
	var o migrate.DMARCOptions
	var file, ip, from, helo string
	cmd := &cobra.Command{
		Use:   "dmarc",
		Short: "Send a probe, fetch it, and judge SPF, DKIM and alignment",
		Long: `check dmarc sends one message through the target's submission server to the probe
mailbox, or to this machine (probe.listen), and verifies SPF, DKIM and alignment
itself. It sends from one address of each domain that moves, from the address of
--account, from those of --from (an alias, a domain below), or with --each from
every address and alias of the list, one after the other. With --file it judges a
message that you have.

Exit: 0 pass, 3 anything else, with the reasons; 5 where the DNS or the message
did not come in time, 6 where a login or the port is not permitted.`,
		Example: "  mxmove check dmarc\n  mxmove check dmarc --account info@example.org --json\n  mxmove check dmarc --from sales@example.org --from news@shop.example.org\n  mxmove check dmarc --file M.eml --ip 198.51.100.7 --mail-from info@example.org --helo mx.example.net",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := a.open(cmd.Context(), a.talk())
			if err != nil {
				return err
			}
			if file != "" {
				if o.Account != "" || o.Each || len(o.From) > 0 {
					return usagef("--account, --from and --each say who sends, and with --file nothing is sent")
				}
				v, err := judgeFile(cmd, m, file, ip, from, helo)
				return errors.Join(a.printVerdict(v), err)
			}
			if ip+from+helo != "" {
				return usagef("--ip, --mail-from and --helo go with --file")
			}
			if o.Each && len(o.From) > 0 {
				return usagef("--each means every address; leave --from out")
			}
			proofs, err := m.CheckDMARC(cmd.Context(), o)
			return errors.Join(a.printProofs(proofs), err)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Account, "account", "", "who logs in to send, an `ADDRESS` of the list")
	f.StringArrayVar(&o.From, "from", nil, "send from this `ADDRESS` of a domain that moves, or of one below; may be repeated")
	f.BoolVar(&o.Each, "each", false, "send from every address and alias of the list")
	f.StringVar(&file, "file", "", "judge this `MESSAGE.eml` instead of a probe")
	f.StringVar(&ip, "ip", "", "with --file: the `ADDRESS` that delivered it; default from Received")
	f.StringVar(&from, "mail-from", "", "with --file: the envelope sender; default from Return-Path")
	f.StringVar(&helo, "helo", "", "with --file: the `NAME` in HELO; default from Received")
	return cmd
}

// printVerdict prints the judgement of one message, nothing where none was
// judged.
func (a *app) printVerdict(v probe.Verdict) error {
	switch {
	case v.Version == 0:
		return nil
	case a.json:
		return a.printJSON(v)
	}
	return v.Text(a.term.out)
}

// severalProofs is what check dmarc --json prints where it has sent from
// several addresses.
type severalProofs struct {
	Version int             `json:"version"`
	Proofs  []migrate.Proof `json:"proofs"`
}

// printProofs prints one verdict as it is, and several with their addresses.
func (a *app) printProofs(proofs []migrate.Proof) error {
	switch {
	case len(proofs) == 0:
		return nil
	case len(proofs) == 1 && proofs[0].Verdict == nil:
		return nil // the error says all
	case len(proofs) == 1:
		return a.printVerdict(*proofs[0].Verdict)
	case a.json:
		return a.printJSON(severalProofs{1, proofs})
	}
	for i, p := range proofs {
		if i > 0 {
			fmt.Fprintln(a.term.out)
		}
		fmt.Fprintf(a.term.out, "%-7s%s\n", "sender", clean(p.Address))
		if p.Verdict != nil {
			if err := p.Verdict.Text(a.term.out); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(a.term.out, "%-7s%s\n", "dmarc", p.DMARC)
		for _, reason := range p.Reasons {
			fmt.Fprintf(a.term.out, "%-7s- %s\n", "", clean(reason))
		}
	}
	return nil
}

func judgeFile(cmd *cobra.Command, m *migrate.Move, file, ip, from, helo string) (probe.Verdict, error) {
	f, err := os.Open(file)
	if err != nil {
		return probe.Verdict{}, usagef("--file: %v", err)
	}
	defer f.Close()
	msg, err := io.ReadAll(io.LimitReader(f, maxMessage+1))
	if err != nil {
		return probe.Verdict{}, usagef("--file: %v", err)
	}
	if len(msg) > maxMessage {
		return probe.Verdict{}, usagef("--file: %s is larger than 64 MiB", file)
	}
	env, err := probe.EnvelopeOf(msg)
	if err != nil && !errors.Is(err, probe.ErrNoEnvelope) {
		return probe.Verdict{}, usagef("--file: %v", err)
	}
	if ip != "" {
		if env.IP, err = netip.ParseAddr(ip); err != nil {
			return probe.Verdict{}, usagef("--ip: %v", err)
		}
		env.Inner = ""
	}
	if from != "" {
		env.MailFrom = from
	}
	if helo != "" {
		env.Helo = helo
	}
	return m.JudgeMessage(cmd.Context(), msg, env)
}
