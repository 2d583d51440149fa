package main

import (
	"errors"
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
mailbox, fetches it from there, and verifies SPF, DKIM and alignment itself. With
--file it judges a message that you have.

Exit: 0 pass, 3 anything else, with the reasons.`,
		Example: "  mxmove check dmarc\n  mxmove check dmarc --account info@example.org --json\n  mxmove check dmarc --file M.eml --ip 198.51.100.7 --mail-from info@example.org --helo mx.example.net",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := a.open(cmd.Context(), a.talk())
			if err != nil {
				return err
			}
			var v probe.Verdict
			if file == "" {
				if ip+from+helo != "" {
					return usagef("--ip, --mail-from and --helo go with --file")
				}
				v, err = m.CheckDMARC(cmd.Context(), o)
			} else {
				v, err = judgeFile(cmd, m, file, ip, from, helo)
			}
			if v.Version == 0 {
				return err // nothing was judged
			}
			if a.json {
				return errors.Join(a.printJSON(v), err)
			}
			return errors.Join(v.Text(a.term.out), err)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Account, "account", "", "sender, an `ADDRESS` of the list; default the first")
	f.StringVar(&file, "file", "", "judge this `MESSAGE.eml` instead of a probe")
	f.StringVar(&ip, "ip", "", "with --file: the `ADDRESS` that delivered it; default from Received")
	f.StringVar(&from, "mail-from", "", "with --file: the envelope sender; default from Return-Path")
	f.StringVar(&helo, "helo", "", "with --file: the `NAME` in HELO; default from Received")
	return cmd
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
	}
	if from != "" {
		env.MailFrom = from
	}
	if helo != "" {
		env.Helo = helo
	}
	return m.JudgeMessage(cmd.Context(), msg, env)
}
