package mailbox_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// benchLab is a source with some mailboxes of letters.
func benchLab(b *testing.B, mailboxes, messages int) *lab {
	b.Helper()
	l := start(b, imaplab.Options{}, imaplab.Options{})
	for n := range mailboxes {
		name := fmt.Sprintf("INBOX.Box%d", n)
		l.from.Create(name, "")
		deliver(b, l.from, name, letters(n*messages, (n+1)*messages)...)
	}
	return l
}

// BenchmarkCopy copies into an account that is empty each time.
func BenchmarkCopy(b *testing.B) {
	const mailboxes, messages = 5, 200
	l := benchLab(b, mailboxes, messages)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		user := fmt.Sprintf("user%d", n)
		l.target.Account(user, "b")
		a := l.account
		a.Name, a.Target = user, side(l.target, user, "b")
		res, err := l.copier().Copy(b.Context(), []mailbox.Account{a})
		if err != nil || res.Err() != nil || res.Sent != mailboxes*messages {
			b.Fatalf("Copy() sent %d: %v, %v", res.Sent, err, res.Err())
		}
	}
	b.ReportMetric(float64(b.N*mailboxes*messages)/b.Elapsed().Seconds(), "messages/s")
}

// BenchmarkRepeat copies where there is nothing new.
func BenchmarkRepeat(b *testing.B) {
	l := benchLab(b, 5, 200)
	l.options.Additions = true
	for b.Loop() {
		res, err := l.copier().Copy(b.Context(), []mailbox.Account{l.account})
		if err != nil || res.Err() != nil || res.Tally().Messages != 1000 {
			b.Fatalf("Copy() = %+v, %v, %v", res.Tally(), err, res.Err())
		}
	}
}

// BenchmarkRepeatOneChange copies where one message of ten thousand has come
// and another has got a flag, over a line of 40 ms.
func BenchmarkRepeatOneChange(b *testing.B) {
	for name, hide := range map[string][]imap.Cap{"CONDSTORE": nil, "without": {imap.CapCondStore}} {
		b.Run(name, func(b *testing.B) {
			l := start(b, imaplab.Options{Hide: hide}, imaplab.Options{})
			deliver(b, l.from, "INBOX", letters(0, 10_000)...)
			l.copy()
			line := newTap(b, l.source.Addr(), false)
			l.account.Source.Endpoint.Addr = farAway(b, line.listener.Addr().String(), 40*time.Millisecond)
			n := 0
			for ; b.Loop(); n++ {
				b.StopTimer()
				deliver(b, l.from, "INBOX", letter(20_000+n))
				if err := l.from.SetFlags("INBOX", imap.UID(n+1), imap.FlagFlagged); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if res := l.copy(); res.Sent != 1 || res.Accounts[0].Mailboxes[0].Flags != 1 {
					b.Fatalf("Copy() sent %d", res.Sent)
				}
			}
			line.mu.Lock()
			defer line.mu.Unlock()
			b.ReportMetric(float64(line.passed)/float64(n), "source-octets/op")
		})
	}
}
