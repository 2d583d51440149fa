package mailbox_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mxmove/mxmove/mailbox"
	"github.com/mxmove/mxmove/mailbox/imaplab"
)

// fill makes mailboxes of every kind at the source.
func fill(t *testing.T, l *lab) {
	t.Helper()
	l.from.Create("INBOX.Sent", imap.MailboxAttrSent)
	l.from.Create("INBOX.Sent.2019", "")
	l.from.Create("INBOX.Projekte.Größe & Gewicht.2019", "")
	l.from.Create("INBOX.Empty", "")
	l.from.Create("INBOX.2019", "")
	l.from.Subscribe("INBOX.Projekte.Größe & Gewicht.2019")
	l.to.Create("Sent Items", imap.MailboxAttrSent)
	deliver(t, l.from, "INBOX", letters(0, 250, imap.FlagSeen, "$Forwarded")...)
	deliver(t, l.from, "INBOX.Sent", letters(300, 310)...)
	deliver(t, l.from, "INBOX.Sent.2019", awkward()...)
	deliver(t, l.from, "INBOX.Projekte.Größe & Gewicht.2019", letters(400, 403, imap.FlagFlagged, imap.FlagDeleted)...)
}

// paths are the mailboxes that fill makes, and where they go.
var paths = map[string]string{
	"INBOX": "INBOX", "INBOX.Sent": "Sent Items", "INBOX.Sent.2019": "Sent Items/2019",
	"INBOX.Projekte.Größe & Gewicht.2019": "Projekte/Größe & Gewicht/2019", "INBOX.Empty": "Empty", "INBOX.2019": "2019",
}

// awkward are messages by which copiers are known to lose or double mail:
// true twins, equal headers over different texts, no Message-ID, no header at
// all, no text, bare line ends.
func awkward() []imaplab.Message {
	body := func(s string) imaplab.Message {
		return imaplab.Message{Body: []byte(s), Date: time.Date(2001, 2, 3, 4, 5, 6, 0, time.FixedZone("", -8*3600))}
	}
	head := "Message-ID: <x@example.org>\r\nSubject: same\r\n\r\n"
	nameless := "Date: Sat, 3 Feb 2001 04:05:06 -0800\r\nSubject: report\r\n\r\n"
	return []imaplab.Message{
		body(head + "twin\r\n"), body(head + "twin\r\n"), body(head + "other\r\n"), body(head + "third\r\n"),
		body(nameless + "81 percent\r\n"), body(nameless + "82 percent\r\n"), body(nameless + "81 percent\r\n"),
		body("no header at all"), body("\r\nonly text\r\n"), body("Subject: only header\r\n\r\n"),
		body("Subject: bare\n\nline\nends\n"), body("Subject: h\xe4der\r\n\r\n8 bit \xff\r\n"),
	}
}

func samePaths(t *testing.T, l *lab) {
	t.Helper()
	for source, target := range paths {
		same(t, l.from, source, l.to, target)
	}
}

// habits are targets that take messages in different ways.
var habits = map[string]imaplab.Options{
	"multiappend":        {},
	"literal plus":       {Hide: []imap.Cap{"MULTIAPPEND"}},
	"synchronising":      {Hide: []imap.Cap{"MULTIAPPEND", "LITERAL+"}},
	"multi synchronised": {Hide: []imap.Cap{"LITERAL+"}},
	"without uidplus":    {Hide: []imap.Cap{"UIDPLUS"}},
	"bare imap4rev1":     {Hide: []imap.Cap{"MULTIAPPEND", "LITERAL+", "UIDPLUS", "LIST-EXTENDED", "SPECIAL-USE", "NAMESPACE"}},
}

