package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

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
			a.term.say("%s", e.Text)
		}
	}
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
	p := &progress{term: a.term, last: time.Now(), boxes: make(map[string]migrate.Event)}
	return p.event, p.end
}

// progress adds the mailboxes up: one number for everything in flight.
type progress struct {
	term *terminal
	bars *mpb.Progress
	bar  *mpb.Bar
	last time.Time

	mu    sync.Mutex
	boxes map[string]migrate.Event
	ended bool
}

func (p *progress) event(e migrate.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	switch e.Type {
	case migrate.MailboxProgress:
		p.boxes[e.Account+"\x00"+e.Mailbox] = e
		p.show()
	case migrate.MailboxStart, migrate.MailboxDone:
		// Progress alone says how much there is to send.
	case migrate.RunDone:
		p.finish()
	default:
		p.line(e.Text)
	}
}

// show draws the bar, or writes a plain line when the last one is old enough.
func (p *progress) show() {
	total, done := 0, 0
	var octets int64
	for _, e := range p.boxes {
		total, done, octets = total+e.Total, done+e.Done, octets+e.Bytes
	}
	if total == 0 {
		return
	}
	if !p.term.bars {
		if time.Since(p.last) >= plainEvery {
			p.last = time.Now()
			p.term.say("copied %d of %d messages, %s", done, total, size(octets))
		}
		return
	}
	if p.bar == nil {
		p.bars = mpb.New(mpb.WithOutput(p.term.err), mpb.WithWidth(40))
		p.bar = p.bars.AddBar(int64(total),
			mpb.PrependDecorators(decor.Name("copy "), decor.CountersNoUnit("%d of %d messages ")),
			mpb.AppendDecorators(decor.Percentage(), decor.Name(" "), decor.AverageETA(decor.ET_STYLE_GO)),
			mpb.BarRemoveOnComplete())
	}
	p.bar.SetTotal(int64(total), false)
	p.bar.SetCurrent(int64(done))
}

// line writes talk above the bar.
func (p *progress) line(text string) {
	if text == "" {
		return
	}
	if p.bar == nil {
		p.term.say("%s", text)
		return
	}
	_, _ = io.WriteString(p.bars, clean(text)+"\n") // talk is no answer
}

// finish takes the bar away at the end of a copy; the next one begins anew.
// The container ends with it, or it would go on drawing over later lines.
func (p *progress) finish() {
	p.boxes = make(map[string]migrate.Event)
	if p.bar != nil {
		p.bar.Abort(true)
		p.bars.Wait()
		p.bar, p.bars = nil, nil
	}
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
