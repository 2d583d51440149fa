package mailbox_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// leaving lets a server answer OK to listings of a mailbox, as long as silent
// says so, and leave a message out of them, as Exchange does.
func leaving(a *imaplab.Account, name string, uid imap.UID, silent *atomic.Bool) imaplab.Faults {
	return imaplab.Faults{Answer: func(c imaplab.Command) []string {
		set, items, _ := strings.Cut(c.Args, " ")
		if c.Verb != "UID FETCH" || !silent.Load() || strings.Contains(items, "BODY.PEEK[]") {
			return nil
		}
		var lines []string
		for i, m := range a.Messages(name) {
			if m.UID == uid || !strings.Contains(set, ":") {
				continue
			}
			line := fmt.Sprintf(`* %d FETCH (UID %d`, i+1, m.UID)
			if strings.Contains(items, "RFC822.SIZE") {
				line += fmt.Sprintf(` FLAGS () INTERNALDATE "%s" RFC822.SIZE %d`, m.Date.Format("02-Jan-2006 15:04:05 -0700"), len(m.Body))
			}
			if _, fields, ok := strings.Cut(items, "BODY.PEEK["); ok {
				header, _, _ := bytes.Cut(m.Body, []byte("\r\n\r\n"))
				line += fmt.Sprintf(" BODY[%s {%d}\r\n%s\r\n\r\n", strings.TrimSuffix(fields, ")"), len(header)+4, header)
			}
			lines = append(lines, line+")")
		}
		return append(lines, "TAG OK done")
	}}
}

// TestVerifyOfWhatIsLeftOut never counts what was not measured as settled.
func TestVerifyOfWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		target    bool // it is the target that leaves the message out
		additions bool
		lost      bool // the state
		want      mailbox.Tally
		marks     []string
	}{
		"by the source":                            {want: mailbox.Tally{Messages: 6, Copied: 5, Doubt: 1}, marks: []string{"- INBOX 4 extra", "? INBOX 4 doubt"}},
		"by the target":                            {target: true, want: mailbox.Tally{Messages: 6, Copied: 5, Doubt: 1}, marks: []string{"? INBOX 4 doubt"}},
		"by the target after the switch":           {target: true, additions: true, want: mailbox.Tally{Messages: 6, Copied: 5, Doubt: 1}, marks: []string{"? INBOX 4 doubt"}},
		"by the target, and the state is lost too": {target: true, lost: true, want: mailbox.Tally{Messages: 6, Present: 5, Doubt: 1}, marks: []string{"? INBOX 4 doubt"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, imaplab.Options{}, imaplab.Options{})
			deliver(t, l.from, "INBOX", letters(0, 6)...)
			l.copy()
			l.options.Additions = tt.additions
			if tt.lost {
				l.forget()
			}
			var silent atomic.Bool
			silent.Store(true)
			if tt.target {
				l.target.SetFaults(leaving(l.to, "INBOX", 4, &silent))
			} else {
				l.source.SetFaults(leaving(l.from, "INBOX", 4, &silent))
			}
			b, marks := l.verify(mailbox.VerifyOptions{})
			if got := b.Tally(); b.Balanced || got != tt.want || !slices.Equal(marks, tt.marks) {
				t.Errorf("balanced %v, %+v, marks %q, want %+v, %q", b.Balanced, got, marks, tt.want, tt.marks)
			}
			silent.Store(false)
			if b, marks := l.verify(mailbox.VerifyOptions{}); !b.Balanced || b.Tally().Doubt != 0 || len(marks) != 0 {
				t.Errorf("later, %+v, marks %q, want a balance", b.Tally(), marks)
			}
		})
	}
}

