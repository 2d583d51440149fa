package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/mxmove/mxmove/dnsplan"
	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/lab"
	"github.com/mxmove/mxmove/migrate/report"
	"github.com/mxmove/mxmove/migrate/step"
)

// demoTTL is the MX record's TTL in the demo: a day, as it is in life.
const demoTTL = 86400

// slowdown makes a copy last long enough to be killed in the middle.
const slowdown = 40 * time.Millisecond

func newDemo(a *app) *cobra.Command {
	var keep string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See a whole move, on servers that it starts itself",
		Long: `demo moves a small domain from an old server to a provider. All servers are its
own and on loopback, and speak the real protocols: DNS with a secondary, IMAP on
both sides, SMTP that signs with DKIM. The copy is killed in the middle and
continues, mail arrives during the switch, and a message proves alignment. The
clock jumps where a person would wait for a day. The report stays behind in a
temporary folder; --keep DIR keeps the whole move directory.

Exit: 0 when the sums balance.`,
		Example: "  mxmove demo\n  mxmove demo --keep ./demo && mxmove report -C ./demo",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDemo(cmd.Context(), a, keep)
		},
	}
	cmd.Flags().StringVar(&keep, "keep", "", "keep the move directory as `DIR`, which must not exist yet")
	return cmd
}

// demo is one run: the world, the move directory in it, and what was sent.
type demo struct {
	app    *app
	world  *lab.Domain
	dir    string
	move   *migrate.Move
	clock  *jumping
	began  time.Time
	during []string // tokens of mail that was accepted while the MX changed
	swept  bool
}

func runDemo(ctx context.Context, a *app, keep string) (err error) {
	d := &demo{app: a, clock: &jumping{}, began: time.Now()}
	if d.dir, err = demoDir(keep); err != nil {
		return err
	}
	if keep == "" {
		defer func() { err = errors.Join(err, os.RemoveAll(d.dir)) }()
	}
	if d.world, err = lab.Start(ctx, lab.Options{TTL: demoTTL, Lag: 300 * time.Millisecond}); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer func() { err = errors.Join(err, d.world.Close()) }()
	if err := d.world.Write(d.dir); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return d.tell(ctx, keep != "")
}

// demoDir makes the move directory: a folder of its own, readable by nobody
// else.
func demoDir(keep string) (string, error) {
	if keep == "" {
		return os.MkdirTemp("", "mxmove-demo-")
	}
	if err := os.Mkdir(keep, 0o700); err != nil {
		return "", usagef("--keep: %v", err)
	}
	return filepath.Abs(keep)
}

// tell runs the move from its first plan to the report.
func (d *demo) tell(ctx context.Context, kept bool) error {
	a := d.app
	s := &secrets{ctx: ctx, dir: d.dir, term: a.term}
	var err error
	d.move, err = migrate.Open(d.dir, migrate.Options{
		Secret: s.resolve, Events: d.event, Clock: d.clock, Log: a.logger(),
		Confirm: func(context.Context, migrate.Confirmation) error { return nil },
	})
	if err != nil {
		return err
	}
	for _, scene := range []func(context.Context) error{d.plan, d.prepare, d.killed, d.migrate, d.proof} {
		if err := scene(ctx); err != nil {
			return err
		}
	}
	return d.report(ctx, kept)
}

func (d *demo) scene(format string, args ...any) {
	fmt.Fprintf(d.app.term.out, "\n%s\n", d.app.term.paint(bold, fmt.Sprintf("== "+format, args...)))
}

func (d *demo) line(format string, args ...any) {
	fmt.Fprintf(d.app.term.out, "   %s\n", clean(fmt.Sprintf(format, args...)))
}

func (d *demo) plan(ctx context.Context) error {
	d.scene("mxmove plan: what would change, when, and what is in the way")
	doc, err := d.move.Plan(ctx, migrate.PlanOptions{})
	if err != nil {
		return err
	}
	plan, err := doc.Plan()
	if err != nil {
		return err
	}
	if err := d.app.printChanges(plan, dnsplan.TextOptions{}); err != nil {
		return err
	}
	printAccounts(d.app.term.out, doc.Accounts)
	return planError(doc, d.move.Blocked(doc), false)
}

func (d *demo) prepare(ctx context.Context) error {
	d.scene("mxmove prepare: publish what only adds, see it on both name servers")
	return d.move.Prepare(ctx, "")
}

// killed starts a copy as a process of its own and kills it in the middle,
// as a power cut would.
func (d *demo) killed(ctx context.Context) error {
	d.scene("mxmove sync, killed in the middle of the copy")
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	d.world.New.SetFaults(imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if c.Verb == "APPEND" {
			time.Sleep(slowdown)
		}
		return imaplab.Pass
	}})
	defer d.world.New.SetFaults(imaplab.Faults{})
	child := exec.CommandContext(ctx, exe, "sync", "--quiet", "-C", d.dir)
	child.Args[0] = os.Args[0]
	if err := child.Start(); err != nil {
		return fmt.Errorf("demo: start sync: %w", err)
	}
	ended := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(ended)
		_ = child.Wait() // it is killed, or has ended before: the count tells
	})
	defer wg.Wait()
	total := d.count(d.world.Old.Lookup, func(p lab.Person) string { return p.User })
	for d.arrived() < total/4 {
		select {
		case <-ended:
			d.line("it had ended before it could be killed, with %d of %d messages", d.arrived(), total)
			return nil
		case <-time.After(2 * time.Millisecond):
		}
	}
	if err := child.Process.Kill(); err != nil {
		return fmt.Errorf("demo: kill sync: %w", err)
	}
	<-ended
	d.line("killed with %d of %d messages at the provider; the next run goes on", d.arrived(), total)
	return nil
}

