package mailbox_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// fetches are the listings that a source was asked for.
func fetches(s *imaplab.Server) string {
	var all []string
	for _, c := range s.Commands() {
		if strings.HasPrefix(c, "UID FETCH") && !strings.Contains(c, "BODY") {
			all = append(all, strings.TrimPrefix(c, "UID FETCH "))
		}
	}
	return strings.Join(all, ", ")
}

const listing = " (UID FLAGS INTERNALDATE RFC822.SIZE)"

// TestRepeatRunAsksForWhatHasChanged has one message come, flags change, and a
// message go, between runs.
func TestRepeatRunAsksForWhatHasChanged(t *testing.T) {
	t.Parallel()
	type change func(l *lab)
	arrive := func(l *lab) { deliver(l.t, l.from, "INBOX", letter(500, imap.FlagSeen)) }
	read := func(l *lab) {
		if err := l.from.SetFlags("INBOX", 7, imap.FlagSeen, "work"); err != nil {
			l.t.Fatal(err)
		}
	}
	leave := func(l *lab) {
		if err := l.from.Remove("INBOX", 9); err != nil {
			l.t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		hide      []imap.Cap
		additions bool
		changes   []change
		want      string
	}{
		"nothing":                     {want: ""},
		"a message":                   {changes: []change{arrive}, want: "61:*" + listing + ", 1:60 (UID FLAGS) (CHANGEDSINCE 61)"},
		"flags":                       {changes: []change{read}, want: "61:*" + listing + ", 1:60 (UID FLAGS) (CHANGEDSINCE 61)"},
		"both":                        {changes: []change{read, arrive}, want: "61:*" + listing + ", 1:60 (UID FLAGS) (CHANGEDSINCE 61)"},
		"one came and one went":       {changes: []change{leave, arrive}, want: "1:* (UID), 61:*" + listing + ", 1:60 (UID FLAGS) (CHANGEDSINCE 61), 1:*" + listing},
		"without CONDSTORE":           {hide: []imap.Cap{imap.CapCondStore}, changes: []change{read, arrive}, want: "1:*" + listing},
		"after the switch":            {additions: true, changes: []change{read, arrive}, want: "61:*" + listing},
		"after the switch, CONDSTORE": {hide: []imap.Cap{imap.CapCondStore}, additions: true, changes: []change{read, arrive}, want: "61:*" + listing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, imaplab.Options{Hide: tt.hide}, imaplab.Options{})
			l.options.Additions = tt.additions
			l.options.Gone = mailbox.GoneFollow
			deliver(t, l.from, "INBOX", letters(0, 60)...)
			l.copy()
			for _, change := range tt.changes {
				change(l)
			}
			l.source.ResetCommands()
			res := l.copy()
			if got := fetches(l.source); got != tt.want {
				t.Errorf("asked for %s\nwant %s", got, tt.want)
			}
			if got, want := res.Tally().Copied, len(l.from.Messages("INBOX")); got != want || res.Tally().Messages != want {
				t.Errorf("tally = %+v, want %d copied", res.Tally(), want)
			}
			if !tt.additions && name != "one came and one went" {
				same(t, l.from, "INBOX", l.to, "INBOX")
			}
			l.source.ResetCommands()
			if again := l.copy(); again.Sent != 0 || (len(tt.hide) == 0 || tt.additions) && fetches(l.source) != "" {
				t.Errorf("a further run sent %d and asked for %s, want nothing of both", again.Sent, fetches(l.source))
			}
			if b, _ := l.verify(mailbox.VerifyOptions{Hash: 100}); !b.Balanced {
				t.Errorf("Verify() = %+v, want a balance", b)
			}
		})
	}
}

// TestCursorStaysBeforeWhatWasNotRead has a server that leaves a message out
// and answers OK: no later run may ask behind it.
func TestCursorStaysBeforeWhatWasNotRead(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 53)...)
	l.copy()
	deliver(t, l.from, "INBOX", letters(53, 56)...)
	told := func(from imap.UID) []string {
		var lines []string
		for i, m := range l.from.Messages("INBOX") {
			if m.UID >= from && m.UID != 55 {
				lines = append(lines, fmt.Sprintf(`* %d FETCH (UID %d FLAGS () INTERNALDATE "%s" RFC822.SIZE %d)`,
					i+1, m.UID, m.Date.Format("02-Jan-2006 15:04:05 -0700"), len(m.Body)))
			}
		}
		return append(lines, "TAG OK done")
	}
	l.source.SetFaults(imaplab.Faults{Answer: func(c imaplab.Command) []string {
		switch {
		case c.Verb == "UID FETCH" && c.Args == "54:*"+listing:
			return told(54)
		case c.Verb == "UID FETCH" && c.Args == "1:*"+listing:
			return told(1)
		case c.Verb == "UID FETCH" && strings.HasPrefix(c.Args, "55 "):
			return []string{"TAG OK done"}
		}
		return nil
	}})
	res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.account})
	if got := res.Tally(); err != nil || got != (mailbox.Tally{Messages: 56, Copied: 55, Doubt: 1}) {
		t.Errorf("Copy() = %v, %v, tally %+v, want one in doubt", err, res.Err(), got)
	}
	l.source.SetFaults(imaplab.Faults{})
	if b, _ := l.verify(mailbox.VerifyOptions{}); b.Tally().Missing+b.Tally().New+b.Tally().Doubt != 1 {
		t.Errorf("Verify() = %+v, want one that is not at the target", b)
	}
	if got := l.copy().Tally(); got.Copied != 56 {
		t.Errorf("later, tally = %+v, want 56 copied", got)
	}
	same(t, l.from, "INBOX", l.to, "INBOX")
}