// TestVerifyKnowsWhatIsNotNew has a run that could not read a message: when it
// can be read again, that does not make it one that has just come.
func TestVerifyKnowsWhatIsNotNew(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 6)...)
	var silent atomic.Bool
	silent.Store(true)
	l.source.SetFaults(leaving(l.from, "INBOX", 4, &silent))
	res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.account})
	if got := res.Tally(); err != nil || got != (mailbox.Tally{Messages: 6, Copied: 5, Doubt: 1}) {
		t.Fatalf("Copy() = %v, %v, tally %+v, want one in doubt", err, res.Err(), got)
	}
	silent.Store(false)
	deliver(t, l.from, "INBOX", letter(6))
	b, marks := l.verify(mailbox.VerifyOptions{})
	if want := (mailbox.Tally{Messages: 7, Copied: 5, New: 1, Missing: 1}); b.Balanced || b.Tally() != want {
		t.Errorf("balanced %v, %+v, marks %q, want %+v", b.Balanced, b.Tally(), marks, want)
	}
}

// TestNothingIsResentWhileTheTargetHidesMessages loses the answer to an APPEND
// that was done, and then leaves its message out of every listing.
func TestNothingIsResentWhileTheTargetHidesMessages(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{Hide: []imap.Cap{"MULTIAPPEND"}})
	deliver(t, l.from, "INBOX", letters(0, 6)...)
	var silent, mute atomic.Bool
	silent.Store(true)
	mute.Store(true)
	faults := leaving(l.to, "INBOX", 6, &silent)
	faults.Command = func(c imaplab.Command) imaplab.Action {
		if c.Verb == "APPEND" && c.N == 6 && mute.CompareAndSwap(true, false) {
			return imaplab.Mute
		}
		return imaplab.Pass
	}
	l.target.SetFaults(faults)
	for range 2 {
		res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.account})
		if got := res.Tally(); err != nil || res.Err() != nil || got != (mailbox.Tally{Messages: 6, Copied: 5, Doubt: 1}) || codes(res) != "MX168" {
			t.Errorf("Copy() = %v, %v, tally %+v, want one in doubt", err, res.Err(), got)
		}
	}
	if b, _ := l.verify(mailbox.VerifyOptions{}); b.Balanced || b.Tally().Doubt != 1 {
		t.Errorf("Verify() = %+v, want one in doubt", b.Tally())
	}
	silent.Store(false)
	if got := l.copy().Tally(); got != (mailbox.Tally{Messages: 6, Copied: 6}) {
		t.Errorf("later, tally = %+v, want all copied", got)
	}
	same(t, l.from, "INBOX", l.to, "INBOX")
}

// TestNothingIsRecopiedThatTheTargetHides sends again only what an exact search
// does not find either.
func TestNothingIsRecopiedThatTheTargetHides(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 6)...)
	l.copy()
	if err := l.to.Remove("INBOX", 2); err != nil {
		t.Fatal(err)
	}
	var silent atomic.Bool
	silent.Store(true)
	l.target.SetFaults(leaving(l.to, "INBOX", 4, &silent))
	l.options.RecopyMissing = true
	if res := l.copy(); res.Sent != 1 {
		t.Errorf("sent %d, want the one that is missing", res.Sent)
	}
	same(t, l.from, "INBOX", l.to, "INBOX")
}

// TestCopyThatTheTargetHidesIsStillOurs has the target leave a copy out of the
// listing that is made right behind its APPEND. It has a UID that was told, and
// follows its message later.
func TestCopyThatTheTargetHidesIsStillOurs(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	l.from.Create("INBOX.Trash", imap.MailboxAttrTrash)
	l.to.Create("Trash", imap.MailboxAttrTrash)
	deliver(t, l.from, "INBOX", letters(0, 6)...)
	var silent atomic.Bool
	silent.Store(true)
	l.target.SetFaults(leaving(l.to, "INBOX", 4, &silent))
	if got := l.copy().Tally(); got.Copied != 6 {
		t.Errorf("tally = %+v, want all copied", got)
	}
	silent.Store(false)
	if err := l.from.Remove("INBOX", 4); err != nil {
		t.Fatal(err)
	}
	if got := l.copy().Accounts[0].Moved; got != 1 || len(l.to.Messages("Trash")) != 1 {
		t.Errorf("%d copies moved, want one", got)
	}
	same(t, l.from, "INBOX", l.to, "INBOX")
}
