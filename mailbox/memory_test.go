package mailbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// within copies INBOX in a process of its own, which must not take more than
// so many octets of memory.
func within(t *testing.T, memory uint64, target imaplab.Options, ms ...imaplab.Message) {
	t.Helper()
	l := start(t, imaplab.Options{}, target)
	from, to := l.source.Account("anna", "secret"), l.target.Account("anna", "secret")
	deliver(t, from, "INBOX", ms...)
	text, err := json.Marshal(task{
		Source: l.source.Addr(), Target: l.target.Addr(), State: filepath.Join(t.TempDir(), "state.db"), Memory: memory,
	})
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$", "-test.count=1")
	child.Env = append(os.Environ(), childEnv+"="+string(text))
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := len(to.Messages("INBOX")); got != len(ms) {
		t.Errorf("the target holds %d messages, want %d", got, len(ms))
	}
}

// TestMemoryOfALargeMessage copies one as large as Gmail takes.
func TestMemoryOfALargeMessage(t *testing.T) {
	t.Parallel()
	for name, target := range map[string]imaplab.Options{"multiappend": {}, "gmail": imaplab.Gmail()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			large := letter(1)
			line := []byte("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n")
			large.Body = append(large.Body, bytes.Repeat(line, (34<<20-len(large.Body))/len(line))...)
			within(t, 64<<20, target, letter(0), large, letter(2))
		})
	}
}

// TestMemoryOfManyMessages copies a hundred thousand from one mailbox.
func TestMemoryOfManyMessages(t *testing.T) {
	t.Parallel()
	many := 100_000
	if raceEnabled {
		many /= 10 // every octet costs ten times as much time there
	}
	ms := make([]imaplab.Message, many)
	for n := range ms {
		ms[n] = letter(n)
		ms[n].Body = fmt.Appendf(nil, "Message-ID: <%d@example.org>\r\n\r\n%d\r\n", n, n)
	}
	within(t, 200<<20, imaplab.Options{}, ms...)
}

// TestProgressWhileAMailboxIsListed has a server that tells eight messages a
// second: somebody who waits hears of it every five seconds.
func TestProgressWhileAMailboxIsListed(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 400)...)
	var mu sync.Mutex
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	l.options.Now = func() time.Time { // asked every 16 messages, and for each event
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(2 * time.Second)
		return now
	}
	var told []mailbox.Event
	l.options.Events = func(e mailbox.Event) {
		if e.Listed > 0 {
			told = append(told, e)
		}
	}
	for _, run := range []struct {
		name string
		do   func()
	}{
		{"copy", func() { l.copy() }},
		{"copy without the state", func() { l.forget(); l.copy() }},
		{"verify", func() { l.verify(mailbox.VerifyOptions{}) }},
	} {
		told = nil
		run.do()
		if len(told) < 24 {
			t.Errorf("%s: %d events, want one for every 16 messages", run.name, len(told))
		}
		for i, e := range told {
			if e.Type != mailbox.MailboxProgress || e.Account != "anna@example.org" || e.Mailbox != "INBOX" || e.Listed%16 != 0 || e.Total != 0 {
				t.Errorf("%s: event %+v", run.name, e)
			}
			if i > 0 && e.Listed > told[i-1].Listed && e.Time.Sub(told[i-1].Time) > 5*time.Second {
				t.Errorf("%s: %s between two events, want at most 5s", run.name, e.Time.Sub(told[i-1].Time))
			}
		}
	}
}
