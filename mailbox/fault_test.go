package mailbox_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/imaplab"
	"github.com/mxmove/mxmove/mailbox/journal"
)

func TestRefusedMessageIsKept(t *testing.T) {
	t.Parallel()
	for name, hide := range map[string][]imap.Cap{"multiappend": nil, "singles": {"MULTIAPPEND"}, "synchronising": {"MULTIAPPEND", "LITERAL+"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, imaplab.Options{}, imaplab.Options{Hide: hide, RefuseAppend: func(_ string, body []byte) error {
				if bytes.Contains(body, []byte("letter 13.")) {
					return errors.New("Message contains a virus")
				}
				return nil
			}})
			deliver(t, l.from, "INBOX", letters(0, 30, "work")...)
			res := l.copy()
			if got, want := res.Tally(), (mailbox.Tally{Messages: 30, Copied: 29, Refused: 1}); got != want {
				t.Errorf("tally = %+v, want %+v", got, want)
			}
			checkRefused(t, l, letter(13).Body)
			l.target.ResetCommands()
			if res := l.copy(); res.Tally().Refused != 1 || appends(l.target) != 0 {
				t.Errorf("second run: tally %+v, %d APPENDs, want one refused and none sent", res.Tally(), appends(l.target))
			}
		})
	}
}

// checkRefused looks at the file and the list of a refused message.
func checkRefused(t *testing.T, l *lab, body []byte) {
	t.Helper()
	f, err := os.Open(filepath.Join(l.options.Refused, "index.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("index.csv = %v, %v, want a head and one row", rows, err)
	}
	if !strings.Contains(rows[1][7], "virus") || rows[1][2] != "INBOX" || strings.Trim(rows[1][0], "0123456789-/") != ".eml" {
		t.Errorf("index.csv has %q", rows[1])
	}
	got, err := os.ReadFile(filepath.Join(l.options.Refused, rows[1][0]))
	if err != nil || !bytes.Equal(got, body) {
		t.Errorf("kept %q, %v, want %q", got, err, body)
	}
}

func TestMessageAboveTheLimitIsKeptAndNotSent(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	large := letter(1)
	large.Body = append(large.Body, bytes.Repeat([]byte("01234567\r\n"), 1<<20)...)
	deliver(t, l.from, "INBOX", letter(0), large, letter(2))
	l.options.AppendLimit = 1 << 20
	if got, want := l.copy().Tally(), (mailbox.Tally{Messages: 3, Copied: 2, Refused: 1}); got != want {
		t.Errorf("tally = %+v, want %+v", got, want)
	}
	files, err := filepath.Glob(filepath.Join(l.options.Refused, "*", "*.eml"))
	if err != nil || len(files) != 1 {
		t.Fatalf("kept files = %v, %v", files, err)
	}
	if got, err := os.ReadFile(files[0]); err != nil || !bytes.Equal(got, large.Body) {
		t.Errorf("the kept file has %d octets, %v, want %d", len(got), err, len(large.Body))
	}
}

func TestKeywordIsNeverWorthAMessage(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{Faults: imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if c.Verb == "APPEND" && strings.Contains(c.Args, "x:FLAG211") {
			return imaplab.Refuse
		}
		return imaplab.Pass
	}}})
	deliver(t, l.from, "INBOX", letter(1, imap.FlagSeen, "x:FLAG211"))
	if got := l.copy().Tally(); got.Copied != 1 {
		t.Errorf("tally = %+v, want one copied", got)
	}
	if got := flagWords(l.to.Messages("INBOX")[0].Flags); got != `\Seen` {
		t.Errorf("flags at the target = %s, want \\Seen", got)
	}
}

func TestTargetThatRefusesEverythingIsGivenUp(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{RefuseAppend: func(string, []byte) error { return errors.New("no") }})
	deliver(t, l.from, "INBOX", letters(0, 500)...)
	res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.account})
	if err != nil || res.Err() == nil {
		t.Errorf("Copy() = %v, %v, want an error of the mailbox", err, res.Err())
	}
	if got := res.Tally(); got.Missing < 300 || got.Missing+got.Refused != 500 {
		t.Errorf("tally = %+v, want most of 500 missing", got)
	}
}

func TestFullAccountStopsItself(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	l := start(t, imaplab.Options{}, imaplab.Options{RefuseAppend: func(string, []byte) error {
		if n.Add(1) > 150 {
			return &imap.Error{Type: imap.StatusResponseTypeNo, Code: imap.ResponseCodeOverQuota, Text: "Quota exceeded"}
		}
		return nil
	}})
	deliver(t, l.from, "INBOX", letters(0, 250)...)
	res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.account})
	if err != nil || imapconn.Class(res.Err()) != imapconn.ClassQuota {
		t.Errorf("Copy() = %v, %v, want a quota error of the mailbox", err, res.Err())
	}
	if got := res.Tally(); got.Refused != 0 || got.Copied != 100 || got.Missing != 150 {
		t.Errorf("tally = %+v, want 100 copied and 150 missing", got)
	}
}

