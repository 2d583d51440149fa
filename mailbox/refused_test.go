package mailbox_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imapconn"
	"github.com/mxmove/mxmove/mailbox/imaplab"
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
