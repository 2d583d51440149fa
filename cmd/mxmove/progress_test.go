package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/migrate"
)

func TestProgressOfAnAccount(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)
	acc := &accountProgress{name: "anna@example.org", began: began, boxes: map[string]migrate.Event{
		"INBOX": {Total: 100, Done: 30, Bytes: 3 << 20},
		"Sent":  {Total: 50, Done: 20, Bytes: 2 << 20},
	}}
	for _, tt := range []struct {
		after time.Duration
		want  string
	}{
		{0, "anna@example.org: 50 of 150 messages, 5.0 MiB"},
		{10 * time.Second, "anna@example.org: 50 of 150 messages, 5.0 MiB, 512.0 KiB/s, at least 20s left"},
	} {
		if _, _, got := acc.sum(began.Add(tt.after)); got != tt.want {
			t.Errorf("after %s: %q, want %q", tt.after, got, tt.want)
		}
	}
	acc.hold = mailbox.HoldTarget
	if _, _, got := acc.sum(began.Add(10 * time.Second)); !strings.HasSuffix(got, "left, held up by the new server") {
		t.Errorf("held up, the line is %q", got)
	}
}

func TestProgressTellsOfAWait(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := &progress{term: &terminal{err: &out}, accounts: make(map[string]*accountProgress)}
	p.event(migrate.Event{Type: migrate.AccountWaiting, Account: "anna@example.org", Wait: 299.961, Text: "NO Request is throttled"})
	if got, want := out.String(), "anna@example.org: waiting 5m0s: NO Request is throttled\n"; got != want {
		t.Errorf("the line is %q, want %q", got, want)
	}
}

func TestProgressDrawsBarsForSeveralAccounts(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := &progress{term: &terminal{err: &out, bars: true}, accounts: make(map[string]*accountProgress)}
	for n := range 50 {
		for _, account := range []string{"anna@example.org", "bert@example.org"} {
			p.event(migrate.Event{Type: migrate.MailboxProgress, Account: account, Mailbox: "INBOX", Total: 50, Done: n})
		}
	}
	p.event(migrate.Event{Type: migrate.Talk, Text: "a word in between"})
	p.event(migrate.Event{Type: migrate.RunDone})
	p.end()
	p.event(migrate.Event{Type: migrate.MailboxProgress, Account: "late", Mailbox: "INBOX", Total: 1})
	if strings.Contains(out.String(), "late") {
		t.Errorf("shown after the end: %q", out.String())
	}
}

func TestProgressShowsAWaitRunDown(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)
	e := migrate.Event{Type: migrate.Waiting, Time: now, Phase: "prepared", Text: "until the switch is due", Until: now.Add(26 * time.Hour)}
	want := "prepared: 26h0m0s until the switch is due; Ctrl-C is safe, the same command goes on"
	if got := waitLine(e, 26*time.Hour); got != want {
		t.Errorf("the line is %q, want %q", got, want)
	}
	for _, tt := range []struct {
		name string
		bars bool
		want bool
	}{{"on a terminal", true, true}, {"through a pipe", false, false}} {
		var out bytes.Buffer
		p := &progress{term: &terminal{err: &out, bars: tt.bars}, accounts: make(map[string]*accountProgress)}
		p.event(e)
		if got := p.wait != nil; got != tt.want {
			t.Errorf("%s the wait is shown: %v, want %v", tt.name, got, tt.want)
		}
		p.event(migrate.Event{Type: migrate.Waiting})
		if p.wait != nil {
			t.Errorf("%s the wait is shown after its end", tt.name)
		}
		p.event(migrate.Event{Type: migrate.Talk, Text: "a word after it"})
		p.end()
		if !strings.Contains(out.String(), "a word after it") {
			t.Errorf("%s talk is lost after the wait: %q", tt.name, out.String())
		}
	}
}

func TestProgressTellsOfAList(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := &progress{term: &terminal{err: &out}, accounts: make(map[string]*accountProgress)}
	e := migrate.Event{Type: migrate.MailboxProgress, Account: "anna@example.org", Mailbox: "INBOX", Listed: 4096}
	p.event(e)
	p.accounts["anna@example.org"].told = time.Now().Add(-plainEvery)
	e.Listed = 8192
	p.event(e)
	if got, want := out.String(), "anna@example.org: INBOX: 8192 messages listed\n"; got != want {
		t.Errorf("the line is %q, want %q", got, want)
	}
	out.Reset()
	p = &progress{term: &terminal{err: &out, bars: true}, accounts: make(map[string]*accountProgress)}
	p.event(e)
	acc := p.accounts["anna@example.org"]
	if acc.lists == nil || !strings.HasSuffix(*acc.text.Load(), "8192 messages listed") {
		t.Error("no line on a terminal")
	}
	p.event(migrate.Event{Type: migrate.MailboxProgress, Account: "anna@example.org", Mailbox: "INBOX", Total: 50, Done: 1})
	if p.event(e); acc.lists != nil || acc.bar == nil || !strings.Contains(*acc.text.Load(), "1 of 50 messages") {
		t.Errorf("while messages are sent, the line is %q", *acc.text.Load())
	}
	p.end()
}