func TestWrongPasswordStopsOneAccount(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 5)...)
	bert := l.target.Account("bert", "right")
	l.source.Account("bert", "b")
	wrong := mailbox.Account{Name: "bert@example.org", Source: side(l.source, "bert", "b"), Target: side(l.target, "bert", "wrong")}
	res, err := l.copier().Copy(t.Context(), []mailbox.Account{wrong, l.account})
	if err != nil {
		t.Fatal(err)
	}
	if got := imapconn.Class(res.Accounts[0].Err); got != imapconn.ClassLogin {
		t.Errorf("class of %v = %s, want login", res.Accounts[0].Err, got)
	}
	if strings.Contains(res.Accounts[0].Err.Error(), "wrong") {
		t.Errorf("the error shows the password: %v", res.Accounts[0].Err)
	}
	if bert.Logins() != 1 {
		t.Errorf("%d login attempts, want 1", bert.Logins())
	}
	same(t, l.from, "INBOX", l.to, "INBOX")
}

func TestMailboxThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	l.from.Create("INBOX.Broken", "")
	l.from.Create("INBOX.Broken.Child", "")
	deliver(t, l.from, "INBOX.Broken", letters(0, 41)...)
	deliver(t, l.from, "INBOX.Broken.Child", letters(50, 53)...)
	l.source.SetFaults(imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if c.Verb == "EXAMINE" && strings.Contains(c.Args, "Broken") && !strings.Contains(c.Args, "Child") {
			return imaplab.Refuse
		}
		return imaplab.Pass
	}})
	res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.account})
	if err != nil || res.Err() == nil {
		t.Errorf("Copy() = %v, %v, want an error of the mailbox", err, res.Err())
	}
	if got, want := res.Tally(), (mailbox.Tally{Messages: 44, Copied: 3, Doubt: 41}); got != want {
		t.Errorf("tally = %+v, want %+v", got, want)
	}
	if f := res.Accounts[0].Findings; len(f) != 1 || f[0].Code != "MX053" {
		t.Errorf("findings = %v, want MX053", f)
	}
	b, err := l.copier().Verify(t.Context(), []mailbox.Account{l.account}, mailbox.VerifyOptions{Copy: l.options})
	if err != nil || b.Balanced || b.Tally().Doubt != 41 || b.Unread() != 1 {
		t.Errorf("Verify() = %+v, %v, want 41 in doubt and one mailbox unread", b, err)
	}
	l.source.SetFaults(imaplab.Faults{})
	if got := l.copy().Tally(); got.Copied != 44 {
		t.Errorf("repaired: tally = %+v, want 44 copied", got)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	limit := map[string]func(*mailbox.Options){
		"bytes": func(o *mailbox.Options) { o.MaxBytes = 10_000 },
		"time": func(o *mailbox.Options) {
			var now atomic.Int64
			o.MaxTime = 12 * time.Second
			o.Now = func() time.Time { return time.Unix(now.Add(1), 0) }
		},
	}
	for name, set := range limit {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, imaplab.Options{}, imaplab.Options{})
			deliver(t, l.from, "INBOX", letters(0, 2500)...)
			set(&l.options)
			res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.account})
			if !errors.Is(err, mailbox.ErrLimit) {
				t.Errorf("Copy() = %v, want ErrLimit", err)
			}
			if got := res.Tally(); got.Copied == 0 || got.Missing == 0 || got.Copied+got.Missing != 2500 {
				t.Errorf("tally = %+v, want some copied and the rest missing", got)
			}
			l.options.MaxBytes, l.options.MaxTime = 0, 0
			l.copy()
			same(t, l.from, "INBOX", l.to, "INBOX")
		})
	}
}

func TestStopOnRequest(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 2500)...)
	stop := make(chan struct{})
	var once atomic.Bool
	l.options.Stop = stop
	l.options.Events = func(e mailbox.Event) {
		if e.Type == mailbox.MailboxProgress && once.CompareAndSwap(false, true) {
			close(stop)
		}
	}
	res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.account})
	if got := res.Tally(); !errors.Is(err, mailbox.ErrStopped) || got.Doubt != 0 || got.Copied == 0 || got.Missing == 0 {
		t.Errorf("Copy() = %v, tally %+v, want ErrStopped, some copied and nothing in doubt", err, got)
	}
	l.options.Stop, l.options.Events = nil, nil
	l.copy()
	same(t, l.from, "INBOX", l.to, "INBOX")
}

