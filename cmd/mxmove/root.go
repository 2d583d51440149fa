package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/oauth"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/config"
	"github.com/mxmove/mxmove/migrate/finding"
)

// app is what every command shares: the terminal and the global flags.
type app struct {
	term *terminal

	dir     string
	json    bool
	quiet   bool
	verbose bool
	logFile string
	colour  string
	noInput bool

	yes    string
	dryRun bool
	accept []string

	began bool            // the command line made sense
	told  bool            // the error was explained
	stop  <-chan struct{} // closed by the first Ctrl-C
	log   io.Closer
}

// run is main without the exit: the tests call it too.
func run(args []string, t *terminal) int {
	a := &app{term: t}
	ctx, stop := interruptible(context.Background(), a)
	defer stop()
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(t.in)
	root.SetOut(t.out)
	root.SetErr(t.err)
	err := root.ExecuteContext(ctx)
	if err != nil && !a.began {
		err = &usageError{err.Error()}
	}
	if a.log != nil {
		err = errors.Join(err, a.log.Close())
	}
	if cause := context.Cause(ctx); cause != nil && err != nil {
		err = errors.Join(cause, err)
	}
	a.explain(err)
	return exitCode(err)
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "mxmove",
		Short: "Move a self-hosted mail domain to a cloud provider",
		Long: `mxmove moves a self-hosted mail domain to a cloud provider: it plans the DNS,
copies the mailboxes, switches the MX when it is safe, and proves DMARC
alignment afterward.

The week of a move:  plan  prepare  sync  cutover  watch
All of it in one run:  migrate
To see it work on servers of its own:  demo`,
		Example:       "  mxmove demo\n  mxmove plan -C ~/move\n  mxmove migrate -C ~/move --until prepared",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			return a.begin()
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err.Error()} })
	f := root.PersistentFlags()
	f.StringVarP(&a.dir, "dir", "C", ".", "move directory, which holds mxmove.yaml")
	f.BoolVar(&a.json, "json", false, "print one JSON document; events, one a line, where a command runs long")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "no talk and no progress")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "more detail")
	f.StringVar(&a.logFile, "log-file", "", "write a log to `FILE`")
	f.StringVar(&a.colour, "color", "auto", "auto, always or never")
	f.BoolVar(&a.noInput, "no-input", false, "never ask")
	root.AddCommand(
		newPlan(a), newPrepare(a), newSync(a), newVerify(a), newCutover(a), newWatch(a), newUndo(a), newClose(a),
		newCheck(a), newReports(a), newMigrate(a), newStatus(a), newReport(a), newProviders(a), newExplain(a),
		newInit(a), newHandout(a), newDemo(a), newVersion(a),
	)
	return root
}

// begin applies the global flags.
func (a *app) begin() error {
	a.began = true
	switch a.colour {
	case "auto":
	case "always":
		a.term.colour = true
	case "never":
		a.term.colour = false
	default:
		return usagef("--color is auto, always or never, not %q", a.colour)
	}
	if a.noInput {
		a.term.asks = false
	}
	if a.logFile == "" {
		return nil
	}
	f, err := os.OpenFile(a.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return usagef("--log-file: %v", err)
	}
	a.log = f
	return nil
}

func (a *app) logger() *slog.Logger {
	f, ok := a.log.(io.Writer)
	if !ok {
		return nil
	}
	level := slog.LevelInfo
	if a.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: level}))
}

// open opens the move directory for a command.
func (a *app) open(ctx context.Context, events func(migrate.Event)) (*migrate.Move, error) {
	accept, err := parseAccept(a.accept)
	if err != nil {
		return nil, err
	}
	s := &secrets{ctx: ctx, dir: a.dir, term: a.term}
	return migrate.Open(a.dir, migrate.Options{
		Secret: s.resolve, Renew: s.renew, SignIn: a.signIn(), Confirm: a.confirm, Events: events, Accept: accept, DryRun: a.dryRun, Log: a.logger(),
	})
}

// signIn returns who tells a person to sign in, nil where nobody would see it.
func (a *app) signIn() func(context.Context, oauth.SignIn) error {
	if !a.term.asks {
		return nil
	}
	return func(_ context.Context, s oauth.SignIn) error {
		a.term.say("To let mxmove into the mailbox of %s: open %s in a browser, type %s, and sign in as %s. The code is good for %s.",
			s.User, s.URL, s.Code, s.User, s.Expires)
		return nil
	}
}

// changesDNS gives a command the flags of those that change the zone.
func (a *app) changesDNS(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.yes, "yes", "", "agree ahead, by the `DOMAIN`'s name")
	a.mayBeDry(cmd)
	cmd.Flags().StringArrayVar(&a.accept, "accept", nil, "let a gate pass, with a reason: `CODE[:SUBJECT]=REASON`")
}