func (d *demo) arrived() int {
	return d.count(d.world.New.Lookup, func(p lab.Person) string { return p.Address })
}

// count counts the messages of all people on one server.
func (d *demo) count(lookup func(string) *imaplab.Account, user func(lab.Person) string) int {
	n := 0
	for _, p := range d.world.People {
		account := lookup(user(p))
		if account == nil {
			continue
		}
		for _, mb := range account.Mailboxes() {
			n += len(account.Messages(mb))
		}
	}
	return n
}

// migrate does the rest in one run: copy, wait, cut over, watch.
func (d *demo) migrate(ctx context.Context) error {
	d.scene("mxmove migrate: the rest in one run, with mail arriving during the switch")
	d.line("the clock of the demo jumps: nobody waits for a day")
	return d.move.Migrate(ctx, migrate.RunOptions{Until: step.Settled, Stop: d.app.stop})
}

// event shows the run, and lets mail arrive at the worst moments: at the old
// MX after the switch was written, and by way of the DNS right then.
func (d *demo) event(e migrate.Event) {
	switch e.Type {
	case migrate.MailboxStart, migrate.MailboxProgress, migrate.MailboxDone, migrate.RunDone, migrate.Waiting:
		return
	case migrate.PhaseReached:
		d.line("%s", e.Text)
		if e.Phase == step.Switching || e.Phase == step.Switched {
			d.arrive(string(e.Phase))
		}
	case migrate.SweepDone:
		d.line("%s", e.Text)
		if !d.swept {
			d.swept = true
			d.arrive("late")
		}
	default:
		if e.Text != "" {
			d.line("%s", e.Text)
		}
	}
}

func (d *demo) arrive(when string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for i, p := range d.world.People {
		token := fmt.Sprintf("%s-%d", when, i)
		body := []byte(strings.ReplaceAll(fmt.Sprintf(demoMail, p.Address, token, token), "\n", "\r\n"))
		var err error
		if i%2 == 0 {
			err = d.world.DeliverAt(ctx, lab.OldMXHost, "shop@elsewhere.example", p.Address, body)
		} else {
			err = d.world.Deliver(ctx, "shop@elsewhere.example", p.Address, body)
		}
		if err != nil {
			d.line("a sender could not deliver to %s: %v", p.Address, err)
			continue
		}
		d.during = append(d.during, token)
	}
	d.line("mail arrives for %d people: some senders still know the old MX", len(d.world.People))
}

const demoMail = `From: The Shop <shop@elsewhere.example>
To: %s
Subject: Your order %s
Message-ID: <%s@elsewhere.example>
Date: Tue, 24 Nov 2026 20:00:00 +0000

Thank you for your order.
`

// proof compares both sides by content and looks for every message that any
// server accepted while the MX changed.
func (d *demo) proof(ctx context.Context) error {
	d.scene("mxmove verify --hash: both sides compared by content, nothing believed")
	balance, err := d.move.Verify(ctx, migrate.VerifyOptions{Hash: 100})
	if len(balance.Accounts) > 0 {
		d.app.printBalance(balance)
	}
	if err != nil {
		return err
	}
	found := 0
	for _, token := range d.during {
		n := d.find(token)
		if n != 1 {
			return fmt.Errorf("demo: the message %s, accepted during the switch, is at the provider %d times", token, n)
		}
		found++
	}
	d.line("%d messages were accepted during the switch; each is at the provider exactly once", found)
	return nil
}

// find counts the messages at the provider that carry a token.
func (d *demo) find(token string) int {
	n := 0
	for _, p := range d.world.People {
		account := d.world.New.Lookup(p.Address)
		for _, mb := range account.Mailboxes() {
			for _, m := range account.Messages(mb) {
				if strings.Contains(string(m.Body), "<"+token+"@elsewhere.example>") {
					n++
				}
			}
		}
	}
	return n
}

// report writes the report where it can be opened after the demo: inside the
// kept move directory, or else alone in a folder of its own.
func (d *demo) report(ctx context.Context, kept bool) error {
	out := ""
	if !kept {
		dir, err := os.MkdirTemp("", "mxmove-report-")
		if err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		out = filepath.Join(dir, "report.html")
	}
	path, err := report.Write(ctx, d.move, out)
	if err != nil {
		return err
	}
	status, err := d.move.Status(ctx)
	if err != nil {
		return err
	}
	d.scene("done in %.1f s", time.Since(d.began).Seconds())
	d.line("%s", status.Safe.Because)
	d.line("report: %s", path)
	return nil
}

// jumping is a clock that does not make anybody wait: where a person would
// sleep for a day it lets a moment pass and calls it a day.
type jumping struct {
	mu    sync.Mutex
	ahead time.Duration
}

// moment is how long a wait of any length really takes.
const moment = 250 * time.Millisecond

func (j *jumping) Now() time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	return time.Now().UTC().Add(j.ahead)
}

func (j *jumping) Sleep(ctx context.Context, d time.Duration) error {
	real := min(d, moment)
	if err := (migrate.SystemClock{}).Sleep(ctx, real); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ahead += d - real
	return nil
}