func TestCopyKeepsEverything(t *testing.T) {
	t.Parallel()
	for name, habit := range habits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t, imaplab.Options{}, habit)
			fill(t, l)
			res := l.copy()
			samePaths(t, l)
			if got, want := res.Tally(), (mailbox.Tally{Messages: 275, Copied: 275}); got != want || res.Sent != 275 {
				t.Errorf("Copy() = %+v, %d sent, want %+v", got, res.Sent, want)
			}
			if got := strings.Join(l.to.Subscribed(), ","); got != "INBOX,Projekte/Größe & Gewicht/2019" {
				t.Errorf("subscribed = %s", got)
			}
		})
	}
}

func TestSecondRunSendsNothing(t *testing.T) {
	t.Parallel()
	for name, habit := range habits {
		for _, state := range []string{"kept", "lost"} {
			t.Run(name+" state "+state, func(t *testing.T) {
				t.Parallel()
				l := start(t, imaplab.Options{}, habit)
				fill(t, l)
				l.copy()
				if state == "lost" {
					l.forget()
				}
				l.target.ResetCommands()
				res := l.copy()
				if n := appends(l.target); n != 0 || res.Sent != 0 {
					t.Errorf("second run: %d APPENDs, %d messages", n, res.Sent)
				}
				if got := res.Tally(); got.Copied+got.Present != 275 || state == "kept" && got.Copied != 275 {
					t.Errorf("second run: tally = %+v", got)
				}
				samePaths(t, l)
			})
		}
	}
}

func TestSourceSeesNoCommandThatWrites(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	fill(t, l)
	l.copy()
	for _, c := range l.source.Commands() {
		for _, verb := range []string{"SELECT", "STORE", "APPEND", "CREATE", "DELETE", "EXPUNGE", "MOVE", "COPY", "SUBSCRIBE", "RENAME", "CLOSE"} {
			for word := range strings.FieldsSeq(strings.ToUpper(c)) {
				if word == verb {
					t.Errorf("the source saw %q", c)
				}
			}
		}
	}
	for _, c := range l.target.Commands() {
		if strings.Contains(strings.ToUpper(c), "EXPUNGE") || strings.Contains(strings.ToUpper(c), "CLOSE") {
			t.Errorf("the target saw %q", c)
		}
	}
}

func TestTargetHasSomeAlready(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	twins := awkward()
	deliver(t, l.from, "INBOX", twins...)
	deliver(t, l.from, "INBOX", letters(0, 20)...)
	deliver(t, l.to, "INBOX", twins[1], twins[2], letter(3))
	// The same letter by another way has other lines in its header, another
	// size and another date.
	other := letter(4)
	other.Body = append([]byte("Received: from elsewhere\r\n"), other.Body...)
	other.Date = other.Date.Add(time.Minute)
	deliver(t, l.to, "INBOX", other)
	res := l.copy()
	if got, want := res.Tally(), (mailbox.Tally{Messages: 32, Copied: 28, Present: 4}); got != want {
		t.Errorf("tally = %+v, want %+v", got, want)
	}
	if n := len(l.to.Messages("INBOX")); n != 32 {
		t.Errorf("the target holds %d messages, want 32", n)
	}
}

func TestForeignDeliveriesBetweenRuns(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 5)...)
	l.copy()
	deliver(t, l.to, "INBOX", letter(100), letter(6))
	deliver(t, l.from, "INBOX", letters(5, 8)...)
	res := l.copy()
	if got, want := res.Tally(), (mailbox.Tally{Messages: 8, Copied: 7, Present: 1}); got != want {
		t.Errorf("tally = %+v, want %+v", got, want)
	}
	if n := len(l.to.Messages("INBOX")); n != 9 {
		t.Errorf("the target holds %d messages, want 9", n)
	}
}

func TestWhatTheUserMovesOrDeletesStaysAway(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 5)...)
	l.copy()
	if err := l.to.Remove("INBOX", 3); err != nil {
		t.Fatal(err)
	}
	if res := l.copy(); res.Sent != 0 {
		t.Errorf("a deleted message was sent again")
	}
	l.options.RecopyMissing = true
	if res := l.copy(); res.Sent != 1 {
		t.Errorf("with RecopyMissing %d messages were sent, want 1", res.Sent)
	}
	same(t, l.from, "INBOX", l.to, "INBOX")
	if res := l.copy(); res.Sent != 0 {
		t.Errorf("a message that was sent again was sent once more")
	}
}

