package mailbox_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// strict is a server that takes only what RFC 5322 knows, as Cyrus and Yahoo
// are, and says so in its own way.
func strict(_ string, body []byte) error {
	header, _, _ := bytes.Cut(body, []byte("\r\n\r\n"))
	switch {
	case bytes.IndexByte(body, 0) >= 0:
		return errors.New("Message contains NUL characters")
	case bytes.Count(body, []byte("\n")) != bytes.Count(body, []byte("\r\n")):
		return errors.New("Message contains bare newlines")
	case bytes.ContainsFunc(header, func(r rune) bool { return r > 127 }):
		return errors.New("Message contains invalid header")
	case !bytes.HasSuffix(body, []byte("\r\n")):
		return &imap.Error{Type: imap.StatusResponseTypeBad, Code: "CANNOT", Text: "Additional arguments found after last expected argument"}
	}
	return nil
}

// faulty are messages that a strict server refuses, and what it takes for
// each: nothing else may differ.
func faulty() (as, want []imaplab.Message) {
	date := time.Date(2001, 2, 3, 4, 5, 6, 0, time.FixedZone("", -8*3600))
	for i, m := range [][2]string{
		{"Subject: a\r\n\r\nno end", "Subject: a\r\n\r\nno end\r\n"},
		{"Subject: a\n\nlone\nline ends\n", "Subject: a\r\n\r\nlone\r\nline ends\r\n"},
		{"Subject: a\r\n\r\nmixed\nline\rends\r\n", "Subject: a\r\n\r\nmixed\r\nline\r\nends\r\n"},
		{"Subject: a\r\n\r\nN\x00UL\r\n", "Subject: a\r\n\r\nNUL\r\n"},
		{"Subject: h\xe4der\r\n\r\n8 bit \xff\r\n", "Subject: =?iso-8859-1?q?h=E4der?=\r\n\r\n8 bit \xff\r\n"},
		{"Subject: h\xe4der\n\nall \x00of it", "Subject: =?iso-8859-1?q?h=E4der?=\r\n\r\nall of it\r\n"},
		{"Subject: a\r\n\r\nno fault \xff\r\n", "Subject: a\r\n\r\nno fault \xff\r\n"},
	} {
		id := fmt.Sprintf("Message-ID: <f%d@example.org>\r\n", i)
		flags := []imap.Flag{imap.FlagSeen, "work"}
		as = append(as, imaplab.Message{Body: []byte(id + m[0]), Date: date, Flags: flags})
		want = append(want, imaplab.Message{Body: []byte(id + m[1]), Date: date, Flags: flags})
	}
	return as, want
}

const repaired = 6 // of the faulty ones

// wanted compares the target's INBOX with what it should hold.
func wanted(t *testing.T, a *imaplab.Account, want []imaplab.Message) {
	t.Helper()
	if got, want := strings.Join(picture(a.Messages("INBOX")), "\n"), strings.Join(picture(want), "\n"); got != want {
		t.Errorf("the target holds\n%q, want\n%q", got, want)
	}
}

func TestRefusedMessagesAreRepaired(t *testing.T) {
	t.Parallel()
	for name, habit := range habits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			habit.RefuseAppend = strict
			l := start(t, imaplab.Options{}, habit)
			as, want := faulty()
			deliver(t, l.from, "INBOX", append(as, letters(0, 120)...)...)
			res := l.copy()
			wanted(t, l.to, append(want, letters(0, 120)...))
			m := res.Accounts[0].Mailboxes[0]
			if m.Tally != (mailbox.Tally{Messages: 127, Copied: 127}) || m.Repaired != repaired || res.Accounts[0].Repaired != repaired {
				t.Errorf("tally %+v, %d repaired, want 127 copied, %d repaired", m.Tally, m.Repaired, repaired)
			}
			if f := res.Accounts[0].Findings; len(f) != 1 || f[0].Code != "MX162" || len(f[0].Evidence) != repaired {
				t.Errorf("findings = %v, want MX162 with %d messages", f, repaired)
			}
			originals(t, l, as[:repaired])
			again(t, l, 0)
		})
	}
}

// again requires that neither a further run nor one without any memory sends
// anything, and that verify knows the repaired messages.
func again(t *testing.T, l *lab, refused int) {
	t.Helper()
	l.target.ResetCommands()
	res := l.copy()
	if m := res.Accounts[0].Mailboxes[0]; appends(l.target) != 0 || m.Repaired != repaired {
		t.Errorf("a further run sent %d APPENDs and knows of %d repaired, want none and %d", appends(l.target), m.Repaired, repaired)
	}
	for _, hash := range []int{0, 100} {
		b, marks := l.verify(mailbox.VerifyOptions{Hash: hash})
		if !b.Balanced || b.Repaired() != repaired || len(marks) != refused || b.Extra() != 0 {
			t.Errorf("Verify(%d) = %+v, marks %v, want %d repaired and a balance", hash, b, marks, repaired)
		}
	}
	l.forget()
	if res := l.copy(); appends(l.target) != 0 || res.Tally().Present != res.Tally().Messages-refused {
		t.Errorf("without memory %d APPENDs were sent, tally %+v", appends(l.target), res.Tally())
	}
	if b, marks := l.verify(mailbox.VerifyOptions{Hash: 100}); !b.Balanced || len(marks) != refused {
		t.Errorf("Verify without memory = %+v, marks %v, want a balance", b, marks)
	}
}

