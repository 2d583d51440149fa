package mailbox_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// answers gives an answer to some commands of a verb, from the first to the
// last counted.
func answers(verb string, first, last int, lines ...string) imaplab.Faults {
	return imaplab.Faults{Answer: func(c imaplab.Command) []string {
		if c.Verb == verb && c.N >= first && c.N <= last {
			return lines
		}
		return nil
	}}
}

// TestThrottledTargetIsObeyed waits as long as Exchange Online asks for, and
// goes on with the same message.
func TestThrottledTargetIsObeyed(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 150)...)
	l.target.SetFaults(answers("APPEND", 1, 1, "TAG NO Request is throttled. Suggested Backoff Time: 120 milliseconds"))
	var waited atomic.Int64
	l.options.Events = func(e mailbox.Event) {
		if e.Type == mailbox.AccountWaiting {
			waited.Add(int64(e.Wait))
		}
	}
	began := time.Now()
	if got := l.copy().Tally(); got.Copied != 150 || time.Since(began) < 120*time.Millisecond || waited.Load() < int64(120*time.Millisecond) {
		t.Errorf("tally %+v after %s, told to wait %s, want all copied and 120ms waited", got, time.Since(began), time.Duration(waited.Load()))
	}
	same(t, l.from, "INBOX", l.to, "INBOX")
}

// TestAnswersOnTheWay lets the target say something in the middle of a run.
func TestAnswersOnTheWay(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]imapconn.Category{
		"NO [INUSE] locked": imapconn.ClassNone,
		"NO [SERVERBUG] Internal error occurred. Refer to server log": imapconn.ClassNone,
		"NO [UNAVAILABLE] try later":                                  imapconn.ClassNone,
		"NO [EXPIRED] the session has expired":                        imapconn.ClassLogin,
		"NO [AUTHENTICATIONFAILED] disabled":                          imapconn.ClassLogin,
		"NO [OVERQUOTA] Mailbox is full":                              imapconn.ClassQuota,
	} {
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			l := start(t, imaplab.Options{}, imaplab.Options{})
			l.from.Create("INBOX.Other", "")
			deliver(t, l.from, "INBOX", letters(0, 150)...)
			deliver(t, l.from, "INBOX.Other", letters(200, 203)...)
			l.target.SetFaults(imaplab.Faults{Answer: func(c imaplab.Command) []string {
				if c.Verb == "APPEND" && c.N >= 2 && strings.Contains(c.Args, "INBOX") && (c.N == 2 || want != imapconn.ClassNone) {
					return []string{"TAG " + answer}
				}
				return nil
			}})
			res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.account})
			if got := imapconn.Class(res.Err()); err != nil || got != want || res.Tally().Refused != 0 {
				t.Errorf("Copy() = %v, %v (%s), tally %+v, want %q and nothing refused", err, res.Err(), got, res.Tally(), want)
			}
			same(t, l.from, "INBOX.Other", l.to, "Other")
			l.target.SetFaults(imaplab.Faults{})
			l.copy()
			same(t, l.from, "INBOX", l.to, "INBOX")
		})
	}
}

// TestMailboxThatComesIntoBeingMeanwhile is no failure.
func TestMailboxThatComesIntoBeingMeanwhile(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	l.from.Create("INBOX.New", "")
	deliver(t, l.from, "INBOX.New", letter(1))
	l.target.SetFaults(imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if c.Verb == "CREATE" {
			l.to.Create("New", "")
		}
		return imaplab.Pass
	}})
	res := l.copy()
	if len(res.Accounts[0].Findings) != 0 {
		t.Errorf("findings = %v", res.Accounts[0].Findings)
	}
	same(t, l.from, "INBOX.New", l.to, "New")
}

// TestParentsWithoutMessagesAreNotMade leaves the levels above to the server.
func TestParentsWithoutMessagesAreNotMade(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	l.from.Create("INBOX.A.B.C", "")
	deliver(t, l.from, "INBOX.A.B.C", letter(1))
	l.copy()
	if n := l.target.Count("CREATE"); n != 1 {
		t.Errorf("%d CREATEs, want one: %q", n, l.target.Commands())
	}
	for _, c := range l.source.Commands() {
		if strings.HasPrefix(c, "EXAMINE") && !strings.Contains(c, "A.B.C") && !strings.Contains(c, "INBOX\"") && !strings.HasSuffix(c, "INBOX") {
			t.Errorf("a name without messages was opened: %s", c)
		}
	}
	same(t, l.from, "INBOX.A.B.C", l.to, "A/B/C")
}

// TestMessagesThatTheTargetGaveAnotherID are known without any memory.
func TestMessagesThatTheTargetGaveAnotherID(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 10)...)
	l.copy()
	for i, m := range l.to.Messages("INBOX") {
		if err := l.to.Remove("INBOX", m.UID); err != nil {
			t.Fatal(err)
		}
		m.Body = bytes.Replace(m.Body, []byte("Message-ID: "), fmt.Appendf(nil, "Message-ID: <new%d@exchange>\r\nX-MS-Exchange-Parent-Message-Id: ", i), 1)
		deliver(t, l.to, "INBOX", m)
	}
	l.target.ResetCommands()
	l.copy()
	if n := appends(l.target); n != 0 {
		t.Errorf("with memory, %d APPENDs", n)
	}
	l.forget()
	if got := l.copy().Tally(); appends(l.target) != 0 || got.Present != 10 {
		t.Errorf("without memory, %d APPENDs, tally %+v, want ten present", appends(l.target), got)
	}
}

// TestMessageDeliveredByAnotherWay is the same message with other lines of its
// way in the header.
func TestMessageDeliveredByAnotherWay(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 3)...)
	direct := letter(1)
	direct.Body = append([]byte("Received: from elsewhere by there; Fri, 2 Jan 2026 10:00:09 +0100\r\n"), direct.Body...)
	direct.Date = direct.Date.Add(9 * time.Second)
	deliver(t, l.to, "INBOX", direct)
	if got := l.copy().Tally(); got != (mailbox.Tally{Messages: 3, Copied: 2, Present: 1}) {
		t.Errorf("tally = %+v, want two copied and one found there", got)
	}
	if b, _ := l.verify(mailbox.VerifyOptions{Hash: 100}); !b.Balanced || b.Extra() != 0 || b.Tally().Present != 1 {
		t.Errorf("Verify() = %+v, want a balance with one found there", b)
	}
}

// TestLiteralMinus sends only short literals without asking (RFC 7888).
func TestLiteralMinus(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{Hide: []imap.Cap{"LITERAL+", "MULTIAPPEND"}, Extra: []imap.Cap{"LITERAL-"}})
	long := letter(1)
	long.Body = append(long.Body, bytes.Repeat([]byte("0123456789\r\n"), 1000)...)
	deliver(t, l.from, "INBOX", letter(0), long, letter(2))
	l.copy()
	same(t, l.from, "INBOX", l.to, "INBOX")
	short, asked := 0, 0
	for _, c := range l.target.Commands() {
		if !strings.HasPrefix(c, "APPEND") {
			continue
		}
		if strings.Contains(c, "+}") {
			short++
		} else {
			asked++
		}
	}
	if short != 2 || asked != 1 {
		t.Errorf("%d literals without asking, %d with, want two and one", short, asked)
	}
}
