package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/migrate"
	"github.com/mxmove/mxmove/migrate/config"
)

// plainEvery is the pause between two lines of progress where no bar can be
// drawn.
const plainEvery = 5 * time.Second

// talk shows what a short command has to say while it works.
func (a *app) talk() func(migrate.Event) {
	if a.quiet {
		return nil
	}
	return func(e migrate.Event) {
		if e.Type == migrate.Talk || e.Type == migrate.PhaseReached && !a.json {
			a.term.say("%s", a.term.talk(e))
		}
	}
}

// talk is what an event says, in lines that the terminal does not tear apart.
func (t *terminal) talk(e migrate.Event) string {
	if e.Verbatim {
		return e.Text
	}
	const indent = 2
	return wrapped(e.Text, columns(t.errTTY), 0, indent)
}

// watching shows a long command at work: events as JSON lines, a bar on a
// terminal, or a plain line now and then. The function it returns ends the
// show; it may run twice.
func (a *app) watching() (func(migrate.Event), func()) {
	switch {
	case a.json:
		enc := json.NewEncoder(a.term.out)
		enc.SetEscapeHTML(false) // names stay readable; this is no HTML
		talk := a.talk()
		return func(e migrate.Event) {
			if e.Type == migrate.Waiting {
				return
			}
			if e.Type != migrate.Talk {
				if err := enc.Encode(e); err != nil {
					a.term.say("mxmove: event: %v", err)
				}
			} else if talk != nil {
				talk(e)
			}
		}, func() {}
	case a.quiet:
		return nil, func() {}
	}
	p := &progress{term: a.term, accounts: make(map[string]*accountProgress)}
	return p.event, p.end
}

// progress shows one line for each account that is being copied.
type progress struct {
	term *terminal
	bars *mpb.Progress

	mu       sync.Mutex
	accounts map[string]*accountProgress
	wait     *mpb.Bar
	ended    bool
}

// accountProgress adds the mailboxes of an account up.
type accountProgress struct {
	name  string
	began time.Time
	told  time.Time // when the last plain line was written
	boxes map[string]migrate.Event
	hold  mailbox.Hold // what the copy waits for most, as far as that is known
	bar   *mpb.Bar
	lists *mpb.Bar               // in its place as long as nothing but lists can be told
	text  atomic.Pointer[string] // as the bar shows it, from a goroutine of its own
}

func (p *progress) event(e migrate.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	switch e.Type {
	case migrate.MailboxProgress:
		now := time.Now()
		acc := p.accounts[e.Account]
		if acc == nil {
			acc = &accountProgress{name: e.Account, began: now, told: now, boxes: make(map[string]migrate.Event)}
			p.accounts[e.Account] = acc
		}
		if e.Listed > 0 {
			p.listed(acc, e, now)
			return
		}
		acc.boxes[e.Mailbox], acc.hold = e, e.Hold
		p.show(acc, now)
	case migrate.AccountWaiting:
		wait := time.Duration(e.Wait * float64(time.Second)).Round(time.Second)
		p.line(fmt.Sprintf("%s: waiting %s: %s", clean(e.Account), wait, clean(e.Text)))
	case migrate.MailboxStart, migrate.MailboxDone:
		// Progress alone says how much there is to send.
	case migrate.RunDone:
		p.finish()
	case migrate.Waiting:
		p.waiting(e)
	default:
		p.line(p.term.talk(e))
	}
}

// listed tells of a list that is being read, as long as nothing better can be
// told of the account.
func (p *progress) listed(acc *accountProgress, e migrate.Event, now time.Time) {
	if len(acc.boxes) > 0 {
		return
	}
	text := fmt.Sprintf("%s: %s: %d messages listed", clean(acc.name), clean(e.Mailbox), e.Listed)
	acc.text.Store(&text)
	switch {
	case p.term.bars && acc.lists == nil:
		acc.lists = p.container().New(0, mpb.NopStyle(), mpb.PrependDecorators(decor.Any(func(decor.Statistics) string {
			return *acc.text.Load()
		})))
	case !p.term.bars && now.Sub(acc.told) >= plainEvery:
		acc.told = now
		p.term.say("%s", text)
	}
}

// container is what the bars are drawn in.
func (p *progress) container() *mpb.Progress {
	if p.bars == nil {
		p.bars = mpb.New(mpb.WithOutput(p.term.err), mpb.WithWidth(24))
	}
	return p.bars
}

// remove takes the account's line away.
func (acc *accountProgress) remove() {
	for _, bar := range []**mpb.Bar{&acc.bar, &acc.lists} {
		if *bar != nil {
			(*bar).Abort(true)
			*bar = nil
		}
	}
}