func TestUIDValidityChanges(t *testing.T) {
	t.Parallel()
	for _, which := range []string{"source", "target"} {
		t.Run(which, func(t *testing.T) {
			t.Parallel()
			l := start(t, imaplab.Options{}, imaplab.Options{})
			deliver(t, l.from, "INBOX", append(awkward(), letters(0, 20)...)...)
			l.copy()
			a := l.from
			if which == "target" {
				a = l.to
			}
			if err := a.SetUIDValidity("INBOX", 99); err != nil {
				t.Fatal(err)
			}
			deliver(t, l.from, "INBOX", letter(50))
			l.target.ResetCommands()
			res := l.copy()
			same(t, l.from, "INBOX", l.to, "INBOX")
			if res.Sent != 1 {
				t.Errorf("%d messages were sent, want 1", res.Sent)
			}
			if f := res.Accounts[0].Findings; len(f) != 1 || f[0].Code != "MX058" {
				t.Errorf("findings = %v, want MX058", f)
			}
		})
	}
}

func TestLargeMessageFlowsThroughLittleMemory(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	large := letter(1)
	large.Body = append(large.Body, bytes.Repeat([]byte("0123456789abcdef0123456789abcdef\r\n"), 9<<20/34+1)...)
	deliver(t, l.from, "INBOX", letter(0), large, letter(2))
	l.options.Memory = 1 << 20
	l.copy()
	same(t, l.from, "INBOX", l.to, "INBOX")
}

func TestKeywordsThatTheTargetDrops(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{NoKeywords: true})
	deliver(t, l.from, "INBOX", letter(1, imap.FlagSeen, "work", "$Label1"), letter(2, "work"))
	res := l.copy()
	if got := fmt.Sprint(res.Accounts[0].Mailboxes[0].Keywords); got != "map[$Label1:1 work:2]" {
		t.Errorf("dropped keywords = %s", got)
	}
	if n := len(l.to.Messages("INBOX")); n != 2 {
		t.Errorf("the target holds %d messages, want 2", n)
	}
	if f := res.Accounts[0].Findings; len(f) != 1 || f[0].Code != "MX055" || fmt.Sprint(f[0].Evidence) != "[$Label1 on 1 message work on 2 messages]" {
		t.Errorf("findings = %v, want MX055", f)
	}
}

func TestDeletedMessages(t *testing.T) {
	t.Parallel()
	for policy, want := range map[mailbox.Deleted]string{
		"": "[[\\Deleted] []]", mailbox.DeletedUnflag: "[[] []]", mailbox.DeletedSkip: "[[]]",
	} {
		l := start(t, imaplab.Options{}, imaplab.Options{})
		deliver(t, l.from, "INBOX", letter(1, imap.FlagDeleted), letter(2))
		l.options.Deleted = policy
		res := l.copy()
		var flags []string
		for _, m := range l.to.Messages("INBOX") {
			flags = append(flags, fmt.Sprint(m.Flags))
		}
		if got := fmt.Sprint(flags); got != want {
			t.Errorf("deleted %q: flags at the target = %s, want %s", policy, got, want)
		}
		if got := res.Tally(); policy == mailbox.DeletedSkip && (got.Skipped != 1 || got.Copied != 1) {
			t.Errorf("deleted skip: tally = %+v", got)
		}
	}
}