func TestCancelledRunTellsItsCause(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 300)...)
	cause := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	l.target.SetFaults(imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if c.Verb == "APPEND" {
			cancel(cause)
		}
		return imaplab.Pass
	}})
	if _, err := l.copier().Copy(ctx, []mailbox.Account{l.account}); !errors.Is(err, cause) {
		t.Errorf("Copy() = %v, want %v", err, cause)
	}
	l.copy()
	same(t, l.from, "INBOX", l.to, "INBOX")
}

func TestDoubleThatComesToLightIsTold(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 3)...)
	var cut atomic.Bool
	l.target.SetFaults(imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if c.Verb == "APPEND" && cut.CompareAndSwap(false, true) {
			return imaplab.Cut
		}
		return imaplab.Pass
	}})
	l.copy()
	deliver(t, l.to, "INBOX", letter(1)) // the server had kept it after all
	res := l.copy()
	if m := res.Accounts[0].Mailboxes[0]; m.Extra != 1 || len(res.Accounts[0].Findings) != 1 || res.Accounts[0].Findings[0].Code != "MX057" {
		t.Errorf("extra = %d, findings %v, want one double", m.Extra, res.Accounts[0].Findings)
	}
	if b, _ := l.verify(mailbox.VerifyOptions{}); !b.Balanced || b.Extra() != 1 {
		t.Errorf("Verify() = %+v, want a balance with one extra", b)
	}
	deliver(t, l.to, "INBOX", letter(2)) // whoever sends this now is not us
	if res := l.copy(); res.Accounts[0].Mailboxes[0].Extra != 0 {
		t.Error("a doubt is watched for ever")
	}
}

func TestServerThatKeepsOneOfSeveral(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letter(0), letter(0), letter(1))
	l.options.Events = func(e mailbox.Event) {
		if e.Type == mailbox.MailboxProgress {
			_ = l.to.Remove("INBOX", 2) // as Gmail does behind its OK
		}
	}
	if got := l.copy().Tally(); got.Copied != 3 {
		t.Errorf("tally = %+v, want three copied", got)
	}
	l.options.Events = nil
	if b, _ := l.verify(mailbox.VerifyOptions{}); b.Tally().Merged != 1 || b.Tally().Copied != 2 || !b.Balanced {
		t.Errorf("Verify() = %+v, want one merged", b.Tally())
	}
	if res := l.copy(); res.Sent != 0 {
		t.Errorf("%d messages were sent again", res.Sent)
	}
}

func TestUIDNextRunsBackwards(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 20)...)
	l.copy()
	page, err := l.copier().Journal.Page(t.Context(), journal.Key{
		Account: l.account.Name, Source: "INBOX", Target: "INBOX",
		SourceValidity: l.from.UIDValidity("INBOX"), TargetValidity: l.to.UIDValidity("INBOX"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := page.Inventoried(t.Context(), 900); err != nil { // as if it had been that high
		t.Fatal(err)
	}
	res := l.copy()
	if res.Sent != 0 || res.Tally().Present != 20 || res.Accounts[0].Findings[0].Code != "MX058" {
		t.Errorf("sent %d, tally %+v, findings %v, want all matched anew", res.Sent, res.Tally(), res.Accounts[0].Findings)
	}
}

func TestTargetThatRefusesEveryKeyword(t *testing.T) {
	t.Parallel()
	for name, hide := range map[string][]imap.Cap{"multiappend": nil, "singles": {"MULTIAPPEND"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, imaplab.Options{}, imaplab.Options{Hide: hide, Faults: imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
				if c.Verb == "APPEND" && strings.Contains(c.Args, "work") {
					return imaplab.Refuse
				}
				return imaplab.Pass
			}}})
			deliver(t, l.from, "INBOX", letters(0, 200, imap.FlagSeen, "work")...)
			res := l.copy()
			if got, want := res.Tally(), (mailbox.Tally{Messages: 200, Copied: 200}); got != want {
				t.Errorf("tally = %+v, want %+v", got, want)
			}
			if n := res.Accounts[0].Mailboxes[0].Keywords["work"]; n != 200 {
				t.Errorf("work was dropped from %d messages, want 200", n)
			}
		})
	}
}

func TestServerThatAllowsFewConnections(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	for _, name := range []string{"A", "B", "C", "D", "E"} {
		l.from.Create("INBOX."+name, "")
		deliver(t, l.from, "INBOX."+name, letters(0, 10)...)
	}
	l.target.SetFaults(imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if (c.Verb == "LOGIN" || c.Verb == "AUTHENTICATE") && c.N > 2 { // one to copy, one to create
			return imaplab.Bye
		}
		return imaplab.Pass
	}})
	if got := l.copy().Tally(); got.Copied != 50 {
		t.Errorf("tally = %+v, want 50 copied", got)
	}
	if n := l.target.Count("AUTHENTICATE") + l.target.Count("LOGIN"); n < 3 {
		t.Errorf("%d connections were tried, want some that are refused", n)
	}
}