// show draws the account's bar, or writes a plain line when its last one is
// old enough.
func (p *progress) show(acc *accountProgress, now time.Time) {
	total, done, text := acc.sum(now)
	acc.text.Store(&text)
	switch {
	case total == 0:
	case !p.term.bars:
		if now.Sub(acc.told) >= plainEvery {
			acc.told = now
			p.term.say("%s", text)
		}
	case done >= total:
		acc.remove() // the next mailbox brings it back
	default:
		if acc.bar == nil {
			acc.remove()
			acc.bar = p.container().AddBar(int64(total), mpb.AppendDecorators(decor.Any(func(decor.Statistics) string {
				return *acc.text.Load()
			})))
		}
		acc.bar.SetTotal(int64(total), false)
		acc.bar.SetCurrent(int64(done))
	}
}

// sum says how far the account is: what is known of it so far, at which rate
// it comes, and how long that would take for the rest. Mailboxes that were not
// looked at yet are not in it, so it is the least that is left.
func (acc *accountProgress) sum(now time.Time) (total, done int, text string) {
	var octets int64
	for _, e := range acc.boxes {
		total, done, octets = total+e.Total, done+e.Done, octets+e.Bytes
	}
	text = fmt.Sprintf("%s: %d of %d messages, %s", clean(acc.name), done, total, size(octets))
	took := now.Sub(acc.began)
	if took < time.Second || done == 0 {
		return total, done, text
	}
	text += fmt.Sprintf(", %s/s", size(int64(float64(octets)/took.Seconds())))
	if left := total - done; left > 0 {
		rest := time.Duration(float64(took) / float64(done) * float64(left))
		text += fmt.Sprintf(", at least %s left", rest.Round(time.Second))
	}
	if word := holdWords[acc.hold]; word != "" {
		text += ", held up by " + word
	}
	return total, done, text
}

// holdWords say what a copy waits for.
var holdWords = map[mailbox.Hold]string{
	mailbox.HoldSource: "the old server", mailbox.HoldTarget: "the new server", mailbox.HoldBandwidth: "--bwlimit",
}

// waiting shows a wait that runs down, on a terminal: elsewhere what was said
// of it is enough. A wait that is over within seconds is not worth a line.
func (p *progress) waiting(e migrate.Event) {
	left := e.Until.Sub(e.Time)
	switch {
	case !p.term.bars:
	case e.Until.IsZero():
		p.finish()
	case left > 5*time.Second:
		began := time.Now()
		p.wait = p.container().New(0, mpb.NopStyle(), mpb.PrependDecorators(decor.Any(func(decor.Statistics) string {
			return waitLine(e, max(0, left-time.Since(began)))
		})))
	}
}

// waitLine says where the move stands and for how long it waits.
func waitLine(e migrate.Event, left time.Duration) string {
	return fmt.Sprintf("%s: %s %s; Ctrl-C is safe, the same command goes on", e.Phase, left.Round(time.Second), e.Text)
}

// line writes talk above the bar.
func (p *progress) line(text string) {
	if text == "" {
		return
	}
	if p.bars == nil {
		p.term.say("%s", text)
		return
	}
	_, _ = io.WriteString(p.bars, clean(text)+"\n") // talk is no answer
}

// finish takes the bars away at the end of a copy; the next one begins anew.
// The container ends with it, or it would go on drawing over later lines.
func (p *progress) finish() {
	for _, acc := range p.accounts {
		acc.remove()
	}
	if p.wait != nil {
		p.wait.Abort(true)
		p.wait = nil
	}
	p.accounts = make(map[string]*accountProgress)
	if p.bars == nil {
		return
	}
	p.bars.Wait()
	p.bars = nil
}

func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	p.ended = true
	p.finish()
}

// acting runs a command of the move with its progress shown, and ends its
// screen.
func (a *app) acting(cmd *cobra.Command, act func(*migrate.Move) error) error {
	events, done := a.watching()
	defer done()
	m, err := a.open(cmd.Context(), events)
	if err != nil {
		return err
	}
	err = act(m)
	done()
	return a.ended(cmd, m, err)
}

// ended closes a command's screen and passes its error on.
func (a *app) ended(cmd *cobra.Command, m *migrate.Move, err error) error {
	var usage *usageError
	var conf *config.Error
	if errors.As(err, &usage) || errors.As(err, &conf) || cmd.Context().Err() != nil {
		return err
	}
	// The last lines say where the move stands, so the error comes before.
	a.explain(err)
	if closing := a.closing(cmd, m); closing != nil && err == nil {
		return fmt.Errorf("status: %w", closing)
	}
	return err
}
