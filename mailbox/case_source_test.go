package mailbox_test

import (
	"bytes"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// TestMessageThatTheSourceLeavesOut is in doubt, and costs nothing else:
// Exchange answers OK and gives nothing for some UIDs.
func TestMessageThatTheSourceLeavesOut(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 6)...)
	l.source.SetFaults(imaplab.Faults{Answer: func(c imaplab.Command) []string {
		set, items, _ := strings.Cut(c.Args, " ")
		if c.Verb == "UID FETCH" && strings.Contains(items, "BODY.PEEK[]") && (set == "4" || set == "1:6") {
			return []string{"TAG OK done"}
		}
		return nil
	}})
	res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.account})
	if got := res.Tally(); err != nil || got != (mailbox.Tally{Messages: 6, Copied: 5, Doubt: 1}) || codes(res) != "MX168" {
		t.Errorf("Copy() = %v, %v, tally %+v, want five copied and one in doubt", err, res.Err(), got)
	}
	l.source.SetFaults(imaplab.Faults{})
	if got := l.copy().Tally(); got.Copied != 6 {
		t.Errorf("later, tally = %+v, want all copied", got)
	}
	same(t, l.from, "INBOX", l.to, "INBOX")
}

// TestMessageThatTheSourceGivesEmpty, and lists with a size, is not copied as
// an empty one: a server that cannot read a message may answer so.
func TestMessageThatTheSourceGivesEmpty(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"small": 0, "large": 9 << 20} {
		l := start(t, imaplab.Options{}, imaplab.Options{})
		broken := letter(3)
		broken.Body = append(broken.Body, bytes.Repeat([]byte("0123456789abcd\r\n"), size/16)...)
		deliver(t, l.from, "INBOX", append(letters(0, 3), broken, letter(4))...)
		l.source.SetFaults(imaplab.Faults{Answer: func(c imaplab.Command) []string {
			set, items, _ := strings.Cut(c.Args, " ")
			if c.Verb == "UID FETCH" && strings.Contains(items, "BODY.PEEK[]") && (set == "4" || set == "1:5") {
				return []string{"* 4 FETCH (UID 4 BODY[] {0}", ")", "TAG OK done"}
			}
			return nil
		}})
		res, err := l.copier().Copy(t.Context(), []mailbox.Account{l.account})
		if got := res.Tally(); err != nil || res.Err() != nil || got != (mailbox.Tally{Messages: 5, Copied: 4, Doubt: 1}) {
			t.Errorf("%s: Copy() = %v, %v, tally %+v, want four copied and one in doubt", name, err, res.Err(), got)
		}
		l.source.SetFaults(imaplab.Faults{})
		l.copy()
		same(t, l.from, "INBOX", l.to, "INBOX")
	}
}

// TestWordsThatNobodyAskedFor come between the answers of both servers.
func TestWordsThatNobodyAskedFor(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", append(awkward(), letters(0, 40, imap.FlagSeen)...)...)
	noise := imaplab.Faults{Answer: func(c imaplab.Command) []string {
		if c.User == "" {
			return nil
		}
		return []string{
			"* 23 EXISTS", "* 2 EXPUNGE", "* 5 RECENT", `* 3 FETCH (FLAGS (\Seen \Recent))`, "* OK [ALERT] the server goes down at noon",
			`* FLAGS (\Seen OIB-Seen-[Gmail]/All Mail)`, "* X-NOTHING (what (nobody \"knows\"))", "* OK still here",
		}
	}}
	l.source.SetFaults(noise)
	l.target.SetFaults(noise)
	if got := l.copy().Tally(); got.Copied != 52 {
		t.Errorf("tally = %+v, want 52 copied", got)
	}
	same(t, l.from, "INBOX", l.to, "INBOX")
	if b, marks := l.verify(mailbox.VerifyOptions{Hash: 100}); !b.Balanced {
		t.Errorf("Verify() = %+v, %v, want a balance", b, marks)
	}
}

// TestListThatIsAnnouncedAndNotSpoken is asked for in the old way, as Zoho
// wants it; the attributes count.
func TestListThatIsAnnouncedAndNotSpoken(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	l.from.Create("INBOX.Abgeschickt", imap.MailboxAttrSent)
	l.to.Create("Sent Items", imap.MailboxAttrSent)
	deliver(t, l.from, "INBOX.Abgeschickt", letter(1))
	l.source.SetFaults(imaplab.Faults{Answer: func(c imaplab.Command) []string {
		if c.Verb == "LIST" && strings.Contains(c.Args, "RETURN") {
			return []string{"TAG BAD unexpected char"}
		}
		if c.Verb == "LIST" {
			return []string{`* LIST (\HasNoChildren) "." "INBOX"`, `* LIST (\HasNoChildren \Sent) "." "INBOX.Abgeschickt"`, "TAG OK done"}
		}
		return nil
	}})
	l.copy()
	same(t, l.from, "INBOX.Abgeschickt", l.to, "Sent Items")
}

// TestNothingIsEnabled whatever is announced: Exchange Online has announced
// IMAP4rev2 and failed at it, and names come out the same without UTF8=ACCEPT.
func TestNothingIsEnabled(t *testing.T) {
	t.Parallel()
	o := imaplab.Options{Extra: []imap.Cap{"IMAP4rev2", "UTF8=ACCEPT", "CONDSTORE", "QRESYNC"}}
	l := start(t, o, o)
	l.from.Create("INBOX.Größe & 予定", "")
	deliver(t, l.from, "INBOX.Größe & 予定", letters(0, 3)...)
	l.copy()
	same(t, l.from, "INBOX.Größe & 予定", l.to, "Größe & 予定")
	if l.source.Count("ENABLE")+l.target.Count("ENABLE") != 0 {
		t.Error("something was enabled")
	}
}

// TestFlagsThatNoClientMaySet cost neither the message nor its other flags.
func TestFlagsThatNoClientMaySet(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letter(1, imap.FlagSeen, `\Indexed`, `\X-EON-HAS-ATTACHMENT`, `\$NOTJUNK`, "$Forwarded"))
	res := l.copy()
	if got := flagWords(l.to.Messages("INBOX")[0].Flags); got != `$Forwarded \Seen` {
		t.Errorf("flags at the target = %s, want $Forwarded \\Seen", got)
	}
	if n := appends(l.target); n != 1 || len(res.Accounts[0].Mailboxes[0].Keywords) != 1 {
		t.Errorf("%d APPENDs, dropped %v, want one and a count", n, res.Accounts[0].Mailboxes[0].Keywords)
	}
}

// TestClockThatJumps changes nothing for a copy.
func TestClockThatJumps(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 300)...)
	var n atomic.Int64
	l.options.Now = func() time.Time {
		return time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(n.Add(1)%3-1) * time.Hour)
	}
	var once atomic.Bool
	l.target.SetFaults(imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if c.Verb == "APPEND" && c.N == 2 && once.CompareAndSwap(false, true) {
			return imaplab.Mute
		}
		return imaplab.Pass
	}})
	l.copy()
	same(t, l.from, "INBOX", l.to, "INBOX")
}