// originals requires the originals as files, and a line for each.
func originals(t *testing.T, l *lab, as []imaplab.Message) {
	t.Helper()
	f, err := os.Open(filepath.Join(l.options.Refused, "index.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) != len(as)+1 {
		t.Fatalf("index.csv has %d rows, %v, want %d", len(rows), err, len(as)+1)
	}
	for i, m := range as {
		row := rows[i+1]
		got, err := os.ReadFile(filepath.Join(l.options.Refused, filepath.FromSlash(row[0])))
		if err != nil || !bytes.Equal(got, m.Body) || !strings.HasPrefix(row[7], "copied with a repair: ") {
			t.Errorf("row %q: the file holds %q, %v, want %q", row, got, err, m.Body)
		}
	}
}

func TestRepairThatDoesNotHelpLeavesTheOriginal(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{RefuseAppend: func(_ string, body []byte) error {
		if bytes.Contains(body, []byte("virus")) {
			return errors.New("Message contains a virus")
		}
		return nil
	}})
	bad := imaplab.Message{Body: []byte("Subject: a\n\nvirus \x00")}
	deliver(t, l.from, "INBOX", append(letters(0, 5), bad)...)
	res := l.copy()
	if got := res.Accounts[0].Mailboxes[0]; got.Tally.Refused != 1 || got.Repaired != 0 {
		t.Errorf("tally %+v, %d repaired, want one refused", got.Tally, got.Repaired)
	}
	checkRefused(t, l, bad.Body)
	l.options.RecopyMissing = true
	l.target.SetFaults(imaplab.Faults{})
	if got := l.copy().Tally(); got.Refused != 1 {
		t.Errorf("asked for once more, tally %+v, want one refused", got)
	}
}

func TestKeywordAndFaultTogether(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{RefuseAppend: strict, Faults: imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if c.Verb == "APPEND" && strings.Contains(c.Args, "x:FLAG211") {
			return imaplab.Refuse
		}
		return imaplab.Pass
	}}})
	deliver(t, l.from, "INBOX", imaplab.Message{Body: []byte("Subject: a\n\nb\n"), Flags: []imap.Flag{imap.FlagSeen, "x:FLAG211"}})
	if got := l.copy().Accounts[0].Mailboxes[0]; got.Tally.Copied != 1 || got.Repaired != 1 || got.Keywords["x:FLAG211"] != 1 {
		t.Errorf("got %+v, want one copied, repaired, without its keyword", got)
	}
	if got := l.to.Messages("INBOX")[0]; string(got.Body) != "Subject: a\r\n\r\nb\r\n" || flagWords(got.Flags) != `\Seen` {
		t.Errorf("the target holds %q with %s", got.Body, flagWords(got.Flags))
	}
}

// TestRepairThatTheTargetNoLongerNeeds takes back what an attempt that was
// cut short has noted.
func TestRepairThatTheTargetNoLongerNeeds(t *testing.T) {
	t.Parallel()
	lenient := false
	l := start(t, imaplab.Options{}, imaplab.Options{RefuseAppend: func(mailbox string, body []byte) error {
		if lenient {
			return nil
		}
		return strict(mailbox, body)
	}})
	as, _ := faulty()
	deliver(t, l.from, "INBOX", as[3])
	ctx, kill := context.WithCancel(t.Context())
	l.target.SetFaults(imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if c.Verb == "APPEND" && c.N == 3 { // as it is, without keywords, repaired
			kill()
			return imaplab.Cut
		}
		return imaplab.Pass
	}})
	_, _ = l.copier().Copy(ctx, []mailbox.Account{l.account})
	l.target.Disconnect()
	l.target.SetFaults(imaplab.Faults{})
	lenient = true
	if m := l.copy().Accounts[0].Mailboxes[0]; m.Tally.Copied != 1 || m.Repaired != 0 {
		t.Errorf("got %+v, want one copied as it is", m)
	}
	wanted(t, l.to, as[3:4])
	if b, _ := l.verify(mailbox.VerifyOptions{Hash: 100}); !b.Balanced || b.Repaired() != 0 {
		t.Errorf("Verify() = %+v, want nothing repaired", b)
	}
}