func TestFlagsFollowTheSourceUntilTheSwitch(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	from := deliver(t, l.from, "INBOX", letter(1), letter(2, imap.FlagSeen, "work"), letter(3))
	l.copy()
	set := func(a *imaplab.Account, uid imap.UID, flags ...imap.Flag) {
		t.Helper()
		if err := a.SetFlags("INBOX", uid, flags...); err != nil {
			t.Fatal(err)
		}
	}
	set(l.from, from[0], imap.FlagSeen)
	set(l.from, from[1], imap.FlagFlagged)
	set(l.to, 2, imap.FlagSeen, "work", "mine") // the user's own mark
	set(l.to, 3, imap.FlagSeen)                 // read at the target, unchanged at the source
	res := l.copy()
	if n := res.Accounts[0].Mailboxes[0].Flags; n != 2 {
		t.Errorf("flags of %d messages were carried over, want 2", n)
	}
	want := []string{`\Seen`, `\Flagged mine`, `\Seen`}
	for i, m := range l.to.Messages("INBOX") {
		if got := strings.TrimSpace(flagWords(m.Flags)); got != want[i] {
			t.Errorf("message %d has %s, want %s", i+1, got, want[i])
		}
	}
	l.options.Additions = true
	set(l.from, from[2], imap.FlagFlagged)
	l.target.ResetCommands()
	l.copy()
	if n := l.target.Count("UID STORE"); n != 0 {
		t.Errorf("after the switch %d STOREs were sent", n)
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	fill(t, l)
	deliver(t, l.to, "INBOX", letter(3, imap.FlagSeen, "$Forwarded"))
	l.options.DryRun = true
	res := l.copy()
	if res.Sent != 274 || res.Tally().Present != 1 {
		t.Errorf("dry run would send %d with tally %+v, want 274 and one present", res.Sent, res.Tally())
	}
	for _, c := range l.target.Commands() {
		for _, verb := range []string{"APPEND", "CREATE", "STORE", "SELECT", "SUBSCRIBE "} {
			if strings.Contains(strings.ToUpper(c), verb) && !strings.Contains(c, "LIST") && !strings.Contains(c, "UNSELECT") {
				t.Errorf("dry run sent %q", c)
			}
		}
	}
	l.options.DryRun = false
	l.copy()
	samePaths(t, l)
}

func flagWords(flags []imap.Flag) string {
	var words []string
	for _, f := range flags {
		words = append(words, string(f))
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

func TestAccountsShareLittleMemory(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{Hide: []imap.Cap{"MULTIAPPEND"}})
	var accounts []mailbox.Account
	for i := range 6 {
		user := fmt.Sprintf("user%d", i)
		from := l.source.Account(user, "p")
		l.target.Account(user, "p")
		from.Create("INBOX.A", "")
		deliver(t, from, "INBOX", letters(0, 60)...)
		deliver(t, from, "INBOX.A", letters(0, 60)...)
		accounts = append(accounts, mailbox.Account{Name: user, Source: side(l.source, user, "p"), Target: side(l.target, user, "p")})
	}
	l.options.Memory = 2 << 10 // less than any batch
	res, err := l.copier().Copy(t.Context(), accounts)
	if err != nil || res.Err() != nil || res.Tally().Copied != 720 {
		t.Errorf("Copy() = %v, %v, %+v, want 720 copied", err, res.Err(), res.Tally())
	}
}

func TestSourceChangesWhileItIsCopied(t *testing.T) {
	t.Parallel()
	l := start(t, imaplab.Options{}, imaplab.Options{})
	deliver(t, l.from, "INBOX", letters(0, 1200)...)
	var once sync.Once
	l.source.SetFaults(imaplab.Faults{Command: func(c imaplab.Command) imaplab.Action {
		if c.Verb == "UID FETCH" && strings.Contains(c.Args, "BODY.PEEK[]") {
			once.Do(func() { // listed, and not yet fetched
				for uid := range imap.UID(50) {
					_ = l.from.Remove("INBOX", 1000+uid)
				}
				_, _ = l.from.Deliver("INBOX", letter(5000))
			})
		}
		return imaplab.Pass
	}})
	res := l.copy()
	if got, want := res.Tally(), (mailbox.Tally{Messages: 1150, Copied: 1150}); got != want {
		t.Errorf("tally = %+v, want %+v", got, want)
	}
	l.copy()
	same(t, l.from, "INBOX", l.to, "INBOX")
}