func (a *app) mayBeDry(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.dryRun, "dry-run", false, "say what would happen and change nothing")
}

// confirm asks for the domain's name, unless --yes has answered ahead. A step
// of the hardening calendar is asked about whatever --yes says.
func (a *app) confirm(_ context.Context, c migrate.Confirmation) error {
	if a.yes != "" && (c.Step == "" || c.Ahead) {
		if a.yes != c.Domain {
			return usagef("--yes=%s is not the domain of this move, which is %s", a.yes, c.Domain)
		}
		if c.Step != "" && !a.quiet {
			a.term.say("%s", c.Text)
		}
		return nil
	}
	if c.Step != "" && !c.Ahead && !a.term.asks {
		return migrate.ErrNotAsked
	}
	a.term.say("%s", c.Text)
	answer, err := a.term.ask(question(c))
	switch {
	case errors.Is(err, errNobody):
		return usagef("%s changes the DNS and nobody can be asked; add --yes=%s", c.Command, c.Domain)
	case err != nil:
		return err
	case !strings.EqualFold(strings.TrimSuffix(strings.TrimSpace(answer), "."), c.Domain):
		return migrate.ErrNotConfirmed
	}
	return nil
}

// question is what a person answers with the domain's name.
func question(c migrate.Confirmation) string {
	if c.Step == "" {
		return fmt.Sprintf("%s changes the DNS of %s. Type the domain's name to go on: ", c.Command, c.Domain)
	}
	return fmt.Sprintf("%s may publish %s.\nType %s to agree to this step, or nothing to leave it: ", c.Command, c.Step, c.Domain)
}

// parseAccept reads --accept CODE[:SUBJECT]=REASON.
func parseAccept(flags []string) ([]migrate.Accept, error) {
	var accept []migrate.Accept
	for _, f := range flags {
		what, reason, ok := strings.Cut(f, "=")
		code, subject, _ := strings.Cut(what, ":")
		reason = strings.Trim(reason, `"`)
		switch {
		case !ok || strings.TrimSpace(reason) == "":
			return nil, usagef("--accept %s gives no reason; write --accept %s=\"why\"", f, what)
		case !finding.Known(finding.Code(code)):
			return nil, usagef("--accept: no finding has the code %q", code)
		}
		accept = append(accept, migrate.Accept{Code: finding.Code(code), Subject: subject, Reason: reason})
	}
	return accept, nil
}

// printJSON writes the one document of a command.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.term.out)
	enc.SetEscapeHTML(false) // names stay readable; this is no HTML
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// explain prints an error as one sentence, with the place and the remedy.
func (a *app) explain(err error) {
	if err == nil || a.told || errors.Is(err, errPending) {
		return
	}
	a.told = true
	width := columns(a.term.errTTY)
	for _, text := range sentences(err) {
		a.term.say("%s", wrapped("mxmove: "+text, width, 0, len("mxmove: ")))
	}
	if hint := hintFor(err); hint != "" {
		a.term.say("%s", wrapped("hint: "+hint, width, 0, len("hint: ")))
	}
}

// sentences splits joined errors, each told once.
func sentences(err error) []string {
	var texts []string
	add := func(text string) {
		for _, t := range texts {
			if t == text {
				return
			}
		}
		texts = append(texts, text)
	}
	for _, e := range unjoin(err) {
		if c, ok := e.(*config.Error); ok {
			add(c.Error())
			continue
		}
		add(e.Error())
	}
	return texts
}

func unjoin(err error) []error {
	j, ok := err.(interface{ Unwrap() []error })
	if !ok || !joins(err) {
		return []error{err}
	}
	var all []error
	for _, e := range j.Unwrap() {
		all = append(all, unjoin(e)...)
	}
	return all
}

// hintFor says what to do next, where the error itself does not.
func hintFor(err error) string {
	if gate, ok := errors.AsType[*migrate.GateError](err); ok {
		for _, r := range gate.Refused() {
			if r.Fix != "" {
				return fmt.Sprintf("%s; mxmove explain %s says more", r.Fix, r.Code)
			}
		}
	}
	if errors.Is(err, mailbox.ErrRival) {
		return "stop the other one or let it end, then run the same command again: it finds what both have sent"
	}
	switch exitCode(err) {
	case exitGate:
		return "nothing was changed; mxmove status says what is next"
	case exitTemporary:
		return "the same command later is right; nothing is done twice"
	case exitLogin:
		return "look at the password, the key or the rights that are named above; each was tried once"
	case exitLocked:
		return "wait for the other run, or look at it with mxmove status"
	case exitLimit:
		return "run the same command again; nothing is copied twice"
	}
	return ""
}
